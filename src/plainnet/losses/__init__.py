"""The losses. `formulas` on each gives its mathematics as data; the code stands beside it."""

from plainnet.losses.base import Loss, real_targets
from plainnet.losses.classification import Focal, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.losses.hinge import Hinge
from plainnet.losses.latent import GaussianKL
from plainnet.losses.outputs import EachOutput
from plainnet.losses.positions import EachPosition
from plainnet.losses.regression import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    Tweedie,
)

__all__ = [
    "EachOutput",
    "EachPosition",
    "Focal",
    "GaussianKL",
    "Hinge",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "Quantile",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "Tweedie",
    "real_targets",
]
