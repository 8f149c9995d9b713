"""Optimizers: one update rule each, on the flat parameter vector; and L-BFGS with a line search."""

from plainnet.optimizers.adam import Adam, AdamW, NAdam
from plainnet.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from plainnet.optimizers.base import Optimizer
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.optimizers.lion import Lion
from plainnet.optimizers.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
]
