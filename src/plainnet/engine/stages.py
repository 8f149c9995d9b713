"""What estimators and agents do around their networks, as formulas and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from plainnet.engine.formulas import Formula

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Stage:
    """One stage before or after the networks.

    Attributes
    ----------
    name : str
        Such as "columns" or "prediction".
    code : str
        What does it, in a few words.
    formulas : tuple of Formula
    known : mapping of str to array or number
        What the formulas name and do not make.
    notes : tuple of str
        What no formula says: which cell became which number.
    ends : bool
        Whether it makes the prediction; otherwise the loss's activation follows.
    """

    name: str
    code: str
    formulas: tuple[Formula, ...] = ()
    known: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ends: bool = False


def each_row(texts: Iterable[str]) -> tuple[str, ...]:
    """A note about each row; of several rows, with their numbers."""
    texts = list(texts)
    return tuple(texts) if len(texts) == 1 else tuple(f"row {i}: {t}" for i, t in enumerate(texts))
