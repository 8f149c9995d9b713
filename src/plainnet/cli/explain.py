"""`plainnet explain`: every number of one prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plainnet.cli import checks, class_folders, folders, report, sources
from plainnet.cli.csv_files import TextFormat
from plainnet.cli.model import load_model
from plainnet.cli.output import check_replaceable, check_writable, written_whole
from plainnet.errors import SettingError, UnknownNameError, require_integer
from plainnet.inspection import Trace, trace
from plainnet.inspection.tracing.html import page_of

PAGE = "<!-- plainnet explain -->"
"""By which its pages are known; after the first line."""


def explain(
    model: Path,
    source: str,
    row: int,
    unit: str | None,
    html: Path | None,
    text: TextFormat,
) -> None:
    """Run `plainnet explain`."""
    text.check()
    require_integer("--row", row, at_least=1)
    place = None
    if html is not None:
        place = check_writable(html)
        check_replaceable(html, place, "a page of `plainnet explain`", is_page)
    record = _traced(load_model(model), model, source, row, text)
    asked = None if unit is None else _of_unit(record, unit)
    if html is not None and place is not None:
        with written_whole(html, place) as file:
            document = page_of(record, f"{model.name}, row {row} of {source}")
            file.write(document.replace("\n", f"\n{PAGE}\n", 1))
    console = report.make_console(False)
    if asked is not None:
        console.print(asked, soft_wrap=True, markup=False, highlight=False)
    elif html is None:
        console.print(record, soft_wrap=True)


def is_page(path: Path) -> bool:
    """Whether a file is one that this command writes."""
    with open(path, "rb") as file:
        return PAGE.encode() in file.read(4096)


def _traced(model: Any, path: Path, source: str, row: int, text: TextFormat) -> Trace:
    kind = class_folders.kind_for(model)
    if kind is not None:
        _, contents = class_folders.contents_of(kind, [source], "refuse", text)
        return trace(model, [contents[_place(row, len(contents), source)]])
    if folders.is_folder(source):
        raise SettingError(
            f"{path} was not trained on pictures or texts, and a folder is for these"
        )
    if isinstance(model, tuple):
        network, recipe = model
        table = sources.to_predict(source, recipe.columns)
        i = _place(row, len(table), source)
        return trace(network, recipe.inputs(checks.pixels(table.iloc[i : i + 1].to_numpy())))
    columns = model.feature_names_in_.tolist()
    table = sources.to_predict(source, columns, model.columns_.unused, text)
    i = _place(row, len(table), source)
    return trace(model, table.iloc[i : i + 1])


def _place(row: int, n: int, source: str) -> int:
    if row > n:
        raise SettingError(f"--row is {row}, and {source} has {n:,}")
    return row - 1


def _of_unit(record: Trace, unit: str) -> str:
    """A number, what it is made of, and what it goes into."""
    line = record.unit(_of_the_row(record, unit))
    parts = [f"{line.name}{list(line.index)}", str(line)]
    if line.formula is not None:
        parts += [line.text(names=True), f"by {line.formula}"]
    used = record.goes_into(line.name, line.index)
    shown = ", ".join(f"{number.array}{list(number.index)}" for number in used[:MOST_SHOWN])
    more = f" and {len(used) - MOST_SHOWN:,} more" if len(used) > MOST_SHOWN else ""
    return "\n".join([*parts, f"goes into {shown or 'nothing'}{more}"])


MOST_SHOWN = 5
"""Numbers that another goes into."""


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
