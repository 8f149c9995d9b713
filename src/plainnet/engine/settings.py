"""The settings of a training, with their limits: for the tabular estimators and the command.

The command looks at what was typed before anything slow is imported, and `estimators` brings
scikit-learn along: so this stands below both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from numbers import Integral, Real
from typing import Any, Self

from plainnet.errors import SettingError


@dataclass(frozen=True)
class Limits:
    """The numbers that a setting may be: from `low` on, or above it, and below `high`."""

    kind: type
    low: float
    high: float = inf
    above: bool = False
    """`low` itself is too low."""

    def __contains__(self, value: float) -> bool:
        return (self.low < value if self.above else self.low <= value) and value < self.high

    def __str__(self) -> str:
        lower = f"above {self.low:g}" if self.above else f"{self.low:g} or more"
        return lower if self.high == inf else f"{lower} and below {self.high:g}"


def _number(kind: type, low: float, high: float = inf, *, above: bool = False) -> Any:
    return field(default=None, metadata={"limits": Limits(kind, low, high, above)})


@dataclass(frozen=True)
class TrainingSettings:
    """None leaves a choice to the preset, or to the number of rows."""

    preset: str | None = None
    hidden_layer_sizes: Sequence[int] | None = None
    n_networks: int | None = _number(Integral, 1)
    epochs: int | None = _number(Integral, 1)
    batch_size: int | None = _number(Integral, 1)
    learning_rate: float | None = _number(Real, 0, above=True)
    dropout: float | None = _number(Real, 0, 1)
    weight_decay: float | None = _number(Real, 0)
    label_smoothing: float | None = _number(Real, 0, 1)
    validation_fraction: float | None = _number(Real, 0, 1)

    @classmethod
    def of(cls, thing: Any) -> Self:
        """Those that an estimator has, under the same names."""
        names = (each.name for each in fields(cls))
        return cls(**{name: getattr(thing, name) for name in names if hasattr(thing, name)})

    def check(self, spelled: Callable[[str], str]) -> None:
        """Refuse a number outside its limits; `spelled` is how the user writes a setting's name."""
        for name, limits in LIMITS.items():
            value = getattr(self, name)
            if value is not None and value not in limits:
                shown = value if isinstance(value, int) else f"{value:g}"
                raise SettingError(f"{spelled(name)} must be {limits}; got {shown}")

    def given(self) -> dict[str, Any]:
        """Those that leave nothing to others, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}


LIMITS: dict[str, Limits] = {
    each.name: each.metadata["limits"]
    for each in fields(TrainingSettings)
    if "limits" in each.metadata
}
