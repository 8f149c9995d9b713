"""Infers what a column is from all its cells, unless the user has said it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from math import ceil, inf
from shlex import quote
from typing import Any

import numpy as np

from plainnet.errors import DataError, SettingError, counted, shown
from plainnet.estimators.tabular.cells import (
    INFINITE,
    MISSING_WORDS,
    as_float,
    is_boolean,
    is_date,
    is_duration,
    is_missing,
    is_number,
    label_of,
)
from plainnet.estimators.tabular.kinds import Category, Date, Kind, LeftOut, Number, Text, texts_of
from plainnet.estimators.tabular.table import Column
from plainnet.estimators.tabular.written_dates import FIRST, DateReading, dates_in
from plainnet.estimators.tabular.written_numbers import (
    FEW_DIFFERENT,
    MOST_OTHERS,
    NumberNotation,
    NumberReading,
    numbers_in,
)
from plainnet.estimators.texts.features import TextFeatures

KINDS = ("number", "text", "category", "date", "drop")
"""The kinds that the user can name."""
WORDS_SHOWN, EXAMPLES, SAMPLE = 3, 20, 500
WORD = re.compile(r"[^\W\d_]{2,}")
UNSEPARATED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)
"""Characters of scripts without blanks: Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
WORDS_OF_A_NAME, WORDS_OF_A_SENTENCE = 2, 4
"""The median number of words from which a column counts as text rather than categories: if more
than half of the cells are distinct, and if more than a fifth are."""
SHARE_OF_SENTENCES = 0.2
MOST_WORDS_OF_A_NAME = 4
"""Words in at least half of the cells, as in: Braund, Mr. Owen Harris."""
FEWEST, PER_ROW_OF_NAMES, MOST_OF_A_NAME = 8, 1 / 100, 24
PER_ROW_OF_SENTENCES, MOST_OF_A_SENTENCE = 1 / 10, 96
"""How many numbers a text becomes: few in small tables, where more would be memorized."""

Told = tuple[Kind, list[str]]
"""A column's kind, and the warnings for the user."""


def kind_of(column: Column, wanted: str | None, decimal: str | None, whole: Column) -> Told:
    """The kind of a column, from all cells of `whole`; `wanted` and `decimal` as in `Columns`."""
    name, values = column.name, column.values
    if wanted is not None:
        return _as_wanted(column, wanted, decimal, whole)
    if values.dtype.kind == "b":
        return Category(name, values), []
    if column.declared:
        kind = Category(name, values)
        better, then = ("category", "uses them") if kind.known else ("text", "uses its n-grams")
        left_out = [f"{kind.note}; {_advice(column, better)} {then}"] if kind.is_name else []
        return kind, left_out
    if values.dtype.kind == "M":
        return Date(name, values), []
    if values.dtype.kind == "m":
        return Number(name, values, durations=True), []
    if values.dtype.kind == "f" or (values.dtype.kind in "iu" and not _would_merge(whole)):
        return Number(name, values), []
    present = _present(whole)
    if not present:
        return LeftOut(name, "empty, left out"), []
    if all(map(is_date, present)):
        return Date(name, values), []
    if all(map(is_duration, present)):
        return Number(name, values, durations=True), []
    if all(map(is_number, present)) and not _would_merge(whole):
        return Number(name, values), []
    if not all(isinstance(v, str) or is_number(v) or is_date(v) for v in present):
        return _category(column, present)
    texts = list(map(label_of, present))
    if (dates := dates_in(texts)) is not None and dates.notation is not None:
        return _date(column, dates, present), doubts_of(dates, texts, "dates")
    if (numbers := _numbers_in(present, decimal)) is not None:
        return _number(column, numbers, present, texts)
    return _category(column, present, dates, decimal)


def _would_merge(column: Column) -> bool:
    """Whether different integers become the same float, as names beyond 2^53 do that count up."""
    values = column.values
    ends = (values.min(), values.max()) if values.dtype.kind in "iu" and len(values) else ()
    if ends and all(abs(int(end)) <= 2**53 for end in ends):
        return False
    integers = {int(v) for v in _present(column) if isinstance(v, int | np.integer)}
    return len(set(map(as_float, integers))) < len(integers)


def _present(column: Column) -> list[Any]:
    values = column.values
    cells = list(values) if values.dtype.kind == "M" else values.tolist()
    return [value for value in cells if not is_missing(value)]


