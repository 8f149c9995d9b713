"""`plainnet explain`: every number of one prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plainnet.cli import checks, class_folders, folders, report, sources
from plainnet.cli.model import Recipe, load_model
from plainnet.cli.output import PageFile
from plainnet.cli.settings import option
from plainnet.engine.formulas import Formula
from plainnet.engine.stages import Stage, each_row
from plainnet.errors import SettingError, UnknownNameError, counted, require_integer
from plainnet.inspection import Trace, trace
from plainnet.inspection.tracing.html import page_of
from plainnet.inspection.tracing.stages import Way
from plainnet.inspection.tracing.terminal import in_colour
from plainnet.network import Network
from plainnet.tables.csv_files import TextFormat


def explain(
    model: Path,
    source: str,
    row: int,
    unit: str | None,
    html: Path | None,
    digits: int,
    text: TextFormat,
) -> None:
    """Run `plainnet explain`."""
    text.check(option)
    require_integer("--row", row, at_least=1)
    require_integer("--digits", digits, at_least=1, at_most=17)
    page = None if html is None else PageFile(html, "explain")
    record, what = _traced(load_model(model), model, source, row, text)
    asked = None if unit is None else _of_unit(record, unit, digits)
    if page is not None:
        page.write(page_of(record, f"{model.name}, {what}"))
    console = report.make_console(False)
    if asked is not None:
        console.print(asked, soft_wrap=True, markup=False, highlight=False)
    elif html is None:
        console.print(what, soft_wrap=True, markup=False, highlight=False)
        console.print()
        console.print(in_colour(record.text(digits=digits)), soft_wrap=True)


def _traced(model: Any, path: Path, source: str, row: int, text: TextFormat) -> tuple[Trace, str]:
    """The trace, and what it is of."""
    what = f"row {row} of {source}"
    kind = class_folders.kind_for(model)
    if kind is not None:
        files, contents = class_folders.contents_of(kind, [source], "refuse", text)
        i = _place(row, len(contents), source)
        return trace(model, [contents[i]]), str(files[i])
    if folders.is_folder(source):
        raise SettingError(
            f"{path} was not trained on pictures or texts, and a folder is for these"
        )
    if isinstance(model, tuple):
        network, recipe = model
        table = sources.to_predict(source, recipe.columns)
        i = _place(row, len(table), source)
        return trace_of_pixels(
            network, recipe, checks.pixels(table.iloc[i : i + 1].to_numpy())
        ), what
    columns = model.feature_names_in_.tolist()
    table = sources.to_predict(source, columns, model.columns_.unused, text)
    i = _place(row, len(table), source)
    return trace(model, table.iloc[i : i + 1]), what


def trace_of_pixels(network: Network, recipe: Recipe, pixels: Any) -> Trace:
    """The trace from the pixels of a row to the class that the network predicts."""
    way = Way()
    X = Formula("X", "(pixels - mean) / scale", r"X = (p - \mu) / s")
    known = {"pixels": pixels, "mean": recipe.mean, "scale": recipe.scale}
    stage = Stage("pixels", f"{len(recipe.columns)} pixels, standardised", (X,), known)
    given = way.add_before(stage, recipe.inputs(pixels), network)
    Z = way.add_network(network, given)
    way.add_activation(network.loss, Z)
    predicted = each_row(f"predicted {recipe.classes[k]!r}" for k in Z.argmax(axis=1))
    way.parts[-1].notes = (f"the classes are {', '.join(map(repr, recipe.classes))}", *predicted)
    return Trace(way.parts, way.data, None)


def _place(row: int, n: int, source: str) -> int:
    if row > n:
        raise SettingError(f"--row is {row}, and {source} has {counted(n, 'row')}")
    return row - 1


def _of_unit(record: Trace, unit: str, digits: int) -> str:
    """A number, what it is made of, and what it goes into."""
    line = record.unit(_of_the_row(record, unit))
    parts = [f"{line.name}{list(line.index)}", line.text(digits=digits)]
    if line.formula is not None:
        parts += [line.text(digits=digits, names=True), f"by {line.formula}"]
    used = record.goes_into(line.name, line.index)
    shown = ", ".join(f"{number.array}{list(number.index)}" for number in used[:MOST_SHOWN])
    more = f" and {len(used) - MOST_SHOWN:,} more" if len(used) > MOST_SHOWN else ""
    return "\n".join([*parts, f"goes into {shown or 'nothing'}{more}"])


MOST_SHOWN = 5
"""How many uses of a number are listed."""


def _of_the_row(record: Trace, unit: str) -> str:
    """The index of a unit with that of the row, 0, if it is left out."""
    name, bracket, rest = unit.partition("[")
    try:
        shape = record[name].shape
    except UnknownNameError:
        return unit
    given = rest.rstrip("]").count(",") + 1 if bracket else 0
    if len(shape) == given + 1 and shape[0] == 1:
        return f"{name}[0, {rest}" if bracket else f"{name}[0]"
    return unit
