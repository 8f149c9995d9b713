"""What a column can be: a number, a date, a category, a text, or left out.

Each kind remembers how the cells of its column were read in training and reads every later cell by
itself: the result for a cell never depends on the cells beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, shown
from plainnet.estimators.tabular.cells import (
    FALSE,
    INFINITE,
    MISSING,
    NUMBER_LABEL,
    PADDED,
    TRUE,
    as_float,
    as_utc,
    is_boolean,
    is_date,
    is_duration,
    is_missing,
    is_number,
    label_of,
    seconds,
    spellings,
)
from plainnet.estimators.tabular.written_dates import DateNotation, says_no_date
from plainnet.estimators.tabular.written_numbers import (
    UNIT_NAMES,
    NumberNotation,
    says_missing,
)
from plainnet.estimators.texts.features import TextFeatures

Array = npt.NDArray[Any]

PLAIN, ISO = NumberNotation(), DateNotation()
ONE_HOT_UP_TO = 9
"""A column with more categories gets learned vectors instead of one flag per category."""
MOSTLY_DIFFERENT = 0.5
"""With more distinct values than this share of the rows, a column holds names, not categories."""


class Features(NamedTuple):
    """What a column becomes for the network: any number of columns of each sort."""

    numbers: Sequence[Array] = ()
    """Numbers to be embedded as waves."""
    flags: Sequence[Array] = ()
    """Columns with few distinct numbers, used as they are."""
    ids: Sequence[Array] = ()
    """Ids of categories; 0 is anything that training has not seen."""


class Kind(Protocol):
    """A fitted column: its name, a note on how it is used, and its numbers."""

    name: str
    note: str

    @property
    def used(self) -> bool:
        """Whether the network uses the column; if not, its cells are not read."""
        ...

    def features(self, column: Array) -> Features:
        """The features that a column's cells become."""
        ...


class LeftOut:
    """A column that is not used; the note says why."""

    used = False

    def __init__(self, name: str, note: str) -> None:
        self.name, self.note = name, note

    def features(self, column: Array) -> Features:
        return Features()


class Number:
    """A column of numbers. Missing values are replaced by the median, and a flag marks them.

    `words` are the texts among the numbers of the training rows; they count as missing values.
    """

    notation: NumberNotation = PLAIN
    words: tuple[str, ...] = ()
    example: str = ""
    durations: bool | None = None
    """Whether these are durations, in seconds. None: mixed, or a file from an earlier version."""

    def __init__(
        self,
        name: str,
        column: Array,
        notation: NumberNotation = PLAIN,
        words: tuple[str, ...] = (),
        example: str = "",
        *,
        durations: bool | None = False,
    ) -> None:
        self.name, self.notation, self.words, self.example = name, notation, words, example
        self.durations = durations
        values = self.read(column)
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

    def features(self, column: Array) -> Features:
        values = self.read(column)
        missing = np.isnan(values)
        numbers = [] if self.constant else [np.where(missing, self.median, values)]
        return Features(numbers, [missing] if self.gaps else [])

    def read(self, column: Array) -> Array:
        """The column as float64, NaN for missing values; refuses other texts and infinity."""
        if column.dtype.kind in "biuf" and self.takes_floats:
            values = column.astype(np.float64)
        elif column.dtype.kind == "m" and self.durations:
            values = seconds(column)
        else:
            values = np.array(_each(column, self._number, self._holds), np.float64)
        if np.isinf(values).any():
            raise BadCell(
                f"column {self.name!r} must hold finite numbers; row ",
                int(np.argmax(np.isinf(values))),
                " has infinity",
            )
        return values

    def _number(self, value: object) -> float | None:
        if is_number(value) or is_boolean(value):
            bare = as_float(value)
            return None if (self._has_unit and bare) or self.durations else bare
        if is_duration(value):
            return None if self.durations is False else float(seconds(value))
        if not isinstance(value, str):
            return np.nan if label_of(value) in self.words else None
        text = value.strip()
        if INFINITE.fullmatch(text):
            return np.inf
        number = self.notation.read(text)
        if number is None and (text in self.words or says_missing(text)):
            return np.nan
        return None if self.durations else number

    @property
    def takes_floats(self) -> bool:
        """Whether cells may be bare numbers: not if they are durations or have units."""
        return not self._has_unit and not self.durations

    @property
    def _has_unit(self) -> bool:
        """Whether the numbers are like 85%: a bare 0.85 could be meant in another unit."""
        return self.notation.affix in UNIT_NAMES

    @property
    def _holds(self) -> str:
        if self.durations:
            return f"column {self.name!r} holds durations"
        like = "" if self.notation == PLAIN else f" like {self.example}"
        return f"column {self.name!r} holds numbers{like}"


