"""What the user can choose, looked at before any work."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite

from plainnet.cli.checks import Task
from plainnet.errors import SettingError

WIDEST = 65_536
"""A hidden layer that is wider than this is a typing error."""
LEARNED = ("learning_rate", "dropout", "weight_decay", "label_smoothing")


@dataclass(frozen=True)
class Settings:
    """What to learn from, and how. None leaves a choice to the preset or the program."""

    source: str
    target: str | None = None
    drop: tuple[str, ...] = ()
    task: Task | None = None
    preset: str | None = None
    hidden: str | None = None
    networks: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    dropout: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    test_size: float | None = None
    seed: int = 0

    def check(self) -> None:
        """Refuse what makes no sense."""
        self.widths()
        for name in ("networks", "epochs", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{option(name)} must be 1 or more; got {value}")
        if self.seed < 0:
            raise SettingError(f"--seed must be 0 or more; got {self.seed}")
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            raise SettingError(f"--learning-rate must be above 0; got {self.learning_rate:g}")
        if self.weight_decay is not None and not (
            self.weight_decay >= 0 and isfinite(self.weight_decay)
        ):
            raise SettingError(f"--weight-decay must be 0 or more; got {self.weight_decay:g}")
        for name in ("dropout", "label_smoothing"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise SettingError(f"{option(name)} must be 0 or more and below 1; got {value:g}")
        if self.test_size is not None and not 0 < self.test_size < 1:
            raise SettingError(
                f"--test-size is a share of the rows, above 0 and below 1; got {self.test_size:g}"
            )

    def widths(self) -> list[int] | None:
        """The widths in "128,64"."""
        if self.hidden is None:
            return None
        if not re.fullmatch(r"\s*[0-9]+\s*(,\s*[0-9]+\s*)*", self.hidden):
            raise SettingError(
                f"--hidden takes widths with commas between, like 128,64; got {self.hidden!r}"
            )
        widths = [int(width) for width in self.hidden.split(",")]
        if not all(0 < width <= WIDEST for width in widths):
            raise SettingError(f"--hidden takes widths from 1 to {WIDEST:,}; got {self.hidden!r}")
        return widths


def option(name: str) -> str:
    """A setting's name as it is typed."""
    return f"--{name.replace('_', '-')}"
