"""Layers of weighted sums, and functions of single numbers.

activations.py   functions of one number: ReLU, GELU ...; and softmax
dense.py         every output a weighted sum of all inputs
dropout.py       noise in training: dropout of units or channels, Gaussian noise
from_formula.py  any formula, with its derivative by reverse mode
gates.py         a sigmoid decides how much passes: GLU, SwiGLU, highways
sampling.py      a normal number from its mean and variance
scaling.py       one learned number per feature: a scale, a slope, a share
transposed.py    a dense layer in the opposite direction, with the same weights
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
