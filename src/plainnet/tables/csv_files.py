"""CSV files as programs export them: encoding and separator are inferred from the text."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, TextIO, TypeVar

import numpy as np

from plainnet.errors import DataError, FileError, SettingError, optional

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")

SEPARATORS = "\t;|,"
"""Separators, the ones least likely inside a text first."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UNICODE, WINDOWS = "utf-8-sig", "cp1252"
RECORDS_LOOKED_AT = 200
LONGEST_CELL = 2**31 - 1
ONE_COLUMN = "\x1f"
"""A separator that does not occur, for tables of one column, whose cells may hold commas."""
EXCELS = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
"""The first line of some Excel files, which names the separator."""
NUMBER = re.compile(r"[-+]?[0-9.,]*[0-9]")


@dataclass(frozen=True)
class TextFormat:
    """The format of a CSV file, as far as the user has given it."""

    separator: str | None = None
    encoding: str | None = None

    def check(self, named: Callable[[str], str] = str) -> None:
        """Refuse settings that make no sense; `named` gives their names in messages."""
        mark = None if self.separator is None else _unescaped(self.separator)
        if mark is not None and (len(mark) != 1 or not mark.isascii()):
            raise SettingError(
                f"{named('separator')} is one character of ASCII, or tab; got {self.separator!r}"
            )
        if mark is not None and mark in '"\r\n':
            raise SettingError(f"{named('separator')} cannot be {self.separator!r}")
        if self.encoding is not None:
            try:
                io.TextIOWrapper(io.BytesIO(), encoding=self.encoding)
            except (LookupError, ValueError) as error:
                raise SettingError(
                    f"{named('encoding')} is a name like utf-8, cp1252 or utf-16; got "
                    f"{self.encoding!r}"
                ) from error


GUESSED = TextFormat()


@dataclass(frozen=True)
class Content:
    """The bytes of a file that is not on this machine, and the name that messages call it by."""

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name


Source = Path | Content


class UnreadableError(FileError):
    """A file that is not text, or no table; it may be one in another `TextFormat`.

    Attributes
    ----------
    setting : str
        The name of the setting that is to be another: "encoding" or "separator".
    """

    def __init__(self, message: str, setting: Literal["encoding", "separator"]) -> None:
        super().__init__(message)
        self.setting = setting


def _unescaped(separator: str) -> str:
    return "\t" if separator.casefold() in ("tab", "\\t") else separator


def read(
    source: Source,
    text: TextFormat = GUESSED,
    *,
    rows: int | None = None,
    columns: int | None = None,
) -> tuple[pd.DataFrame, str]:
    """(the table, its encoding), at most so many of its rows.

    The cells are all texts: the model infers the type of each column.

    Raises
    ------
    FileError, DataError
        If the file is not a table, is empty, or has more columns than this; an UnreadableError if
        it may be a table in another format.
    """

    def table(encoding: str) -> pd.DataFrame:
        return _read(source, encoding, text.separator, rows, columns)

    return in_encoding(source, text.encoding, table)


def in_encoding(
    path: Source, wanted: str | None, read: Callable[[str], Result]
) -> tuple[Result, str]:
    """(the result of `read`, the encoding); the encoding is inferred if none is given.

    Raises
    ------
    UnreadableError
        If the file is not text in the given encoding, or in any that can be inferred.
    """
    encoding = wanted or _marked(path) or UNICODE
    try:
        return read(encoding), encoding
    except UnicodeError as error:
        if wanted is not None or encoding != UNICODE:
            raise UnreadableError(
                f"{path} is not text in the encoding {encoding}: {error}", "encoding"
            ) from error
    try:
        return read(WINDOWS), WINDOWS
    except UnicodeError as error:
        raise UnreadableError(
            f"{path} is neither UTF-8 nor Windows-1252 text", "encoding"
        ) from error


def _marked(path: Source) -> str | None:
    """The encoding that the first bytes name."""
    with _bytes(path) as file:
        start = file.read(4096)
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if start.startswith(mark):
            return encoding
    if b"\0" in start:
        raise UnreadableError(f"{path} holds zero bytes, which text does not", "encoding")
    return None


