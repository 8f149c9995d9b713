"""Measures on further data, as columns of the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from plainnet.callbacks.base import Callback, Run
from plainnet.errors import SettingError, require_sequence, require_type
from plainnet.training.validation import Validation


class Evaluate(Callback):
    """Evaluate on further data after each epoch: `Evaluate("train", X, y)` adds train_accuracy.

    It must come before the callbacks that read its measures.

    Parameters
    ----------
    name : str
        The prefix of the measures' names.
    X, y, sample_weight : arrays
        As in the `validation_data` of `train`.
    metrics : sequence of str or function
        As in `train`.
    """

    def __init__(
        self, name: str, *data: Any, metrics: Sequence[str | Callable[..., float]] = ()
    ) -> None:
        require_type("name", name, str)
        self.name, self.data = name, data
        self.metrics = require_sequence("metrics", metrics, "names or functions")

    def begin_training(self, run: Run) -> None:
        if self.name in run.measured:
            raise SettingError(
                f"there are measures {self.name}_... already: give Evaluate another name"
            )
        run.measured.add(self.name)
        self._validation = Validation(
            run.network, self.data, self.metrics, f"the data of Evaluate({self.name!r}, ...)"
        )

    def end_epoch(self, run: Run) -> None:
        scores = self._validation.scores()
        run.history.append({f"{self.name}_{measure}": value for measure, value in scores.items()})
