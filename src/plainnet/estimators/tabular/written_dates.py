"""Dates as people write them: 31.01.2024, 01/31/2024 10:30 PM, Wed, 31 Jan 2024 10:00:00 +0100.

What three numbers mean is told once, from all texts of a column, and each text is then read alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError
from plainnet.estimators.tabular.written_numbers import (
    FEW_DIFFERENT,
    MOST_OTHERS,
    plain,
    says_missing,
)

DAY = 86_400
EPOCH = date(1970, 1, 1).toordinal()

MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar jän jänner janv janvier ene enero gen gennaio",
            "feb february februar feber fév févr février febr febrero febbraio",
            "mar march mär märz mrz mars marzo",
            "apr april avr avril abr abril aprile",
            "may mai mayo mag maggio",
            "jun june juni juin junio giu giugno",
            "jul july juli juil juillet julio lug luglio",
            "aug august août aoû ago agosto",
            "sep sept september septembre septiembre set settembre",
            "oct october okt oktober octobre octubre ott ottobre",
            "nov november novembre noviembre",
            "dec december dez dezember déc décembre dic diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
WEEKDAYS = frozenset(
    name
    for names in (
        "mon tue tues wed thu thur thurs fri sat sun",
        "monday tuesday wednesday thursday friday saturday sunday",
        "mo di mi do fr sa so",
        "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag",
        "lun mar mer jeu ven sam dim lundi mardi mercredi jeudi vendredi samedi dimanche",
        "mié jue vie sáb dom lunes martes miércoles jueves viernes sábado domingo",
    )
    for name in names.split()
)
ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "CET": 1, "CEST": 2} | {
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}
"""Hours that each zone is ahead of UTC; those of America are RFC 2822's (section 4.3)."""