def _read(
    path: Source, encoding: str, wanted: str | None, rows: int | None, columns: int | None
) -> pd.DataFrame:
    pandas = optional("pandas", purpose="reading CSV files", extra="cli")
    try:
        skipped, separator, names = _header(path, encoding, wanted)
        if columns is not None and len(names) > columns:
            raise DataError(f"{path} has {len(names):,} columns; at most {columns:,} can be read")
        with warnings.catch_warnings():
            # With index_col=False, pandas only warns of a row that is too long, and cuts it.
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            table: pd.DataFrame = pandas.read_csv(
                path if isinstance(path, Path) else io.BytesIO(path.data),
                sep=separator,
                names=list(range(len(names))),
                skiprows=skipped,
                header=0,
                index_col=False,
                skipinitialspace=separator != " ",
                dtype=object,
                na_filter=False,
                # In a table of one column, a blank line is a row without a value.
                skip_blank_lines=len(names) > 1,
                encoding=encoding,
                nrows=rows,
            )
    except csv.Error as error:
        raise FileError(f"{path} is not a table that can be read: {error}") from error
    except (pandas.errors.ParserError, pandas.errors.ParserWarning) as error:
        what = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        if isinstance(error, pandas.errors.ParserWarning):
            what = f"rows have more fields than the {len(names)} of the first line"
        is_one = separator == ONE_COLUMN
        between = "" if is_one else f" with {_shown(separator)} between its cells"
        raise UnreadableError(
            f"{path} is not a table that can be read{between}: {what}", "separator"
        ) from error
    # Lines may begin or end in a separator: a column without name and cells is none.
    kept = [i for i, name in enumerate(names) if name or any(map(str.strip, table[i]))]
    table, names = table[kept], [names[i] for i in kept]
    table.columns = names
    refuse_twins(list(filter(None, names)), path)
    _refuse_second_header(table, path)
    return table


def _refuse_second_header(table: pd.DataFrame, path: Source) -> None:
    """Refuse what comes of several files in one."""
    names = list(table.columns)
    if len(names) < 2:
        return
    for row in np.flatnonzero(table.iloc[:, 0] == names[0]):
        if [cell.strip() for cell in table.iloc[row]] == names:
            raise DataError(
                f"row {row + 1} of {path} has the names of the columns again: leave that line out"
            )


def refuse_twins(names: list[str], path: Source) -> None:
    """Refuse column names that appear more than once."""
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        shown = ", ".join(map(repr, twins))
        raise DataError(f"{path} has more than one column of the same name: {shown}")


def _shown(separator: str) -> str:
    return {"\t": "tabs", ",": "commas", ";": "semicolons"}.get(separator, repr(separator))


def _header(path: Source, encoding: str, wanted: str | None) -> tuple[int, str, list[str]]:
    """How many lines come before it, the separator, and the names in it."""
    skipped = 0
    with _text(path, encoding) as file:
        for line in file:
            if mark := EXCELS.fullmatch(line):
                wanted = wanted or mark[1]
            elif line.strip():
                break
            skipped += 1
        else:
            raise DataError(f"{path} is empty")
        # A quoted name may run over several lines, so reading starts again from this one.
        lines = [line, *islice(file, 10 * RECORDS_LOOKED_AT)]
    separator = _unescaped(wanted) if wanted else _separator(lines)
    names = [name.strip() for name in next(_records(lines, separator))]
    return skipped, separator, names


def _separator(lines: list[str]) -> str:
    """The separator by which the most records have as many cells as the first.

    If there are several, that which leaves the most numbers: 1,5;2,5 are two of them.
    """
    best, separator = (0.0, 0.0), ONE_COLUMN
    for mark in SEPARATORS:
        try:
            records = [each for each in islice(_records(lines, mark), RECORDS_LOOKED_AT) if each]
        except csv.Error:
            continue
        n, rows = len(records[0]), records[1:]
        if n < 2 or (rows and max(map(len, rows)) < 2):
            continue
        alike = sum(len(row) == n for row in rows) / max(1, len(rows))
        cells = [cell.strip() for row in rows for cell in row]
        numbers = sum(bool(NUMBER.fullmatch(cell)) for cell in cells) / max(1, len(cells))
        if (alike, numbers) > best or separator == ONE_COLUMN:
            best, separator = (alike, numbers), mark
    return separator


def _records(lines: list[str], separator: str) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_CELL)
    return csv.reader(lines, delimiter=separator, skipinitialspace=separator != " ")


def _bytes(path: Source) -> IO[bytes]:
    if isinstance(path, Content):
        return io.BytesIO(path.data)
    is_packed = path.name.lower().endswith(".gz")
    return gzip.open(path, "rb") if is_packed else open(path, "rb")  # type: ignore[return-value]


def _text(path: Source, encoding: str) -> TextIO:
    return io.TextIOWrapper(_bytes(path), encoding=encoding, newline="")
