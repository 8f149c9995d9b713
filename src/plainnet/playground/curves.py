"""The curves of losses and accuracies over the steps of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_POINTS = 5000
"""Beyond it, every second point is dropped."""

Point = list[float | None]
Measures = Mapping[str, Mapping[str, float | None]]
"""Of training and test rows, the loss and the accuracy, as far as they are known."""


def point(step: int, measures: Measures) -> Point:
    """[step, losses of training and test rows, their accuracies]; None where there is none."""
    values = [measures.get(rows, {}).get(what) for what in ("loss", "accuracy")
              for rows in ("train", "test")]  # fmt: skip
    return [step, *values]


class Curves:
    """Points of curves, and how many of them the page has.

    Attributes
    ----------
    points : list
        Steps with the losses and accuracies then, for training and test rows.
    sent : int
        The first points, which the page has.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.sent = 0

    def add(self, step: int, measures: Measures) -> None:
        """Add a point at this step, or replace the last if it is there already."""
        last = self.points[-1][0] if self.points else None
        if last is not None and step <= last:
            if step < last:
                return
            self.points.pop()
            self.sent = min(self.sent, len(self.points))
        self.points.append(point(step, measures))
        if len(self.points) > MOST_POINTS:
            del self.points[1::2]
            self.sent = 0

    def news(self) -> dict[str, Any]:
        """What the page does not have yet, as a part of a frame."""
        start, self.sent = self.sent, len(self.points)
        return {"curves": self.points[start:], "curves_from": start}