TIME = re.compile(
    rf"""
    ([0-9]{{1,2}}) : ([0-9]{{2}}) (?: : ([0-9]{{2}}) (?:[.,][0-9]+)? )?
    (?:\ ?([AP])\.?\ ?M\b\.?)?  (?:\ ?(?:Uhr|h)\b)?
    (?:\ ?((?:UTC|GMT)?[-+][0-9]{{1,2}}(?::?[0-9]{{2}})? | (?:{"|".join(ZONES)})\b)
       (?:\ \([^()]*\))? )?
    (?![0-9:])
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Hour, minute, second, A or P, zone."""
JOINT = re.compile(r"(?:(?<=[0-9])[Tt:_]| ?, ?| (?:(?:at|um|à|-) )?)$")
"""What stands between a date and its time."""
HOUR = re.compile(r"(.*[0-9])(?:T([0-9]{2})|,? ([0-9]{1,2}) ?([AP])\.?M\.?)", re.IGNORECASE)
ISO_BASIC = re.compile(
    r"([0-9]{8})T([0-9]{2})([0-9]{2})([0-9]{2})?(?:\.[0-9]+)?(Z|[-+][0-9]{2}:?[0-9]{2})?"
)

NUMERIC = re.compile(r"([0-9]{1,4}) ?([-/.]) ?([0-9]{1,2}) ?\2 ?([0-9]{4}|[0-9]{1,2})\.?")
YEAR_MONTH = re.compile(r"([12][0-9]{3})[-/]([0-9]{2})")
MONTH_YEAR = re.compile(r"([0-9]{1,2})[-/]([12][0-9]{3})")
QUARTER = re.compile(r"([12][0-9]{3})[-/ ]?Q([1-4])")
WEEK = re.compile(r"([0-9]{4})-?W([0-9]{2})(?:-?([1-7]))?")
COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?")
_NAME = r"([^\W\d_]{3,})\.?"
_GAP = r"(?:[-/ ]| ?, ?| ?de | ?of |)"
DAY_NAME_YEAR = re.compile(
    rf"([0-9]{{1,2}})(?:st|nd|rd|th|er|º|\.)?{_GAP}{_NAME}{_GAP}'?([0-9]{{4}}|[0-9]{{2}})",
    re.IGNORECASE,
)
NAME_DAY_YEAR = re.compile(
    rf"{_NAME}{_GAP}([0-9]{{1,2}})(?:st|nd|rd|th)?(?: ?[-/,] ?| )([0-9]{{4}})", re.IGNORECASE
)
YEAR_NAME_DAY = re.compile(rf"([0-9]{{4}}){_GAP}{_NAME}{_GAP}([0-9]{{1,2}})")
NAME_YEAR = re.compile(rf"{_NAME}{_GAP}([0-9]{{4}})")
WEEKDAY = re.compile(r"([^\W\d_]{2,})\.?,? ?(?=.)")

ORDERS = {"dmy": (2, 1, 0), "mdy": (2, 0, 1), "ymd": (0, 1, 2)}
"""Where year, month and day are among three numbers."""
FIRST_SHORT_YEAR = 69
"""Two-digit years are 1969 to 2068, as POSIX has it."""


class _Written(NamedTuple):
    """A text that is written like a date, which may still be an impossible one."""

    kind: str
    """"full", "month", "compact", or "numbers" if their order is to be told."""
    fields: tuple[str, str, str]
    """Year, month, day; of numbers as they stand."""
    separator: str = ""
    seconds: int = 0
    """The time of day in seconds, less what its zone is ahead of UTC."""
    timed: bool = False
    zoned: bool = False

    @property
    def short(self) -> bool:
        """Whether its year has two digits."""
        return len(self.fields[0]) <= 2 and len(self.fields[2]) <= 2


@dataclass(frozen=True)
class DateNotation:
    """How the dates of a column are written.

    Dates that can be read one way only always are, and so are three numbers between points, day
    first, unless the order says otherwise.

    Parameters
    ----------
    order : "ymd", "dmy", "mdy" or "compact"
        What three numbers are between slashes or hyphens; with "ymd" those with the year first
        only. "compact" is 20240131, with the time 20240131103000.
    short_years : bool
        Whether the year may have two digits among three numbers, as it always may beside the name
        of a month: 69 to 99 are of the last century.
    format : str
        A format of `datetime.strptime`, which alone decides, or empty.
    """

    order: str = "ymd"
    short_years: bool = False
    format: str = ""

    def read(self, text: str) -> np.datetime64 | None:
        """The time in UTC to the second, or None if the text is not a date in this notation.

        A time without a zone is taken as UTC, a month as its first day.
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
        written = _written(text)
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
    """What `dates_in` tells of a column.

    `notation` is None where these are dates and it is not clear which; `doubt` says why then, and
    otherwise what was assumed, or is empty. `others` are the texts that are not dates, and
    `missing` those that say so, with how often each occurs.
    """

    notation: DateNotation | None
    others: dict[str, int]
    missing: dict[str, int]
    doubt: str = ""


def dates_in(
    texts: Iterable[str], notation: str | None = None, *, declared: bool = False
) -> DateReading | None:
    """The notation of a column of texts, or None if they are not dates.

    Whether the day or the month comes first is told by a number above 12 anywhere in the column,
    or by points, between which the day does. Among the dates there may be any number of
    MISSING_WORDS, 0000-00-00 and 9999-99-99, and other texts and impossible dates if they are at
    most a fifth of the cells that are not missing, and at most nine different ones or a twentieth
    of those cells.

    Parameters
    ----------
    texts : iterable of str
        All cells of the column.
    notation : "dmy", "mdy", "ymd", "compact" or a format of datetime.strptime, optional
        How the dates are written, where it is known; any share of them will do then.
    declared : bool
        Whether it is known that these are dates: 20240131 is one then, and any share of them will
        do.

    Raises
    ------
    SettingError
        If the notation is none of these, or a format without a year.
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
        if (w := _written(text)) is not None:
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
    order, doubt = _order(orders, like_dates)
    if order is None:
        certain = {text: w for text, w in dates.items() if text not in orders}
        if not certain or not (declared or _are_enough(counts, certain)):
            return _reading(None, counts, dates, doubt)
        order, dates = "ymd", certain
    notation_told = DateNotation(order, any(w.short for text, w in dates.items() if text in orders))
    return _reading(notation_told, counts, dates, doubt or _doubt(dates, order))


# --- one text -------------------------------------------------------------------------------------


def _written(text: str) -> _Written | None:
    """Take a text apart, if it is written like a date."""
    text = plain(text)
    if not 6 <= len(text) <= 100:
        return None
    if "  " in text:
        text = " ".join(text.split())
    if text[4:8:3] == "::":  # 2024:01:31, as in photographs
        text = text[:4] + "-" + text[5:7] + "-" + text[8:]
    if match := _time_in(text):
        time, day = _moment(*match.groups()), _without(match, text)
    elif match := HOUR.fullmatch(text):
        time, day = _moment(match[2] or match[3], "0", None, match[4]), _day(match[1])
    elif match := ISO_BASIC.fullmatch(text):
        time, day = _moment(match[2], match[3], match[4], None, match[5]), _day(match[1])
    else:
        return _day(text)
    if time is None or day is None or day.kind == "month":
        return None
    kind = "full" if day.kind == "compact" else day.kind
    return _Written(kind, day.fields, day.separator, *time)


def _time_in(text: str) -> re.Match[str] | None:
    """The first time of day in a text."""
    colon = text.find(":")
    while colon > 0:
        start = colon - 2 if colon > 1 and text[colon - 2].isdigit() else colon - 1
        if match := TIME.match(text, start):
            return match
        colon = text.find(":", colon + 1)
    return None


def _without(time: re.Match[str], text: str) -> _Written | None:
    """The day beside a time, which stands at the end, in front, or before the year."""
    before, after = text[: time.start()], text[time.end() :]
    if not before:
        return _day(after.lstrip(" ,"))
    joint = JOINT.search(before)
    return _day(before[: joint.start()] + after) if joint else None


def _moment(
    hour: str,
    minute: str,
    second: str | None = None,
    half: str | None = None,
    zone: str | None = "",
) -> tuple[int, bool, bool] | None:
    """The time of day in UTC in seconds, that there is one, and whether it has a zone."""
    h, m, s = int(hour), int(minute), int(second or 0)
    if half:
        if h > 12:
            return None
        h = h % 12 + (12 if half in "Pp" else 0)
    ahead = _ahead(zone) if zone else 0
    if ahead is None or ((h > 23 or m > 59 or s > 59) and (h, m, s) != (24, 0, 0)):
        return None
    return 3600 * h + 60 * m + s - ahead, True, bool(zone)


def _ahead(zone: str) -> int | None:
    """Seconds that a zone is ahead of UTC, by its name or as in UTC+5:30 and -0500."""
    zone = zone.upper()
    if zone in ZONES:
        return 3600 * ZONES[zone]
    sign, digits = (-1 if "-" in zone else 1), re.sub("[^0-9]", "", zone)
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return sign * (3600 * int(hours) + 60 * int(minutes))


def _day(text: str) -> _Written | None:
    """A day or month without a time of day."""
    if match := NUMERIC.fullmatch(text):
        first, separator, second, third = match.groups()
        if len(first) == 3 or len(first) + len(third) > 6:
            return None
        kind = "full" if len(first) == 4 else "numbers"
        return _Written(kind, (first, second, third), separator)
    if match := YEAR_MONTH.fullmatch(text):
        return _Written("month", (match[1], match[2], "1"))
    if match := MONTH_YEAR.fullmatch(text):
        return _Written("month", (match[2], match[1], "1"))
    if match := QUARTER.fullmatch(text):
        return _Written("month", (match[1], str(3 * int(match[2]) - 2), "1"))
    if match := COMPACT.fullmatch(text):
        year, month, day, hour, minute, second = match.groups()
        time = _moment(hour, minute, second) if hour else (0, False, False)
        return time and _Written("compact", (year, month, day), "", *time)
    if match := WEEK.fullmatch(text):
        try:
            when = date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1))
        except ValueError:
            return None
        return _Written("full", (f"{when.year:04}", str(when.month), str(when.day)))
    match = WEEKDAY.match(text)
    if match and match[1].lower() in WEEKDAYS and (day := _day(text[match.end() :])):
        return day
    return _named(text)


