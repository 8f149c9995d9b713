"""The goal of a lesson: conditions on what is measured of a training, such as `units <= 8`.

All conditions of a goal must be met. A condition is one comparison, or several joined by "or"; a
comparison is `measure`, `not measure`, or `measure >= number` with one of < <= > >= == and !=.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from plainnet.errors import SettingError, shown
from plainnet.layers import Dense
from plainnet.playground.frames import finite

if TYPE_CHECKING:
    from plainnet.playground.training import Training

Number = float | None
"""None where there is no such number, such as the accuracy of a regression."""

MEASURES: dict[str, str] = {
    "steps": "steps of training so far",
    "epochs": "whole epochs so far",
    "train_loss": "loss on the examples for training",
    "test_loss": "loss on the examples for testing",
    "train_accuracy": "share of the training examples that are classified correctly, 0 to 1",
    "test_accuracy": "the same for the examples for testing",
    "loss_gap": "test_loss minus train_loss",
    "units": "units in all hidden layers",
    "hidden_layers": "hidden layers",
    "inputs": "what the network sees of an example",
    "parameters": "weights and biases, and those of batch normalization",
    "dead_share": "share of dead units, in the layer with most of them, 0 to 1",
    "saturated_share": "share of saturated units, in the layer with most of them, 0 to 1",
    "largest_weight": "the largest of all weights, without its sign",
    "changes": "changes by hand since the first step",
    "learning_rate": "as it is set now",
    "batch_size": "as it is set now",
    "l1": "as it is set now",
    "l2": "as it is set now",
    "diverged": "whether the loss has become infinite or NaN: 1 or 0",
}
"""What a condition may speak of."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}

SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}
WORDS = {
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "loss_gap": "test loss minus training loss",
    "units": "hidden units",
    "parameters": "weights and biases",
    "dead_share": "dead units in any layer",
    "saturated_share": "saturated units in any layer",
    "changes": "changes by hand",
    "l1": "L1 penalty",
    "l2": "L2 penalty",
}
"""What the page calls measures, where that is not their name."""
SHARES = "train_accuracy", "test_accuracy", "dead_share", "saturated_share"
FLAGS = {"diverged": {"= 1": "the loss has diverged", "≠ 1": "the loss has not diverged"}}
"""The measures that hold or not, in words."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_COMPARISON = re.compile(
    rf"(?:(?P<no>not\s+)?(?P<flag>\w+)"
    rf"|(?P<measure>\w+)\s*(?P<operator>[<>]=?|[=!]=)\s*(?P<number>{_NUMBER}))"
)


@dataclass(frozen=True)
class Comparison:
    """A measure, compared with a number."""

    measure: str
    operator: str
    number: float

    @property
    def kind(self) -> str:
        """How its value is shown: a "flag" not at all, a "share" as a percentage, or a "number"."""
        if self.measure in FLAGS:
            return "flag"
        return "share" if self.measure in SHARES else "number"

    @property
    def words(self) -> str:
        """As the page shows it."""
        if self.measure in FLAGS:
            number = f"{SIGNS.get(self.operator, self.operator)} {self.number:g}"
            return FLAGS[self.measure].get(number, f"{self.measure} {number}")
        number = f"{100 * self.number:g}%" if self.kind == "share" else f"{self.number:,.10g}"
        name = WORDS.get(self.measure, self.measure.replace("_", " "))
        return f"{name} {SIGNS.get(self.operator, self.operator)} {number}"

    def holds(self, measures: Mapping[str, Number]) -> bool:
        value = measures[self.measure]
        return value is not None and OPERATORS[self.operator](value, self.number)


@dataclass(frozen=True)
class Condition:
    """Comparisons of which at least one must hold."""

    text: str
    comparisons: tuple[Comparison, ...]

    @property
    def words(self) -> str:
        """As the page shows it."""
        return " or ".join(each.words for each in self.comparisons)

    def report(self, measures: Mapping[str, Number]) -> dict[str, Any]:
        """Whether it is met, and the values of its measures."""
        return {
            "text": self.words,
            "values": [measures[each.measure] for each in self.comparisons],
            "kinds": [each.kind for each in self.comparisons],
            "met": any(each.holds(measures) for each in self.comparisons),
        }


def condition_of(text: Any) -> Condition:
    """What such a text says.

    Raises
    ------
    SettingError
        If it is not a condition.
    """
    if not isinstance(text, str):
        raise SettingError(f'a condition is a text such as "units <= 8"; got {shown(text)}')
    return Condition(
        " ".join(text.split()), tuple(_comparison(part) for part in re.split(r"\bor\b", text))
    )


def _comparison(text: str) -> Comparison:
    found = _COMPARISON.fullmatch(text.strip())
    if found is None:
        raise SettingError(
            f'a condition is a measure, an operator and a number, such as "units <= 8", or '
            f'several joined by "or"; got {shown(text.strip())}'
        )
    measure = found["measure"] or found["flag"]
    if measure not in MEASURES:
        raise SettingError(f"there is no measure {shown(measure)}; there are {', '.join(MEASURES)}")
    if found["flag"]:
        if measure not in FLAGS:
            raise SettingError(
                f'{measure} is a number, which a condition compares, such as "{measure} <= 8"'
            )
        return Comparison(measure, "==" if found["no"] is None else "!=", 1.0)
    return Comparison(measure, found["operator"], float(found["number"]))


def measures_of(training: Training, frame: Mapping[str, Any]) -> dict[str, Number]:
    """All measures now, where `frame` is the content of a frame of the last step."""
    network, settings = training.network, training.settings
    scores, sizes = frame["measures"], frame["sizes"]
    train, test = scores.get("train", {}), scores.get("test", {})
    gap = None
    if train.get("loss") is not None and test.get("loss") is not None:
        gap = test["loss"] - train["loss"]
    dense = [each for each in network.layers if isinstance(each, Dense)]
    weights = [np.abs(network[f"{each.name}.W"]).max() for each in dense]
    return {
        "steps": training.step,
        "epochs": training.epoch,
        "train_loss": train.get("loss"),
        "test_loss": test.get("loss"),
        "train_accuracy": train.get("accuracy"),
        "test_accuracy": test.get("accuracy"),
        "loss_gap": finite(gap),
        "units": sum(each.units for each in dense[:-1]),
        "hidden_layers": len(dense) - 1,
        "inputs": training.examples.X.shape[1],
        "parameters": network.parameters.size,
        "dead_share": max((each["dead"] for each in sizes), default=0.0),
        "saturated_share": max((each["saturated"] for each in sizes), default=0.0),
        "largest_weight": finite(max(weights)) if weights else None,
        "changes": len(training.made),
        "learning_rate": settings.learning_rate,
        "batch_size": settings.batch_size,
        "l1": settings.l1,
        "l2": settings.l2,
        "diverged": float(bool(training.failed)),
    }
