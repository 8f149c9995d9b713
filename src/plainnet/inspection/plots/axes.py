"""Where plots are drawn, and in which colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from plainnet.errors import SettingError, optional, shown

BLUE, ORANGE = "#3f90da", "#e76300"
COLORS = (
    BLUE, "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", ORANGE, "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Colours of groups that colour-blind people can tell apart (Petroff 2021)."""
MARKERS = "os^Dv*P<X>"
"""Markers of groups, for people who see no colours at all."""
LINE = 32
"""The most characters in a line of a title."""
SIGNED = "RdBu_r"
"""The colour map for signed numbers: blue is negative, red positive, white zero."""


def new_axes() -> Any:
    """Make a new figure, which a notebook shows, and return its axes."""
    pyplot = optional("matplotlib.pyplot", purpose="plots", extra="plots")
    return pyplot.figure(layout="constrained").add_subplot()


def axes_or_new(ax: Any) -> Any:
    """The given axes, or new ones."""
    if ax is None:
        return new_axes()
    if not hasattr(ax, "get_xlim"):
        raise SettingError(f"ax must be one Axes of matplotlib, or None; got {shown(ax)}")
    return ax


def several_axes(axes: Any, titles: Sequence[str], *, size: tuple[float, float]) -> Any:
    """An array with one axes per title: the given ones, or new ones.

    `size` is the size of one of them in inches. New axes form a grid that is wider than high.
    """
    n = len(titles)
    if axes is None:
        columns = min(n, 4) if n != 5 else 3
        rows = ceil(n / columns)
        pyplot = optional("matplotlib.pyplot", purpose="plots", extra="plots")
        figure = pyplot.figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
        found = np.array([figure.add_subplot(rows, columns, i + 1) for i in range(n)])
    else:
        found = np.array(axes, dtype=object).ravel()
        if len(found) != n or not all(hasattr(each, "get_xlim") for each in found):
            raise SettingError(
                f"axes must be {n} Axes of matplotlib, for {', '.join(titles)}; got {shown(axes)}"
            )
    for each, title in zip(found, titles, strict=True):
        each.set_title(_in_lines(title), fontsize="medium")
    return found


def _in_lines(title: str) -> str:
    """Names of layers that are deep inside others are too long for one line."""
    lines = [""]
    for part in re.split(r"(?<=\.)", title):
        if len(lines[-1]) + len(part) > LINE:
            lines.append("")
        lines[-1] += part
    return "\n".join(filter(None, lines))


def colorbar(ax: Any, picture: Any, label: str) -> None:
    """A colour bar beside a picture, of the same height."""
    ax.figure.colorbar(picture, cax=ax.inset_axes((1.04, 0, 0.05, 1)), label=label)