def _named(text: str) -> _Written | None:
    """A day or month with the name of its month."""
    if match := DAY_NAME_YEAR.fullmatch(text):
        day, name, year = match.groups()
    elif match := NAME_DAY_YEAR.fullmatch(text):
        name, day, year = match.groups()
    elif match := YEAR_NAME_DAY.fullmatch(text):
        year, name, day = match.groups()
    elif match := NAME_YEAR.fullmatch(text):
        name, year, day = *match.groups(), ""
    else:
        return None
    month = MONTHS.get(name.lower())
    if month is None:
        return None
    return _Written("full" if day else "month", (year, str(month), day or "1"))


def _seconds(written: _Written, order: str) -> int | None:
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


def _orders(written: _Written) -> set[str]:
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
    written = _written(text)
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
    notation: DateNotation | None, counts: Counter[str], dates: Collection[str], doubt: str = ""
) -> DateReading | None:
    """A column of which these texts are dates; None if there are none."""
    if not dates:
        return None
    missing: dict[str, int] = {}
    others: dict[str, int] = {}
    for text, count in counts.items():
        if text not in dates:
            (missing if says_no_date(text) else others)[text] = count
    return DateReading(notation, others, missing, doubt)


def _are_enough(counts: Counter[str], dates: Collection[str]) -> bool:
    """Whether there are so many dates that other texts are missing values."""
    reading = _reading(None, counts, dates)
    if reading is None:
        return False
    n_dates, n_others = sum(counts[text] for text in dates), sum(reading.others.values())
    cells = n_dates + n_others
    few = len(reading.others) <= FEW_DIFFERENT or n_others <= 0.05 * cells
    return few and n_others <= MOST_OTHERS * cells


