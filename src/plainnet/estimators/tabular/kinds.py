"""What a column can be: a number, a date, a category, a text, or left out.

Each kind remembers how the cells of its column were read in training and reads every later cell on
its own: what a cell gives never depends on the cells beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, shown
from plainnet.estimators.tabular.cells import (
    INFINITE,
    MISSING,
    as_utc,
    is_boolean,
    is_date,
    is_missing,
    is_number,
    label_of,
    spellings,
)
from plainnet.estimators.tabular.written_dates import DateNotation, says_no_date
from plainnet.estimators.tabular.written_numbers import NumberNotation, says_missing

if TYPE_CHECKING:
    from plainnet.estimators.texts.features import TextFeatures

Array = npt.NDArray[Any]

PLAIN, ISO = NumberNotation(), DateNotation()
ONE_HOT_UP_TO = 9
"""A column with more categories gets learned vectors instead of a flag for each of them."""
MOSTLY_DIFFERENT = 0.5
"""A text column with more categories than this share of the rows is a name, not a category."""


class Kind(Protocol):
    """One column, once fitted: its name, a line on what was done with it, and its numbers."""

    name: str
    note: str

    @property
    def used(self) -> bool:
        """Whether the column gives the network anything; if not, its cells are not looked at."""
        ...

    def numbers(self, column: Array) -> list[Array]:
        """Columns to be embedded as waves."""
        ...

    def flags(self, column: Array) -> list[Array]:
        """Columns with a few different numbers, used as they are."""
        ...

    def ids(self, column: Array) -> list[Array]:
        """Category ids; 0 is what training has not seen."""
        ...


class LeftOut:
    """A column that is not used; the note says why."""

    used = False

    def __init__(self, name: str, note: str) -> None:
        self.name, self.note = name, note

    def numbers(self, column: Array) -> list[Array]:
        return []

    flags = ids = numbers


class Number:
    """A column of numbers. Missing values take the median, and a flag says where they were.

    `words` are the texts between the numbers of the training rows; they count as missing values.
    """

    notation: NumberNotation = PLAIN
    words: tuple[str, ...] = ()
    example: str = ""

    def __init__(
        self,
        name: str,
        column: Array,
        notation: NumberNotation = PLAIN,
        words: tuple[str, ...] = (),
        example: str = "",
    ) -> None:
        self.name, self.notation, self.words, self.example = name, notation, words, example
        values = self._read(column)
        present = values[~np.isnan(values)]
        self.constant = len(present) == 0 or present.min() == present.max()
        self.gaps = 0 < len(present) < len(values)
        self.median = float(np.median(present)) if len(present) else 0.0
        self.note = "number"
        if notation != PLAIN:
            self.note += f", written like {example}"
        if self.constant:
            self.note = "constant, left out" if len(present) else "empty, left out"
        if self.gaps:
            count = len(values) - len(present)
            self.note += f"; {count:,} missing, filled with {self.median:g} and flagged"

    @property
    def used(self) -> bool:
        return self.gaps or not self.constant

    def numbers(self, column: Array) -> list[Array]:
        if self.constant:
            return []
        values = self._read(column)
        return [np.where(np.isnan(values), self.median, values)]

    def flags(self, column: Array) -> list[Array]:
        return [np.isnan(self._read(column))] if self.gaps else []

    def ids(self, column: Array) -> list[Array]:
        return []

    def _read(self, column: Array) -> Array:
        """The column as float64, NaN for missing values; refuses other texts, and infinity."""
        if column.dtype.kind in "biuf":
            values = column.astype(np.float64)
        else:
            values = np.array(_each(column, self._number, self._holds), np.float64)
        if np.isinf(values).any():
            raise BadCell(
                f"column {self.name!r} must hold finite numbers; row {{}} has infinity",
                int(np.argmax(np.isinf(values))),
            )
        return values

    def _number(self, value: object) -> float | None:
        if is_number(value) or is_boolean(value):
            return float(value)  # type: ignore[arg-type]
        if not isinstance(value, str):
            return None
        text = value.strip()
        if INFINITE.fullmatch(text):
            return np.inf
        number = self.notation.read(text)
        if number is None and (text in self.words or says_missing(text)):
            return np.nan
        return number

    @property
    def _holds(self) -> str:
        like = "" if self.notation == PLAIN else f" like {self.example}"
        return f"column {self.name!r} holds numbers{like}"


class Date:
    """A column of dates: the time that passes, and the parts that recur."""

    notation: DateNotation = ISO
    words: tuple[str, ...] = ()
    example: str = ""

    def __init__(
        self,
        name: str,
        column: Array,
        notation: DateNotation = ISO,
        words: tuple[str, ...] = (),
        example: str = "",
    ) -> None:
        self.name, self.notation, self.words, self.example = name, notation, words, example
        self.parts = [Number(part, values) for part, values in self._split(column)]
        used = ", ".join(part.name for part in self.parts if not part.constant)
        self.note = f"date: {used}" if used else "constant date, left out"
        gaps = int(np.isnat(self._read(column)).sum())
        self.gaps = 0 < gaps < len(column)
        if self.gaps:
            self.note += f"; {gaps:,} missing, filled and flagged"

    @property
    def used(self) -> bool:
        return self.gaps or not all(part.constant for part in self.parts)

    def _split(self, column: Array) -> Iterator[tuple[str, Array]]:
        when = self._read(column)
        day, month = when.astype("datetime64[D]"), when.astype("datetime64[M]")
        epoch = np.datetime64(0, "s")
        for part, duration, unit in (
            ("time", when - epoch, np.timedelta64(1, "D")),
            ("month", month - when.astype("datetime64[Y]"), np.timedelta64(1, "M")),
            ("day", day - month, np.timedelta64(1, "D")),
            ("hour", when - day, np.timedelta64(1, "h")),
        ):
            yield part, np.asarray(duration / unit, float)
        yield "weekday", np.asarray((day - epoch) / np.timedelta64(1, "D") % 7, float)

    def numbers(self, column: Array) -> list[Array]:
        pairs = zip(self.parts, self._split(column), strict=True)
        return [numbers for part, (_, values) in pairs for numbers in part.numbers(values)]

    def flags(self, column: Array) -> list[Array]:
        return [np.isnat(self._read(column))] if self.gaps else []

    def ids(self, column: Array) -> list[Array]:
        return []

    def _read(self, column: Array) -> Array:
        """The column as datetime64[s], NaT for missing values; refuses all that is not a date."""
        if column.dtype.kind == "M":
            return column.astype("datetime64[s]")
        return np.array(_each(column, self._date, self._holds, np.datetime64("NaT")), "M8[s]")

    def _date(self, value: object) -> np.datetime64 | None:
        if is_date(value):
            return np.datetime64(as_utc(value), "s")  # type: ignore[call-overload,no-any-return]
        if is_number(value) and self.notation.order == "compact":  # 20240131
            value = label_of(value)
        if not isinstance(value, str):
            return None
        text = value.strip()
        when = self.notation.read(text)
        if when is None and (text in self.words or says_no_date(text)):
            return np.datetime64("NaT")
        return when

    @property
    def _holds(self) -> str:
        return f"column {self.name!r} holds dates like {self.example or '2026-01-31'}"


class Category:
    """A column of texts or booleans. A missing value is a category too, if training has seen one.

    Where categories get vectors, those that occur once share one with all that training has not
    seen: their own would learn the row by heart.
    """

    def __init__(self, name: str, column: Array, *, wanted: bool = False) -> None:
        self.name = name
        labels = [label_of(value) for value in column.tolist()]
        times = Counter(labels)
        count, once = len(times), 0
        if count > ONE_HOT_UP_TO:
            once = sum(number == 1 for number in times.values())
            times = Counter({label: number for label, number in times.items() if number > 1})
        self.known = {label: k for k, label in enumerate(sorted(times), start=1)}
        self.used, self.embedded, self.is_name = True, count > ONE_HOT_UP_TO, False
        if count < 2:
            self.used, self.note = False, "constant, left out"
        elif self.embedded and count > MOSTLY_DIFFERENT * len(labels) and not wanted:
            self.used, self.is_name = False, True
            self.note = f"{count:,} different texts in {len(labels):,} rows, left out"
        else:
            self.note = f"{count:,} categories, " + ("embedded" if self.embedded else "one-hot")
            if once:
                self.note += f"; the {once:,} that occur once share a vector"

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(self.known) + 1

    def numbers(self, column: Array) -> list[Array]:
        return []

    def flags(self, column: Array) -> list[Array]:
        if not self.used or self.embedded:
            return []
        ids = self._ids(column)
        if len(self.known) == 2:  # one flag, -1 or 1, and 0 for what is not known
            return [np.where(ids == 0, 0, 2 * ids - 3)]
        return [ids == k for k in self.known.values()]

    def ids(self, column: Array) -> list[Array]:
        return [self._ids(column)] if self.used and self.embedded else []

    def _ids(self, column: Array) -> Array:
        labels = [label_of(value) for value in column.tolist()]
        ids = {label: self._id(label) for label in set(labels)}
        return np.array([ids[label] for label in labels], np.intp)

    def _id(self, label: str) -> int:
        for same in (label, *spellings(label)):
            if same in self.known:
                return self.known[same]
        if label == MISSING:
            return next((k for word, k in self.known.items() if says_missing(word)), 0)
        return self.known.get(MISSING, 0) if says_missing(label) else 0


class Text:
    """A column of free text: a few numbers that say which words and n-grams it has.

    `features` are `plainnet.estimators.texts.TextFeatures` of the training rows.
    """

    used = True

    def __init__(self, name: str, features: TextFeatures) -> None:
        self.name, self.features = name, features
        counts = f"{len(features.ngrams):,} words and n-grams"
        self.note = f"text: {counts} as {features.n_features} numbers"

    def numbers(self, column: Array) -> list[Array]:
        return []

    def flags(self, column: Array) -> list[Array]:
        return list(self.features.transform(texts_of(column)).T)

    def ids(self, column: Array) -> list[Array]:
        return []


def texts_of(column: Array) -> list[str]:
    """The values as texts, missing ones empty."""
    return ["" if is_missing(value) else label_of(value) for value in column.tolist()]


# --- cells ----------------------------------------------------------------------------------------


class BadCell(DataError):
    """A value that its column cannot hold; `{}` in the message is where its row goes."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message.format(position))
        self.message, self.position = message, position


def _each(
    column: Array, read: Callable[[object], Any], holds: str, missing: object = np.nan
) -> list[Any]:
    """Each value as `read` has it, equal texts once; a value of which it makes None is refused."""
    texts: dict[str, Any] = {}

    def cell(value: object) -> Any:
        if is_missing(value):
            return missing
        if not isinstance(value, str):
            return read(value)
        if value not in texts:
            texts[value] = read(value)
        return texts[value]

    values = column.tolist() if column.dtype.kind == "O" else list(column)
    found = [cell(value) for value in values]
    row = next((i for i, each in enumerate(found) if each is None), None)
    if row is not None:
        got = shown(values[row]).replace("{", "{{").replace("}", "}}")
        raise BadCell(f"{holds}; got {got} in row {{}}", row)
    return found
