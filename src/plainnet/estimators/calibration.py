"""Calibrated probabilities: a temperature, and the classifiers that fit one to held-out rows."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from math import log
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from plainnet.callbacks import Callback, Run
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage
from plainnet.errors import require_number
from plainnet.estimators.base import Rows
from plainnet.estimators.targets import Classifier
from plainnet.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.network import Network

Array = npt.NDArray[Any]

HOTTEST = 20.0
"""The temperature is searched for between 1 / HOTTEST and HOTTEST."""
PSEUDO_ROWS = 1.0
"""A row that belongs to every class in equal shares."""


def fit_temperature(
    network: Network, Z: Array, targets: Array, weights: Array | None = None
) -> tuple[float, float]:
    """The temperature that gives Z / temperature the least log-loss, and that mean log-loss.

    See Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2. Even if all rows are
    right, that does not prove certainty, so a pseudo-row is added that is spread over the classes
    (Perks 1947, Some Observations on Inverse Probability), much as Platt 1999 (section 2.2) smooths
    his targets. One pseudo-row per class would make probabilities too low if there are many.
    """
    loss, cache, scaled = copy(network.loss), Cache(), np.empty_like(Z)
    share = PSEUDO_ROWS / (len(Z) + PSEUDO_ROWS)
    if isinstance(loss, SoftmaxCrossEntropy):
        loss.label_smoothing = share
    else:
        targets = (1 - share) * targets + share / 2

    def cost(log_temperature: float) -> float:
        np.multiply(Z, np.exp(-log_temperature), out=scaled)
        return loss.mean(scaled, targets, cache, weights)

    bounds, options = (-log(HOTTEST), log(HOTTEST)), {"xatol": 1e-3}  # of the temperature
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options=options)
    return float(np.exp(found.x)), float(found.fun)


class Refinement(Callback):
    """Measures the loss that calibration cannot remove: the log-loss at the best temperature.

    An over-confident network may still improve while its plain log-loss already rises (Berta et
    al. 2025, Rethinking Early Stopping: Refine, Then Calibrate).
    """

    def __init__(self, X: Array, targets: Array, weights: Array | None = None) -> None:
        self.X, self.targets, self.weights = X, targets, weights
        self._cache = Cache()

    def end_epoch(self, run: Run) -> None:
        Z = run.network.outputs(self.X, self._cache)
        _, refined = fit_temperature(run.network, Z, self.targets, self.weights)
        run.history.append({"val_refined_loss": refined})


class CalibratedClassifier(Classifier):
    """A classifier that divides the last pre-activations by a temperature to get probabilities.

    In a subclass with two bases, `_outputs` of the second base gives the undivided outputs; a
    subclass with an `_outputs` of its own divides them itself.
    """

    temperature_: float
    _monitor: ClassVar[str] = "val_refined_loss"

    @property
    def _n_targets(self) -> int:
        """Outputs that the network needs: one for each class, even if these are two."""
        return len(self.classes_) if self._multilabel else max(2, len(self.classes_))

    def _loss(self, label_smoothing: float = 0.0) -> Loss:
        if self._multilabel:
            return SigmoidCrossEntropy()
        return SoftmaxCrossEntropy(label_smoothing=label_smoothing)

    def _learnable(self, rows: Rows) -> Array:
        return np.asarray(rows.targets, np.float32) if self._multilabel else rows.targets

    def _watch(self, held: tuple[Any, ...]) -> list[Callback]:
        """What measures `_monitor`, on (X, targets) or (X, targets, weights)."""
        return [Refinement(*held)]

    def _calibrate(self, held: Iterable[tuple[Array, tuple[Any, ...]]]) -> None:
        """Fit the temperature to outputs for held-out rows (X, targets) or with weights."""
        self.temperature_ = 1.0
        parts = [(Z, *truth) for Z, (_, *truth) in held]
        if parts:
            Z, *truth = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            self.temperature_, _ = fit_temperature(self.network_, Z, *truth)

    def _outputs(self, X: Any) -> Array:
        return super()._outputs(X) / self.temperature_

    def _stage_after(self) -> Stage | None:
        calibrated = Formula("Z_calibrated", "Z / temperature", r"\hat Z = Z / T")
        known = {"temperature": self.temperature_}
        return Stage("calibration", "temperature scaling", (calibrated,), known)

    def _expect_prediction(self, X: Any) -> None:
        require_number("temperature_", self.temperature_, above=0)
        super()._expect_prediction(X)

    def predict_proba(self, X: Any) -> Array:
        """Calibrated probabilities, shape (m, classes), in the order of `classes_`."""
        P = super().predict_proba(X)
        return np.ones((len(P), 1)) if len(self.classes_) == 1 else P
