"""The layers. `formulas` on each gives its mathematics as data; the code stands beside it."""

from plainnet.layers.activations import (
    ELU,
    GELU,
    SELU,
    Identity,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from plainnet.layers.base import Formula, Formulas, Layer
from plainnet.layers.containers import Residual, Sequential
from plainnet.layers.dense import Dense
from plainnet.layers.dropout import Dropout
from plainnet.layers.shaping import Flatten, Reshape

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Dense",
    "Dropout",
    "Flatten",
    "Formula",
    "Formulas",
    "Identity",
    "Layer",
    "LeakyReLU",
    "Mish",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