class Date:
    """A column of dates: elapsed time, and parts that recur, such as the month."""

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
        when = self.read(column)
        self.parts = [Number(part, values) for part, values in _split(when)]
        used = ", ".join(part.name for part in self.parts if not part.constant)
        self.note = f"date: {used}" if used else "constant date, left out"
        gaps = int(np.isnat(when).sum())
        self.gaps = 0 < gaps < len(column)
        if self.gaps:
            self.note += f"; {gaps:,} missing, filled and flagged"

    @property
    def used(self) -> bool:
        return self.gaps or not all(part.constant for part in self.parts)

    def features(self, column: Array) -> Features:
        when = self.read(column)
        pairs = zip(self.parts, _split(when), strict=True)
        numbers = [each for part, (_, values) in pairs for each in part.features(values).numbers]
        return Features(numbers, [np.isnat(when)] if self.gaps else [])

    def read(self, column: Array) -> Array:
        """The column as datetime64[s], NaT for missing values; refuses anything but dates."""
        if column.dtype.kind == "M":
            return column.astype("datetime64[s]")
        missing = np.datetime64("NaT", "s")  # a NaT of no unit is deprecated
        return np.array(_each(column, self._date, self._holds, missing), "M8[s]")

    def _date(self, value: object) -> np.datetime64 | None:
        if is_date(value):
            return np.datetime64(as_utc(value), "s")
        if is_number(value) and (
            self.notation.order == "compact" or self.notation.format.startswith("%Y")
        ):
            value = label_of(value)  # 20240131; where a day or month comes first, a 0 may be lost
        if not isinstance(value, str):
            return np.datetime64("NaT", "s") if label_of(value) in self.words else None
        text = value.strip()
        when = self.notation.read(text)
        if when is None and (text in self.words or says_no_date(text)):
            return np.datetime64("NaT", "s")
        return when

    @property
    def _holds(self) -> str:
        return f"column {self.name!r} holds dates like {self.example or '2026-01-31'}"


def _split(when: Array) -> Iterator[tuple[str, Array]]:
    """(name, numbers) of each part of the dates."""
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


class Category:
    """A column of texts or booleans. A missing value is a category too, if training has seen one.

    If categories get vectors, those that occur once share a vector with all that training has not
    seen: a vector of their own would learn the row by heart.
    """

    welcome: tuple[str, ...] | None = None  # files of earlier versions do not say it
    """The non-text values, by their entry in `LABELS`, that later cells may hold, known or not."""

    def __init__(self, name: str, column: Array, *, wanted: bool = False) -> None:
        self.name = name
        values = column.tolist()
        labels = [label_of(value) for value in values]
        times = Counter(labels)
        self.welcome = _welcome(times, values)
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
                self.note += f"; those seen once ({once:,}) share a vector"

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(self.known) + 1

    def features(self, column: Array) -> Features:
        if not self.used:
            return Features()
        ids = self._ids(column)
        if self.embedded:
            return Features(ids=[ids])
        if len(self.known) == 2:  # one flag, -1 or 1, and 0 for what is not known
            return Features(flags=[np.where(ids == 0, 0, 2 * ids - 3)])
        return Features(flags=[ids == k for k in self.known.values()])

    def _ids(self, column: Array) -> Array:
        values = column.tolist()
        labels = [label_of(value) for value in values]
        ids = {label: self._id(label) for label in set(labels)}
        found = np.array([ids[label] for label in labels], np.intp)
        strange = [
            row
            for row, value in enumerate(values)
            if not isinstance(value, str) and (found[row] == 0 or is_large_float(value))
        ]
        self._expect_kinds(values, strange)
        return found

    def _expect_kinds(self, values: list[Any], rows: list[int]) -> None:
        """Refuse numbers, durations, dates and booleans that no category can be."""
        if not rows or not self.known:
            return
        welcome = self.welcome
        if welcome is None:
            welcome = (*_welcome(self.known), is_large_float.__name__)
        for row in rows:
            value = values[row]
            same = next((is_a for is_a in LABELS if is_a(value)), None)
            if same is None or same.__name__ in welcome:
                continue
            padded = [label for label in self.known if PADDED.fullmatch(label)]
            labels = padded if same is is_number and padded else self.known
            example = next((label for label in labels if label != MISSING), MISSING)
            raise BadCell(
                f"column {self.name!r} holds texts like {example!r}; got {shown(value)} in row ",
                row,
            )

    def _id(self, label: str) -> int:
        for same in (label, *spellings(label)):
            if same in self.known:
                return self.known[same]
        if label == MISSING:
            return next((k for word, k in self.known.items() if says_missing(word)), 0)
        return self.known.get(MISSING, 0) if says_missing(label) else 0


