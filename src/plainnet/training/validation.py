"""Measuring after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.errors import SettingError, require_number, shown
from plainnet.layers.base import name_who_writes
from plainnet.losses import EachOutput, EachPosition
from plainnet.metrics import METRICS, Metric
from plainnet.network import Network

Array = npt.NDArray[Any]


class Validation:
    """The loss, a classifier's accuracy and further metrics on held-out data."""

    def __init__(
        self,
        network: Network,
        data: tuple[Any, ...],
        metrics: Sequence[str | Callable[..., float]] = (),
        called: str = "validation_data",
    ) -> None:
        if not isinstance(data, tuple | list) or len(data) not in (2, 3):
            got = f"{len(data)} of them" if isinstance(data, tuple | list) else type(data).__name__
            raise SettingError(f"{called} must be (X, y) or (X, y, sample_weight); got {got}")
        self.network, self._cache = network, Cache(backward=False)
        X, *targets = data
        self.X = network.examples(X)
        self.y, self.sample_weight = network.check_targets(len(self.X), *targets)
        if metrics and isinstance(network.loss, EachOutput | EachPosition):
            raise SettingError("metrics need one output per example, and the network gives more")
        self.metrics: dict[str, Metric] = {}
        always = {"loss", "accuracy"} if network.loss.is_classifier else {"loss"}
        for metric in metrics:
            name, known = _named(network, metric)
            if name in self.metrics or (callable(metric) and name in always):
                raise SettingError(
                    f"metrics: there would be two measures called {name!r}: leave one out, or give "
                    "your function another __name__"
                )
            self.metrics[name] = known

    def scores(self) -> dict[str, float]:
        """The measures by name."""
        network, loss = self.network, self.network.loss
        scores = network.evaluate(self.X, self.y, self.sample_weight, self._cache)
        weights = {} if self.sample_weight is None else {"sample_weight": self.sample_weight}
        for name, metric in self.metrics.items():
            proba = metric.needs == "probabilities"
            y_pred = network.predict_proba(self.X) if proba else network.predict(self.X)
            y_true = loss.classes(self.y) if loss.is_classifier else self.y
            if y_true.size == y_pred.size:
                y_true = y_true.reshape(y_pred.shape)
            try:
                score = metric.function(y_true, y_pred, **weights)
            except ValueError as error:
                name_who_writes(error, f"the metric {name}")
                raise
            require_number(f"what the metric {name} returns", score, finite=False)
            scores[name] = float(score)
        return scores


def _named(network: Network, metric: str | Callable[..., float]) -> tuple[str, Metric]:
    needs: Literal["classes", "numbers"] = "classes" if network.loss.is_classifier else "numbers"
    if callable(metric):
        return getattr(metric, "__name__", type(metric).__name__), Metric(metric, True, needs)
    if not isinstance(metric, str) or metric not in METRICS:
        raise SettingError(
            f"metrics: there is no metric {shown(metric)}; known are {', '.join(METRICS)}"
        )
    known = METRICS[metric]
    if known.needs != needs and not (
        known.needs == "probabilities" and network.loss.gives_probabilities
    ):
        raise SettingError(f"{metric} is computed from {known.needs}; {network.loss!r} gives none")
    return metric, known
