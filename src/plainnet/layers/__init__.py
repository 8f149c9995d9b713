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
from plainnet.layers.containers import Parallel, Residual, Sequential
from plainnet.layers.dense import Dense
from plainnet.layers.dropout import Dropout, GaussianNoise
from plainnet.layers.embeddings import (
    CategoryEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from plainnet.layers.gates import GLU, Highway
from plainnet.layers.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from plainnet.layers.scaling import ParametricActivation, PReLU, Scale
from plainnet.layers.shaping import Flatten, Reshape

__all__ = [
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "BatchNorm",
    "CategoryEmbedding",
    "Dense",
    "Dropout",
    "Flatten",
    "Formula",
    "Formulas",
    "GaussianNoise",
    "GroupNorm",
    "Highway",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Mish",
    "PReLU",
    "Parallel",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Residual",
    "Scale",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