def _numbers_in(
    present: list[Any], decimal: str | None, *, declared: bool = False
) -> NumberReading | None:
    """What the texts tell; numbers beside them are numbers in any notation."""
    texts = [str(ceil(abs(v))) if is_number(v) and abs(v) < inf else label_of(v) for v in present]
    finite = [text for text in texts if not INFINITE.fullmatch(text)]  # Number refuses the others
    return numbers_in(finite, decimal, declared=declared)


def _number(
    column: Column, reading: NumberReading, present: list[Any], texts: Sequence[str]
) -> Told:
    words, example = tuple(reading.others), _example(present, reading)
    kind = Number(column.name, column.values, reading.notation, words, example)
    marked = replace(reading.notation, padded=False) != NumberNotation()
    what = f"numbers like {example}" if marked else "numbers"
    return kind, doubts_of(reading, texts, what)


def _date(column: Column, reading: DateReading, present: list[Any]) -> Date:
    assert reading.notation is not None
    words, example = tuple(reading.others), _example(present, reading)
    return Date(column.name, column.values, reading.notation, words, example)


def _example(present: list[Any], reading: NumberReading | DateReading) -> str:
    """The longest text of the first few that was read: it has all the marks."""
    unread = {*reading.others, *reading.missing}
    read = (v.strip() for v in present if isinstance(v, str) and v.strip() not in unread)
    return max(islice(filter(None, read), EXAMPLES), key=len, default="")


def _category(
    column: Column,
    present: list[Any],
    dates: DateReading | None = None,
    decimal: str | None = None,
) -> Told:
    """A category; `dates` are those whose order is not told."""
    kind = Category(column.name, column.values)
    if dates is not None:
        first, *others = dates.orders
        made = kind.note if kind.is_name else "They are used as categories"
        then = f"reads {FIRST[first]} first"
        then += "".join(f", date:{order} {FIRST[order]}" for order in others)
        return kind, [f"{dates.doubt}. {made}; {_advice(column, f'date:{first}')} {then}"]
    if _is_prose(column, kind):
        return _text(column)
    if not kind.embedded:
        return kind, []
    texts = list(map(label_of, present))
    better = _what_most_are(texts, decimal, surely=not kind.is_name)
    if kind.is_name:
        then = f"reads them as {better}s"
        if not better and decimal and _what_most_are(texts, None, surely=False) == "number":
            return kind, [f"{kind.note}; {decimal!r} is not the decimal point in its numbers"]
        if not better:
            better, then = ("category", "uses them") if kind.known else ("text", "uses its n-grams")
        return kind, [f"{kind.note}; {_advice(column, better)} {then}"]
    if better:
        then = f"reads most of them as {better}s, and the others count as missing"
        return kind, [f"{kind.note}; {_advice(column, better)} {then}"]
    return kind, []


def _advice(column: Column, kind: str) -> str:
    """What to pass for another kind, in Python and to the command."""
    typed = quote(f"{column.name}={kind}")
    return f"columns={{{column.name!r}: {kind!r}}} (--column {typed})"


