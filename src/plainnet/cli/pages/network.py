"""The network of a run, its training, and the doctor's findings."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from plainnet.cli.pages.document import Section, aside, side_by_side, wide
from plainnet.cli.pages.figures import figure
from plainnet.engine.description import rows_of
from plainnet.engine.tables import Table
from plainnet.errors import counted
from plainnet.inspection import Report
from plainnet.inspection.charts import BLUE, ORANGE
from plainnet.inspection.doctor.html import content_of
from plainnet.inspection.markup import Markup, drawn, element, paragraph
from plainnet.network import Network
from plainnet.training.history import History

MOST_MEASURES = 3
CURVES = (("training", "{}", BLUE, "-"), ("validation", "val_{}", ORANGE, "--"))


def of_network(network: Network, networks: int = 1) -> Section:
    """The diagram and the layers; the first of several networks stands for all."""
    rows = rows_of(network)
    titles = ["layer", "output shape", "parameters"]
    shown = Table(titles, [[row.name, row.shape, row.size] for row in rows], numbers=titles[1:])
    size = f"{network.parameters.size:,} parameters"
    if networks > 1:
        others = f"{networks} networks of this form are averaged, each with its own {size}."
    else:
        others = f"The network has {size}."
    content = [paragraph(others, f" Loss: {network.loss!r}.")]
    content.append(side_by_side(drawn(network.draw()), wide(shown)))
    return Section("Network", content)


def of_training(
    histories: Sequence[History], best: Sequence[int], epochs: int, seconds: float
) -> Section:
    """The training curves of all networks; `best` counts epochs from 0, -1 for none."""
    done = [len(history) for history in histories]
    said = f"{counted(done[0], 'epoch')} of {epochs:,}"
    if len(done) > 1:
        said = f"{len(done)} networks, of {epochs:,} epochs each"
    kept = ", ".join(f"{epoch + 1}" for epoch in best if epoch >= 0)
    noun = "epoch is" if kept.count(",") == 0 else "epochs are"
    ended = f" The best {noun} kept: {kept}." if kept else ""
    took = f" Training took {seconds:,.1f} s." if seconds >= 1 else ""
    content = [paragraph(f"{said[0].upper()}{said[1:]}.{ended}{took}")]
    measures = list(dict.fromkeys(n.removeprefix("val_") for n in histories[0]))[:MOST_MEASURES]
    figures = [
        _curves(histories, measure, best) for measure in measures if _is_drawn(histories, measure)
    ]
    content.append(side_by_side(*figures))
    if len(histories) > 1:
        content.append(aside("A line for each network; dots are the epochs that are kept."))
    elif kept:
        content.append(aside("The dot is the epoch that is kept."))
    return Section("Training", content)


def _is_drawn(histories: Sequence[History], measure: str) -> bool:
    names = [name.format(measure) for _, name, *_ in CURVES]
    return any(len(history) > 1 and name in history for history in histories for name in names)


def _curves(histories: Sequence[History], measure: str, best: Sequence[int]) -> Markup:
    ends = []
    for label, name, *_ in CURVES:
        values = [v for v in histories[0].get(name.format(measure), ()) if isfinite(v)]
        if values:
            ends.append(f"{label} from {values[0]:.4g} to {values[-1]:.4g}")

    def draw(ax: Any) -> None:
        for label, name, color, style in CURVES:
            column = name.format(measure)
            for i, history in enumerate(histories):
                points = [(e, v) for e, v in enumerate(history.get(column, ()), 1) if isfinite(v)]
                if not points:
                    continue
                ax.plot(
                    *zip(*points, strict=True), style, color=color, label=None if i else label,
                    alpha=1.0 if len(histories) == 1 else 0.6, linewidth=1.2,
                )  # fmt: skip
                at = [point for point in points if point[0] == best[i] + 1]
                if at and (label == "validation" or f"val_{measure}" not in history):
                    ax.plot(*at[0], "o", color=color, markersize=4)
        ax.set(xlabel="epoch", ylabel=measure)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()

    return figure(draw, f"{measure} over the epochs: {', '.join(ends)}")


def of_doctor(diagnosis: Report) -> Section:
    """The doctor's verdicts."""
    return Section("Doctor", [content_of(diagnosis)])


def of_command(command: str) -> Markup:
    """The command that made this page."""
    return element("p", element("code", command))
