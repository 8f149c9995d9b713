"""Drawings on a page: matplotlib figures, small charts in cells, and pictures."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import optional
from plainnet.inspection.charts import BLUE
from plainnet.inspection.markup import Markup, element

Array = npt.NDArray[Any]

INK = "#010203"
"""Stands for the page's text colour, which is dark or light according to the reader's theme."""
LOOK = {
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    "font.size": 9,
    "figure.dpi": 150,
}
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
MANY = 1000
"""From this many points, a scatter plot is saved as pixels, which are smaller than circles."""
BAR_WIDTH, BAR_HEIGHT = 6, 24
LARGEST = 160
"""Pixels along a side of a picture on the page."""


def require_figures() -> None:
    """Refuse, before any work, to make a page if its figures cannot be drawn."""
    optional("matplotlib", purpose="a report", extra="plots")


def figure(draw: Callable[[Any], Any], said: str, size: tuple[float, float] = (4.8, 3.4)) -> Markup:
    """The figure that `draw` makes on axes of this size in inches; `said` describes it."""
    matplotlib = optional("matplotlib", purpose="a report", extra="plots")
    figures = optional("matplotlib.figure", purpose="a report", extra="plots")
    file = StringIO()
    with matplotlib.rc_context({**LOOK, "svg.hashsalt": said}):
        made = figures.Figure(figsize=size, layout="constrained")
        ax = made.add_subplot()
        draw(ax)
        for points in ax.collections:
            if max(len(points.get_offsets()), len(points.get_paths())) > MANY:
                points.set_rasterized(True)
        made.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Type": None})
    drawn = file.getvalue()
    svg = drawn[drawn.index("<svg") :].strip().replace(INK, "currentColor")
    svg = METADATA.sub("", svg)
    return element("figure", Markup(svg), role="img", aria_label=said, style="margin:0")


def bars(counts: Sequence[float], said: str, color: str = BLUE) -> Markup:
    """A bar chart small enough for the cell of a table."""
    highest = max(counts, default=0) or 1
    rects = []
    for i, count in enumerate(counts):
        height = BAR_HEIGHT * count / highest
        height = max(height, 1) if count else 0
        rects.append(
            element(
                "rect", x=i * BAR_WIDTH, y=f"{BAR_HEIGHT - height:.1f}", width=BAR_WIDTH - 1,
                height=f"{height:.1f}",
            )
        )  # fmt: skip
    width = max(len(counts) * BAR_WIDTH, 1)
    return element(
        "svg", element("title", said), *rects, xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {BAR_HEIGHT}", width=width, height=BAR_HEIGHT, role="img",
        fill=color,
    )  # fmt: skip


def histogram(values: Array, bins: int = 20) -> list[int]:
    """A histogram of numbers, in bins from the smallest to the largest."""
    if not len(values):
        return []
    values = values / 2  # so that their range is finite
    low, high = values.min(), values.max()
    if not low < high:
        return [len(values)]
    counts, _ = np.histogram((values - low) / (high - low), bins, range=(0, 1))
    return [int(count) for count in counts]


def picture(pixels: Array, caption: str, *, signed: bool = False) -> Markup:
    """Pixels, shape (height, width) or (height, width, 1 or 3), and a caption below them.

    The mean over further leading axes is shown. The scale goes from the smallest to the largest
    value; if `signed`, zero is white in the middle, and each sign has a colour.
    """
    images = optional("matplotlib.image", purpose="a report", extra="plots")
    shown = np.asarray(pixels, np.float64)
    while shown.ndim > 3:
        shown = shown.mean(axis=0)
    if shown.ndim == 3 and (shown.shape[2] != 3 or signed):
        shown = shown.mean(axis=2)
    step = -(-max(shown.shape[:2]) // LARGEST)
    shown = shown[::step, ::step]
    largest = float(np.abs(shown).max()) or 1.0
    low, high = (-largest, largest) if signed else (float(shown.min()), float(shown.max()))
    scaled = np.clip((shown - low) / ((high - low) or 1.0), 0, 1)
    file = BytesIO()
    images.imsave(
        file, scaled, format="png", cmap="RdBu_r" if signed else "gray", vmin=0, vmax=1,
        metadata={"Software": None},
    )  # fmt: skip
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    image = element("img", src=source, alt=caption)
    return element("figure", image, element("figcaption", caption))


def pictures(shown: Sequence[Markup], *, wide: bool = False) -> Markup:
    """Pictures arranged in rows."""
    return element("div", *shown, class_="plainnet-pictures" + " plainnet-frames" * wide)