def _what_most_are(texts: list[str], decimal: str | None, *, surely: bool) -> str:
    """The kind as which most of these texts could be read, or "".

    Surely: they would be, were it not for a few texts that come again and again, or a few cells in
    another notation.
    """
    tell: dict[str, Callable[..., NumberReading | DateReading | None]] = {
        "number": partial(numbers_in, decimal=decimal),
        "date": dates_in,
    }
    for kind, told in tell.items():
        for some in (texts[:: max(1, len(texts) // SAMPLE)], texts):  # most are told by a sample
            reading = told(some, declared=True)
            if not reading or not reading.notation:
                break
            if sum(reading.others.values()) >= len(some) / 2:
                break
        else:
            assert reading is not None
            if not surely or _are_disturbed(reading.others, texts, told):
                return kind
    return ""


def _are_disturbed(
    others: Mapping[str, int],
    texts: list[str],
    told: Callable[..., NumberReading | DateReading | None],
) -> bool:
    """Whether texts would be of a kind but for these others."""
    strange = set(islice((t for t in others if not told([t], declared=True)), FEW_DIFFERENT + 1))
    if len(strange) > FEW_DIFFERENT:
        return False
    if sum(n for text, n in others.items() if text not in strange) > MOST_OTHERS * len(texts):
        return False
    alone = told(text for text in texts if text not in others)
    return alone is not None and alone.notation is not None


def _text(column: Column) -> Told:
    texts = texts_of(column.values)
    share, most = PER_ROW_OF_NAMES, MOST_OF_A_NAME
    if _usual_words(texts) > MOST_WORDS_OF_A_NAME:
        share, most = PER_ROW_OF_SENTENCES, MOST_OF_A_SENTENCE
    features = TextFeatures(texts, min(max(int(share * len(texts)), FEWEST), most))
    if not features.n_features:
        return LeftOut(column.name, "texts without a word in common, left out"), []
    only_texts = all(isinstance(v, str) or is_missing(v) for v in column.values.tolist())
    return Text(column.name, features, only_texts=only_texts), []


def _usual_words(texts: list[str]) -> int:
    """How many words the median of the texts that are not empty has."""
    counts = sorted(map(_words, filter(None, texts)))
    return counts[len(counts) // 2] if counts else 0


def _words(text: str) -> int:
    """How many words a text has; where nothing separates them, two characters count as one."""
    if text.isascii():
        return len(WORD.findall(text))
    separated, count = UNSEPARATED.subn(" ", text)
    return len(WORD.findall(separated)) + count // 2


def _is_prose(column: Column, kind: Category) -> bool:
    """Whether these are names or sentences of several words rather than categories or codes."""
    if not kind.embedded:
        return False
    texts = list(filter(None, texts_of(column.values)))
    words = _usual_words(texts)
    share = len(set(texts)) / len(texts)
    return (kind.is_name and words >= WORDS_OF_A_NAME) or (
        share > SHARE_OF_SENTENCES and words >= WORDS_OF_A_SENTENCE
    )


def _as_wanted(column: Column, wanted: str, decimal: str | None, whole: Column) -> Told:
    name, values = column.name, column.values
    kind, _, form = wanted.partition(":")
    if kind == "drop":
        return LeftOut(name, "left out, as asked"), []
    if kind == "category":
        return Category(name, values, wanted=True), []
    if kind == "text":
        return _text(column)
    if kind == "number" and values.dtype.kind in "biuf":
        return Number(name, values), []
    if kind == "number" and values.dtype.kind == "m":
        return Number(name, values, durations=True), []
    present = _present(whole)
    texts = list(map(label_of, present))
    if kind == "number":
        if all(is_number(v) or is_boolean(v) for v in present):
            return Number(name, values), []
        if all(is_number(v) or is_duration(v) for v in present):
            only = all(map(is_duration, present))
            return Number(name, values, durations=True if only else None), []
        numbers = _numbers_in(present, decimal, declared=True)
        if numbers is None or any(map(is_date, present)):
            why = "" if decimal is None else f"with decimal={decimal!r}"
            raise _cannot_be(column, "number", present, why)
        return _number(column, numbers, present, texts)
    if values.dtype.kind == "M" or all(map(is_date, present)):
        return Date(name, values), []
    dates = dates_in(texts, form or None, declared=True)
    if dates is None or dates.notation is None or any(map(is_boolean, present)):
        raise _cannot_be(column, wanted, present, "" if dates is None else dates.doubt)
    return _date(column, dates, present), doubts_of(dates, texts, "dates")


def _cannot_be(column: Column, wanted: str, present: list[Any], why: str = "") -> DataError:
    examples = ", ".join(map(shown, present[:WORDS_SHOWN]))
    why = f": {why}" if why else ""
    return DataError(
        f"column {column.name!r} cannot be read as {wanted!r}{why}; it holds {examples}"
    )


def doubts_of(reading: NumberReading | DateReading, texts: Sequence[str], what: str) -> list[str]:
    """The assumptions that were made, and the words that count as missing values."""
    others = Counter(reading.others) + Counter(
        {word: n for word, n in reading.missing.items() if word.casefold() not in MISSING_WORDS}
    )
    found = [reading.doubt] if reading.doubt else []
    if others:
        words = ", ".join(shown(word) for word, _ in others.most_common(WORDS_SHOWN))
        more = ", ..." if len(others) > WORDS_SHOWN else ""
        found.append(
            f"{others.total():,} of {counted(len(texts), 'value')} count as missing, since they "
            f"are not {what}: {words}{more}"
        )
    return found


def expect_kinds(wanted: Mapping[str, str], names: Sequence[str], decimal: str | None) -> None:
    """Refuse unknown kinds, and kinds for columns that the table does not have."""
    for name, kind in wanted.items():
        if name not in names:
            raise SettingError(f"columns has {name!r}, and the columns are {names}")
        if not (isinstance(kind, str) and (kind in KINDS or kind.startswith("date:"))):
            raise SettingError(
                f"columns has {name!r}: {shown(kind)}; a kind is {', '.join(map(repr, KINDS))}, or "
                "a date with its order or format, 'date:dmy' or 'date:%d/%m/%Y'"
            )
    if decimal not in (None, ".", ","):
        raise SettingError(f"decimal must be '.' or ',', or None; got {decimal!r}")
