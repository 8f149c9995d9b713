"""Neural networks from scratch on NumPy: every formula next to its derivative."""

from plainnet import data, errors, initializers, layers, losses, optimizers
from plainnet.cache import Cache
from plainnet.callbacks import Callback, EarlyStopping
from plainnet.data import one_hot
from plainnet.files import load, save
from plainnet.history import History
from plainnet.inspect import GradientCheck, check_gradients
from plainnet.network import Network
from plainnet.textbook import NeuralNetwork
from plainnet.training import train

__version__ = "0.1.0"

__all__ = [
    "Cache",
    "Callback",
    "EarlyStopping",
    "GradientCheck",
    "History",
    "Network",
    "NeuralNetwork",
    "check_gradients",
    "data",
    "errors",
    "initializers",
    "layers",
    "load",
    "losses",
    "one_hot",
    "optimizers",
    "save",
    "train",
]
