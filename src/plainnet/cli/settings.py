"""The user's settings, checked before any work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Self

import numpy as np

from plainnet.cli.folders import Broken
from plainnet.engine.settings import TrainingSettings
from plainnet.errors import SettingError
from plainnet.tables.csv_files import TextFormat
from plainnet.tables.targets import Task

WIDEST = 65_536
"""A hidden layer wider than this is taken for a typing error."""
KINDS = ("number", "text", "category", "date", "drop")
KIND = re.compile(f"{'|'.join(KINDS)}|date:.+")
HIDDEN = "hidden_layer_sizes"
TYPED = {HIDDEN: "hidden", "n_networks": "networks"}
"""Settings whose options have shorter names."""


@dataclass(frozen=True)
class Settings:
    """What to learn from, and how. None leaves the choice to the program."""

    source: str
    target: str | None = None
    drop: tuple[str, ...] = ()
    column: tuple[str, ...] = ()
    """NAME=KIND for each column whose kind is not to be inferred from its values."""
    task: Task | None = None
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    training: TrainingSettings = field(default_factory=TrainingSettings)
    test_size: float | None = None
    seed: int = 0
    broken: Broken | None = None

    @property
    def random_state(self) -> int:
        """The seed in the range that scikit-learn takes, below 2^32."""
        seed = self.seed
        return seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1)[0])

    @classmethod
    def typed(cls, values: Mapping[str, Any]) -> Self:
        """Settings from the typed values, by the names of the options; other names are ignored."""
        values = {
            n: value.value if isinstance(value, Enum) else value for n, value in values.items()
        }
        own = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        for several in ("drop", "column"):
            own[several] = tuple(own[several] or ())
        return cls(**own).with_training(values)

    def with_training(self, values: Mapping[str, Any]) -> Self:
        """A copy with other settings of the training, by the names of their options."""
        typed = {name: TYPED.get(name, name) for name in vars(self.training)}
        new = {name: values[short] for name, short in typed.items() if short in values}
        if isinstance(new.get(HIDDEN), str):
            new[HIDDEN] = _widths(new[HIDDEN])
        return replace(self, training=replace(self.training, **new))

    def by_option(self) -> dict[str, Any]:
        """The values to type to get these settings, by the names of the options."""
        found: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            found |= vars(value) if each.name == "training" else {each.name: value}
        if found[HIDDEN] is not None:
            found[HIDDEN] = as_text(found[HIDDEN])
        return {TYPED.get(name, name): value for name, value in found.items()}

    @property
    def command(self) -> str:
        """The command that trains with these settings, without the model's file."""
        typed = ["plainnet", "train", self.source]
        for name, value in self.by_option().items():
            several = value if isinstance(value, tuple) else [value]
            if name != "source" and value != 0:
                for each in several:
                    typed += [] if each is None else [f"--{name.replace('_', '-')}", f"{each}"]
        return shlex.join(typed)

    @property
    def text(self) -> TextFormat:
        """The text format of the source, if it is a CSV file."""
        return TextFormat(self.separator, self.encoding)

    @property
    def kinds(self) -> dict[str, str] | None:
        """The kinds of the columns that --column names, in the estimators' form."""
        kinds = dict(map(_kind, self.column))
        return {name: kind for name, kind in kinds.items() if kind != "drop"} or None

    @property
    def dropped(self) -> list[tuple[str, str]]:
        """(option, column) for each column to leave out."""
        typed = map(_kind, self.column)
        return [("--drop", name) for name in self.drop] + [
            ("--column", name) for name, kind in typed if kind == "drop"
        ]

    def check(self) -> None:
        """Refuse settings that do not make sense."""
        self.training.check(option)
        self.text.check(option)
        names = [_kind(typed)[0] for typed in self.column]
        twice = next((name for name in names if names.count(name) > 1 or name in self.drop), None)
        if twice is not None:
            raise SettingError(f"--column and --drop name {twice!r} more than once")
        if self.decimal not in (None, ".", ","):
            raise SettingError(f"--decimal is . or ,; got {self.decimal!r}")
        if self.seed < 0:
            raise SettingError(f"--seed must be 0 or more; got {self.seed}")
        if self.test_size is not None and not 0 < self.test_size < 1:
            raise SettingError(
                f"--test-size is a share of the rows, above 0 and below 1; got {self.test_size:g}"
            )


def option(name: str) -> str:
    """A setting's name in the form that is typed."""
    return f"--{TYPED.get(name, name).replace('_', '-')}"


def _kind(typed: str) -> tuple[str, str]:
    """(column, kind) in NAME=KIND; a name may hold an equals sign."""
    for place in [match.start() for match in re.finditer("=", typed)][::-1]:
        name, kind = typed[:place], typed[place + 1 :]
        if KIND.fullmatch(kind):
            return name, kind
    raise SettingError(
        f"--column takes NAME=KIND, where KIND is one of {', '.join(KINDS)}, or date:FORMAT; got "
        f"{typed!r}"
    )


def as_text(widths: Sequence[int]) -> str:
    """Widths in the form that is typed: "128,64"."""
    return ",".join(map(str, widths))


def _widths(text: str) -> list[int]:
    """The widths in "128,64"."""
    if not re.fullmatch(r"\s*[0-9]+\s*(,\s*[0-9]+\s*)*", text):
        raise SettingError(f"--hidden takes widths with commas between, like 128,64; got {text!r}")
    widths = [int(width) for width in text.split(",")]
    if not all(0 < width <= WIDEST for width in widths):
        raise SettingError(f"--hidden takes widths from 1 to {WIDEST:,}; got {text!r}")
    return widths