def _order(numbers: dict[str, set[str]], written: dict[str, _Written]) -> tuple[str | None, str]:
    """The order of three numbers that all of them allow, or None and why it is not told."""
    if not numbers:
        return "ymd", ""
    possible = [order for order in ORDERS if all(order in fits for fits in numbers.values())]
    separators = {written[text].separator for text in numbers}
    if separators != {"-"} and len(possible) > 1 and "ymd" in possible:
        possible.remove("ymd")  # 24/01/31 is rare
    if separators == {"."} and "dmy" in possible:
        possible = ["dmy"]
    if len(possible) == 1:
        return possible[0], ""
    if possible:
        return None, (
            f"dates like {next(iter(numbers))!r} could have the day or the month first: no number "
            "above 12 tells which"
        )
    odd = [next(t for t, fits in numbers.items() if order not in fits) for order in ORDERS]
    odd = list(dict.fromkeys(odd))[:2]
    return None, f"dates contradict each other in their order, like {' and '.join(map(repr, odd))}"


def _are_seasons(written: dict[str, _Written]) -> bool:
    """Whether all dates are like 2009-10, with the year after."""
    return all(
        w.kind == "month" and int(w.fields[1]) == (int(w.fields[0]) + 1) % 100
        for w in written.values()
    )


def _are_versions(dates: dict[str, _Written], orders: dict[str, set[str]]) -> bool:
    """Whether all dates are like 1.2.10: no day above 12 and no 0 in front says that they are."""
    return all(
        w.separator == "."
        and w.short
        and "mdy" in orders[text]
        and "0" not in (w.fields[0][0], w.fields[1][0])
        for text, w in dates.items()
    )


def _doubt(dates: dict[str, _Written], order: str) -> str:
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
