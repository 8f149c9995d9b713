"""Small charts in SVG, for notebooks: curves of a training, or of learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, NamedTuple

from plainnet.errors import counted
from plainnet.inspection.markup import Markup, element

if TYPE_CHECKING:
    from plainnet.training.history import History
    from plainnet.training.learning_rate import LearningRates

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 320, 190, 58, 14, 40, 36
"""The size of a chart in pixels, and the margins around the plot."""

BLUE, ORANGE = "#3b82f6", "#d97706"  # which stand out from white and from black
POINTS = 200
"""A longer curve is cut into this many pieces, and keeps each one's extremes."""
MOST_CHARTS = 4
MOST_TICKS = 7

Points = Sequence[tuple[float, float]]
Ticks = Mapping[float, str]


@dataclass(frozen=True)
class Curve:
    """A line through points; dashes or width distinguish it where colours do not."""

    label: str
    points: Points
    color: str
    dashes: str = ""
    width: int = 2


class Mark(NamedTuple):
    """A vertical line at x."""

    x: float
    label: str


def curves_of(history: History) -> Markup:
    """A chart for each of the first measures, on the training rows and on the validation rows."""
    charts: list[Markup] = []
    for measure in dict.fromkeys(name.removeprefix("val_") for name in history):
        curves = [
            Curve(label, _measured(history[name]), color, dashes)
            for label, name, color, dashes in (
                ("training", measure, BLUE, ""),
                ("validation", f"val_{measure}", ORANGE, "5 3"),
            )
            if name in history
        ]
        curves = [curve for curve in curves if len(curve.points) > 1]
        if curves and len(charts) < MOST_CHARTS:
            ends = [(each.label, each.points[0][1], each.points[-1][1]) for each in curves]
            said = ", ".join(f"{label} from {a:.4g} to {b:.4g}" for label, a, b in ends)
            title = f"{measure} over {counted(len(history), 'epoch')}: {said}"
            ticks = {1.0: "1", float(len(history)): f"{len(history):,}"}
            charts.append(chart(title, curves, ("epoch", measure), ticks))
    return Markup("".join(charts))


def rates_of(found: LearningRates) -> Markup:
    """The losses over the learning rate, whose axis is logarithmic, and the suggestion."""
    x = [log10(rate) for rate in found.learning_rates]
    first, last = ceil(x[0]), floor(x[-1])
    decades = range(first, last + 1, ceil((last - first + 1) / MOST_TICKS) or 1)
    ticks = {float(decade): f"{10.0**decade:g}" for decade in decades}
    if len(ticks) < 2:
        ticks = {at: f"{10.0**at:.2g}" for at in (x[0], x[-1])}
    low = min(found.smoothed)
    high = max(found.smoothed[: found.smoothed.index(low) + 1])
    margin = 0.2 * (high - low) or 0.1 * abs(low) or 1.0
    curves = (
        Curve("of a batch", _pairs(x, found.losses), BLUE, width=1),
        Curve("smoothed", _pairs(x, found.smoothed), ORANGE),
    )
    mark = Mark(log10(found.suggestion), f"{found.suggestion:.2g}")
    bounds = low - margin, high + margin  # the explosion would flatten the rest
    title = f"loss over the learning rate; the suggestion is {found.suggestion:.2g}"
    return chart(title, curves, ("learning rate", "loss"), ticks, bounds, mark)


def _measured(values: Sequence[float]) -> Points:
    """What was measured, by the epoch: the line goes on over those in which nothing was."""
    return [(i, value) for i, value in enumerate(values, 1) if isfinite(value)]


def _pairs(x: Sequence[float], y: Sequence[float]) -> Points:
    return [pair for pair in zip(x, y, strict=True) if isfinite(pair[1])]


def _thinned(points: Points) -> Points:
    """Few points that show what all would: the extremes of pieces, in their order."""
    if len(points) <= 2 * POINTS:
        return points
    cuts = [i * len(points) // POINTS for i in range(POINTS + 1)]
    kept = {0, len(points) - 1}
    for start, stop in pairwise(cuts):
        by_height = sorted(range(start, stop), key=lambda i: points[i][1])
        kept |= {by_height[0], by_height[-1]}
    return [points[i] for i in sorted(kept)]


# --- the document ---------------------------------------------------------------------------------


def chart(
    title: str,
    curves: Sequence[Curve],
    axes: tuple[str, str],
    ticks: Ticks,
    bounds: tuple[float, float] | None = None,
    mark: Mark | None = None,
) -> Markup:
    """A chart of curves within bounds, by default their extremes; nothing is drawn outside."""
    points = [point for curve in curves for point in curve.points]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    left, right = min(left, *ticks), max(right, *ticks)
    low, high = bounds or (min(y for _, y in points), max(y for _, y in points))
    if low == high:
        low, high = low - (0.1 * abs(low) or 1.0), high + (0.1 * abs(high) or 1.0)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(x: float) -> float:
        return width * (x - left) / (right - left)

    def down(y: float) -> float:
        return height * (high - y) / (high - low)

    inside = [
        element(
            "polyline",
            points=" ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in _thinned(curve.points)),
            fill="none", **_look(curve),
        )
        for curve in curves
    ]  # fmt: skip
    clip = "hidden" if bounds else "visible"
    plotted = element("svg", *inside, x=LEFT, y=TOP, width=width, height=height, overflow=clip)
    frame = [f"M{LEFT} {TOP}v{height}h{width}"]
    labels = [_text(LEFT, TOP - 10, axes[1], "start"), _text(LEFT + width, HEIGHT - 4, axes[0])]
    for value, y in ((high, TOP), (low, TOP + height)):
        labels.append(_text(LEFT - 6, y + 4, f"{value:.3g}"))
    for value, label in ticks.items():
        x = LEFT + across(value)
        frame.append(f"M{x:.1f} {TOP + height}v4")
        labels.append(_text(x, TOP + height + 16, label, "middle"))
    if mark is not None:
        x = LEFT + across(mark.x)
        frame.append(f"M{x:.1f} {TOP + height}V{TOP - 4}")
        labels.append(_text(x, TOP - 8, mark.label, "middle"))
    labels += _legend(curves)
    lines = element("path", d="".join(frame), fill="none", stroke="currentColor", opacity=0.6)
    return element(
        "svg", Markup("\n".join([element("title", title), plotted, lines, *labels])),
        xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH,
        height=HEIGHT, role="img", aria_label=title, font_size=11, font_family="sans-serif",
        fill="currentColor", style="max-width:100%",
    )  # fmt: skip


def _legend(curves: Sequence[Curve]) -> list[Markup]:
    """Above the plot, from the right: a piece of each line, and its label."""
    shown, x = [], float(WIDTH - RIGHT)
    for curve in reversed(curves):
        shown.append(_text(x, 12, curve.label))
        x -= 6.2 * len(curve.label) + 6
        shown.append(element("path", d=f"M{x:.1f} 8h-22", **_look(curve)))
        x -= 36
    return shown


def _look(curve: Curve) -> dict[str, object]:
    dashes = {"stroke_dasharray": curve.dashes} if curve.dashes else {}
    return {"stroke": curve.color, "stroke_width": curve.width, **dashes}


def _text(x: float, y: float, text: str, anchor: str = "end") -> Markup:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
