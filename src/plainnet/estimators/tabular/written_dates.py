"""Dates as people write them: 31.01.2024, 01/31/2024 10:30 PM, Wed, 31 Jan 2024 10:00:00 +0100.

What three numbers mean is inferred once, from a whole column; then each text is read by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError
from plainnet.estimators.tabular.date_texts import Written, taken_apart
from plainnet.estimators.tabular.written_numbers import (
    FEW_DIFFERENT,
    MOST_OTHERS,
    plain,
    says_missing,
)

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()

ORDERS = {"dmy": (2, 1, 0), "mdy": (2, 0, 1), "ymd": (0, 1, 2)}
"""The positions of year, month and day among three numbers."""
MOST_YEARS = 20
"""More distinct numbers than this at the end of dates like 10/01/31 may be days."""
FIRST_SHORT_YEAR = 69
"""Two-digit years stand for 1969 to 2068, as in POSIX."""


@dataclass(frozen=True)
class DateNotation:
    """How the dates of a column are written.

    Dates with only one possible reading are always accepted. Three numbers separated by points are
    read with the day first unless the order says otherwise.

    Parameters
    ----------
    order : "ymd", "dmy", "mdy" or "compact"
        What three numbers separated by slashes or hyphens mean; "ymd" accepts only those with the
        year first. "compact" is 20240131, with a time 20240131103000.
    short_years : bool
        Whether the year may have two digits among three numbers, as it always may beside the name
        of a month: 69 to 99 are of the last century.
    format : str
        A format of `datetime.strptime`, which overrides the rest, or empty.
    """

    order: str = "ymd"
    short_years: bool = False
    format: str = ""

    def read(self, text: str) -> np.datetime64 | None:
        """The time in UTC to the second, or None if the text is not a date in this notation.

        A time without a zone is taken as UTC, and a month without a day as its first day.
        """
        seconds = self._seconds(text)
        return None if seconds is None else np.datetime64(seconds, "s")

    def read_all(self, texts: Iterable[str]) -> npt.NDArray[np.datetime64]:
        """The times as datetime64[s], NaT where a text is not a date."""
        known: dict[str, int] = {}
        values = []
        for text in texts:
            value = known.get(text)
            if value is None:
                seconds = self._seconds(text)
                value = known[text] = NOT_A_TIME if seconds is None else seconds
            values.append(value)
        return np.array(values, np.int64).view("datetime64[s]")

    def _seconds(self, text: str) -> int | None:
        if self.format:
            return _by_format(plain(text), self.format)
        written = taken_apart(text)
        if written is None or (written.kind == "compact" and self.order != "compact"):
            return None
        if written.kind == "numbers" and written.short and not self.short_years:
            return None
        order = self.order
        if order not in ("dmy", "mdy") and written.separator == "." and not written.short:
            order = "dmy"
        return _seconds(written, order)


NOT_A_TIME = int(np.iinfo(np.int64).min)
"""NaT as an integer."""


@dataclass(frozen=True)
class DateReading:
    """What `dates_in` finds out about a column.

    `notation` is None if these are dates in an ambiguous order; then `doubt` says why and `orders`
    lists the possible ones. Otherwise `doubt` says what was assumed, or is empty. `others` counts
    the texts that are not dates, and `missing` those that stand for a missing value.
    """

    notation: DateNotation | None
    others: dict[str, int]
    missing: dict[str, int]
    doubt: str = ""
    orders: tuple[str, ...] = ()


def dates_in(
    texts: Iterable[str], notation: str | None = None, *, declared: bool = False
) -> DateReading | None:
    """The notation of a column of texts, or None if they are not dates.

    A number above 12 anywhere in the column decides whether the day or the month comes first;
    between points, the day does. Two digits at the front may be the year if the separators are
    hyphens, or if the digits at the end vary more than years would.

    Among the dates there may be any number of MISSING_WORDS, 0000-00-00 and 9999-99-99, and other
    texts and impossible dates if they are at most a fifth of the cells that are not missing, and at
    most nine different ones or a twentieth of those cells.

    Parameters
    ----------
    texts : iterable of str
        All cells of the column.
    notation : "dmy", "mdy", "ymd", "compact" or a format of datetime.strptime, optional
        How the dates are written, if known; then any share of dates is enough.
    declared : bool
        Whether the column is known to hold dates; then 20240131 is one, and any share of dates is
        enough.

    Raises
    ------
    SettingError
        If the notation is unknown, or a format without a year.
    """
    counts = Counter(texts)
    present = [text for text in counts if not says_missing(text)]
    if notation is not None:
        told = _declared(notation)
        return _reading(told, counts, {text for text in present if told.read(text) is not None})
    most_others = inf if declared else MOST_OTHERS * sum(counts.values())
    n_others = 0
    like_dates = {}
    for text in present:
        if (w := taken_apart(text)) is not None:
            like_dates[text] = w
            continue
        n_others += counts[text]
        if n_others > most_others:
            return None
    orders = {  # in which three numbers are a date
        text: fits for text, w in like_dates.items() if w.kind == "numbers" and (fits := _orders(w))
    }
    dates = {
        text: w
        for text, w in like_dates.items()
        if text in orders or (w.kind in ("full", "month") and _seconds(w, "") is not None)
    }
    if declared and not dates:
        compact = {text for text, w in like_dates.items() if _seconds(w, "") is not None}
        return _reading(DateNotation("compact"), counts, compact)
    if not declared and (
        not _are_enough(counts, dates) or _are_seasons(like_dates) or _are_versions(dates, orders)
    ):
        return None
    possible = _possible_orders(orders, like_dates)
    order, doubt = possible[0] if possible else "", ""
    if len(possible) == 1 and order != "ymd" and _end_in_days(orders, like_dates):
        if declared:
            doubt = f"{next(iter(orders))!r} is read with {FIRST[order]} first, not with the year"
        else:
            possible.append("ymd")
    if len(possible) != 1:
        doubt = _why_unclear(orders, possible)
        certain = {text: w for text, w in dates.items() if text not in orders}
        if not certain or not (declared or _are_enough(counts, certain)):
            return _reading(None, counts, dates, doubt, tuple(possible or ("dmy", "mdy")))
        order, dates = "ymd", certain
    notation_told = DateNotation(order, any(w.short for text, w in dates.items() if text in orders))
    return _reading(notation_told, counts, dates, doubt or _doubt(dates, order))


# --- one text -------------------------------------------------------------------------------------


def _seconds(written: Written, order: str) -> int | None:
    """Seconds since 1970, or None where there is no such day, or no order of three numbers."""
    year, month, day = written.fields
    if written.kind == "numbers":
        if order not in ORDERS:
            return None
        year, month, day = (written.fields[i] for i in ORDERS[order])
    if len(year) == 2:
        year = f"{19 if int(year) >= FIRST_SHORT_YEAR else 20}{year}"
    if len(year) != 4 or year[0] == "0" or len(day) > 2:
        return None
    try:
        days = date(int(year), int(month), int(day)).toordinal() - EPOCH
    except ValueError:
        return None
    return DAY * days + written.seconds


def _orders(written: Written) -> set[str]:
    """The orders in which three numbers are a date; between points the year is never first."""
    orders = {order for order in ORDERS if _seconds(written, order) is not None}
    return orders - {"ymd"} if written.separator == "." else orders


def _by_format(text: str, layout: str) -> int | None:
    try:
        when = datetime.strptime(text, layout)
    except (ValueError, OverflowError):
        return None
    ahead = when.utcoffset() or timedelta()
    elapsed = when.replace(tzinfo=None) - datetime(1970, 1, 1) - ahead
    return elapsed // timedelta(seconds=1)


def says_no_date(text: str) -> bool:
    """Whether a text is one of MISSING_WORDS, 0000-00-00, 9999-99-99 or 0001-01-01."""
    if says_missing(text):
        return True
    written = taken_apart(text)
    digits = "".join(written.fields) if written else ""
    return digits in ("00010101", "01010001") or set(digits) in ({"0"}, {"9"})


# --- a column -------------------------------------------------------------------------------------


def _declared(notation: str) -> DateNotation:
    if notation in (*ORDERS, "compact"):
        return DateNotation(notation, short_years=notation in ORDERS)
    if "%" not in notation:
        raise SettingError(
            f"the notation of dates must be dmy, mdy, ymd, compact or a format such as %d/%m/%Y; "
            f"got {notation!r}"
        )
    if not re.search("%[YyGcx]", notation):
        raise SettingError(f"a date needs a year, %Y or %y; got the format {notation!r}")
    try:
        datetime.strptime("", notation)
    except ValueError as error:
        if "does not match" not in str(error):
            raise SettingError(f"{notation!r} is not a format of dates: {error}") from error
    return DateNotation(format=notation)


def _reading(
    notation: DateNotation | None,
    counts: Counter[str],
    dates: Collection[str],
    doubt: str = "",
    orders: tuple[str, ...] = (),
) -> DateReading | None:
    """A column of which these texts are dates; None if there are none."""
    if not dates:
        return None
    missing: dict[str, int] = {}
    others: dict[str, int] = {}
    for text, count in counts.items():
        if text not in dates:
            (missing if says_no_date(text) else others)[text] = count
    return DateReading(notation, others, missing, doubt, orders)


def _are_enough(counts: Counter[str], dates: Collection[str]) -> bool:
    """Whether there are so many dates that other texts are missing values."""
    reading = _reading(None, counts, dates)
    if reading is None:
        return False
    n_dates, n_others = sum(counts[text] for text in dates), sum(reading.others.values())
    cells = n_dates + n_others
    few = len(reading.others) <= FEW_DIFFERENT or n_others <= 0.05 * cells
    return few and n_others <= MOST_OTHERS * cells


def _possible_orders(numbers: dict[str, set[str]], written: dict[str, Written]) -> list[str]:
    """The orders of three numbers that all of them allow; without any, that of certain dates."""
    if not numbers:
        return ["ymd"]
    possible = [order for order in ORDERS if all(order in fits for fits in numbers.values())]
    separators = {written[text].separator for text in numbers}
    if separators != {"-"} and len(possible) > 1 and "ymd" in possible:
        possible.remove("ymd")  # 24/01/31 is rare
    if separators == {"."} and "dmy" in possible:
        possible = ["dmy"]
    return possible


def _end_in_days(numbers: dict[str, set[str]], written: dict[str, Written]) -> bool:
    """Whether 10/01/31 may end in the day: all can, and the ends vary more than years would."""
    if not all("ymd" in fits for fits in numbers.values()):
        return False
    first, _, last = map(set, zip(*(written[text].fields for text in numbers), strict=True))
    month_ends = min(map(int, first)) >= 28
    return len(last) > MOST_YEARS and len(last) >= 1.5 * len(first) and not month_ends


FIRST = {"dmy": "the day", "mdy": "the month", "ymd": "the year"}
"""The part that each order begins with."""


def _why_unclear(numbers: dict[str, set[str]], possible: list[str]) -> str:
    if possible:
        *others, last = (FIRST[order] for order in possible)
        why = "no number above 12 tells" if possible == ["dmy", "mdy"] else "nothing tells"
        return (
            f"dates like {next(iter(numbers))!r} could have {', '.join(others)} or {last} first: "
            f"{why} which"
        )
    odd = [next(t for t, fits in numbers.items() if order not in fits) for order in ORDERS]
    odd = list(dict.fromkeys(odd))[:2]
    return f"dates contradict each other in their order, like {' and '.join(map(repr, odd))}"


def _are_seasons(written: dict[str, Written]) -> bool:
    """Whether all dates are like 2009-10, with the year after."""
    return all(
        w.kind == "month" and int(w.fields[1]) == (int(w.fields[0]) + 1) % 100
        for w in written.values()
    )


def _are_versions(dates: dict[str, Written], orders: dict[str, set[str]]) -> bool:
    """Whether all dates are like 1.2.10: no day above 12 and no 0 in front says that they are."""
    return all(
        w.separator == "."
        and w.short
        and "mdy" in orders[text]
        and "0" not in (w.fields[0][0], w.fields[1][0])
        for text, w in dates.items()
    )


def _doubt(dates: dict[str, Written], order: str) -> str:
    """Sentences about what was assumed, or nothing."""
    sentences = []
    timed = {w.zoned: text for text, w in dates.items() if w.timed}
    if len(timed) == 2:
        sentences.append(f"times without a zone, like {timed[False]!r}, are read as UTC")
    for text, w in dates.items():
        if w.short:
            seconds = _seconds(w, order)
            year = "" if seconds is None else str(np.datetime64(seconds, "s"))[:4]
            if "2030" <= year:
                sentences.append(f"two-digit years are 1969 to 2068: {text!r} is {year}")
                break
    return "; ".join(sentences)
