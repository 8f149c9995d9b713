"""The best value of a measure so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from plainnet.callbacks.base import Run
from plainnet.errors import SettingError, require_number, require_one_of, require_type
from plainnet.metrics import METRICS

Mode = Literal["auto", "min", "max"]


class Monitor:
    """Watches a measure of the history.

    Parameters
    ----------
    measure : str
        "val_loss", for example: a column of the history.
    mode : "auto", "min" or "max"
        Which values are better. "auto" knows this for the loss and for all of
        `plainnet.metrics.METRICS`, and for the loss and accuracy of one output, such as
        "val_class_accuracy".
    min_delta : float
        A gain must exceed this to count.
    """

    def __init__(self, measure: str, mode: Mode = "auto", min_delta: float = 0.0) -> None:
        require_type("monitor", measure, str)
        require_number("min_delta", min_delta, at_least=0)
        self.measure, self.min_delta = measure, min_delta
        self.higher_is_better = _higher_is_better(measure, mode)

    def begin(self, run: Run) -> None:
        """Forget earlier values; refuses a validation measure if there is no validation data."""
        if self.measure.startswith("val_") and not run.validates:
            raise SettingError(f"{self.measure!r} is monitored, which needs validation_data")
        self.best_epoch = -1
        self.best = float("-inf") if self.higher_is_better else float("inf")

    def resume_state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch}

    def resume(self, state: Mapping[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]

    def improved(self, run: Run) -> bool:
        """Whether the epoch that has just ended is the best so far."""
        measures = run.history.last()
        if self.measure not in measures:
            raise SettingError(
                f"{self.measure!r} is monitored; the history has only {', '.join(measures)}"
            )
        value = measures[self.measure]
        gain = value - self.best if self.higher_is_better else self.best - value
        if gain > self.min_delta:
            self.best, self.best_epoch = value, run.epoch
            return True
        return False


def _higher_is_better(measure: str, mode: Mode) -> bool:
    require_one_of("mode", mode, get_args(Mode))
    if mode != "auto":
        return mode == "max"
    name = measure.removeprefix("val_")
    of_one_output = name.rpartition("_")[2]
    if name not in METRICS and of_one_output in ("loss", "accuracy"):
        name = of_one_output
    if name == "loss":
        return False
    if name not in METRICS:
        raise SettingError(
            f'monitor: it is not known whether more of {measure!r} is better: pass mode="max" or '
            'mode="min"'
        )
    return METRICS[name].greater_is_better
