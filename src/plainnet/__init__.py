"""Neural networks from scratch on NumPy: every formula next to its derivative."""

from plainnet import (
    augmentation,
    callbacks,
    data,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
)
from plainnet.cache import Cache
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.data import one_hot
from plainnet.files import load, save
from plainnet.generation import generate
from plainnet.history import History
from plainnet.inspect import GradientCheck, check_gradients
from plainnet.lbfgs import LBFGS
from plainnet.learning_rate import find_learning_rate
from plainnet.network import Network
from plainnet.textbook import NeuralNetwork
from plainnet.training import train

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "Cache",
    "Callback",
    "EarlyStopping",
    "GradientCheck",
    "History",
    "Network",
    "NeuralNetwork",
    "augmentation",
    "callbacks",
    "check_gradients",
    "data",
    "errors",
    "find_learning_rate",
    "generate",
    "initializers",
    "layers",
    "load",
    "losses",
    "metrics",
    "one_hot",
    "optimizers",
    "save",
    "schedules",
    "train",
]
