"""Layers of weighted sums, and what is done to each number.

activations.py   one function of one number: ReLU, GELU, softmax ...
dense.py         every output a weighted sum of every input
dropout.py       noise in training: dropout, whole channels of it, Gaussian
from_formula.py  any formula, with its derivative by reverse mode
gates.py         a sigmoid decides how much passes: GLU, SwiGLU, highways
sampling.py      a normal number from its mean and variance
scaling.py       one learned number a feature: scale, slope, share
transposed.py    a dense layer the other way round, with the same weights
"""

from plainnet.layers.dense.activations import (
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
from plainnet.layers.dense.dense import Dense
from plainnet.layers.dense.dropout import Dropout, Dropout2d, GaussianNoise
from plainnet.layers.dense.from_formula import FromFormula
from plainnet.layers.dense.gates import GLU, Highway, SwiGLU
from plainnet.layers.dense.sampling import Sample
from plainnet.layers.dense.scaling import ParametricActivation, PReLU, Scale
from plainnet.layers.dense.transposed import Transposed

__all__ = [
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Dense",
    "Dropout",
    "Dropout2d",
    "FromFormula",
    "GaussianNoise",
    "Highway",
    "Identity",
    "LeakyReLU",
    "Mish",
    "PReLU",
    "ParametricActivation",
    "ReLU",
    "Sample",
    "Scale",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SwiGLU",
    "Tanh",
    "Transposed",
]