def is_large_float(value: object) -> bool:
    """Whether a float may have been rounded from another integer, as beside a missing value."""
    return isinstance(value, float) and 2**53 < abs(value) < np.inf


LABELS: dict[Callable[[object], bool], Callable[[str], bool]] = {
    is_large_float: lambda label: False,
    is_boolean: lambda label: label in (*TRUE[:-1], *FALSE[:-1]),
    is_number: lambda label: NUMBER_LABEL.fullmatch(label) is not None,
    is_duration: lambda label: NUMBER_LABEL.fullmatch(label) is not None,
    is_date: lambda label: ISO.read(label) is not None,
}
"""Kinds of non-text values, each with a test for whether a label can belong to it."""


def _welcome(labels: Collection[str], values: Sequence[Any] = ()) -> tuple[str, ...]:
    """Of `LABELS`, what the values of training were, or could have been by their labels.

    Where a label is 01 or 1.10, a later number may be another way to write one: 1 or 1.1.
    """
    padded = any(map(PADDED.fullmatch, labels))
    of_each_type = list({(type(v), is_large_float(v)): v for v in values}.values())
    return tuple(
        is_a.__name__
        for is_a, can_be in LABELS.items()
        if any(map(is_a, of_each_type))
        or (any(map(can_be, labels)) and not (padded and is_a is is_number))
    )


class Text:
    """A column of free text: a few numbers that describe its words and n-grams.

    `bags` are `plainnet.estimators.texts.TextFeatures` fitted to the training rows.
    """

    used = True
    only_texts = False  # files of earlier versions do not say it
    """Whether training had only texts, without numbers, dates or booleans among them."""

    def __init__(self, name: str, bags: TextFeatures, *, only_texts: bool) -> None:
        self.name, self.bags, self.only_texts = name, bags, only_texts
        self.note = f"text: {len(bags.ngrams):,} words and n-grams as {bags.n_features} numbers"

    def features(self, column: Array) -> Features:
        if self.only_texts:
            for row, value in enumerate(column.tolist()):
                if not isinstance(value, str) and not is_missing(value):
                    raise BadCell(
                        f"column {self.name!r} holds texts; got {shown(value)} in row ", row
                    )
        return Features(flags=list(self.bags.transform(texts_of(column)).T))


def texts_of(column: Array) -> list[str]:
    """The values as texts; missing ones are empty."""
    return ["" if is_missing(value) else label_of(value) for value in column.tolist()]


# --- cells ----------------------------------------------------------------------------------------


class BadCell(DataError):
    """An invalid value for its column; the row's name comes between two parts of the message.

    `position` counts from 0.
    """

    def __init__(self, before: str, position: int, after: str = "") -> None:
        super().__init__(f"{before}{position}{after}")
        self.before, self.position, self.after = before, position, after

    def of_row(self, name: object) -> DataError:
        """The error with the user's name for the row."""
        return DataError(f"{self.before}{name}{self.after}")


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

    values = list(column) if column.dtype.kind == "M" else column.tolist()
    found = [cell(value) for value in values]
    row = next((i for i, each in enumerate(found) if each is None), None)
    if row is not None:
        raise BadCell(f"{holds}; got {shown(values[row])} in row ", row)
    return found
