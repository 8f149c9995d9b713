"""Parses a single text that is written like a date into year, month, day and time.

Which of three numbers is the day or the month is decided by `written_dates`, from a whole column.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from plainnet.estimators.tabular.written_numbers import plain

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
"""Hours that each zone is ahead of UTC; the American ones are from RFC 2822, section 4.3."""

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


class Written(NamedTuple):
    """A text that is written like a date; the date may still be impossible."""

    kind: str
    """"full", "month", "compact", or "numbers" if the order is still unknown."""
    fields: tuple[str, str, str]
    """Year, month and day; numbers of unknown order as they stand."""
    separator: str = ""
    seconds: int = 0
    """The time of day in seconds, minus the offset of its zone from UTC."""
    timed: bool = False
    zoned: bool = False

    @property
    def short(self) -> bool:
        """Whether the year has two digits."""
        return len(self.fields[0]) <= 2 and len(self.fields[2]) <= 2


def taken_apart(text: str) -> Written | None:
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
    return Written(kind, day.fields, day.separator, *time)


def _time_in(text: str) -> re.Match[str] | None:
    """The first time of day in a text."""
    colon = text.find(":")
    while colon > 0:
        start = colon - 2 if colon > 1 and text[colon - 2].isdigit() else colon - 1
        if match := TIME.match(text, start):
            return match
        colon = text.find(":", colon + 1)
    return None


def _without(time: re.Match[str], text: str) -> Written | None:
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


def _day(text: str) -> Written | None:
    """A day or month without a time of day."""
    if match := NUMERIC.fullmatch(text):
        first, separator, second, third = match.groups()
        if len(first) == 3 or len(first) + len(third) > 6:
            return None
        kind = "full" if len(first) == 4 else "numbers"
        return Written(kind, (first, second, third), separator)
    if match := YEAR_MONTH.fullmatch(text):
        return Written("month", (match[1], match[2], "1"))
    if match := MONTH_YEAR.fullmatch(text):
        return Written("month", (match[2], match[1], "1"))
    if match := QUARTER.fullmatch(text):
        return Written("month", (match[1], str(3 * int(match[2]) - 2), "1"))
    if match := COMPACT.fullmatch(text):
        year, month, day, hour, minute, second = match.groups()
        time = _moment(hour, minute, second) if hour else (0, False, False)
        return time and Written("compact", (year, month, day), "", *time)
    if match := WEEK.fullmatch(text):
        try:
            when = date.fromisocalendar(int(match[1]), int(match[2]), int(match[3] or 1))
        except ValueError:
            return None
        return Written("full", (f"{when.year:04}", str(when.month), str(when.day)))
    match = WEEKDAY.match(text)
    if match and match[1].lower() in WEEKDAYS and (day := _day(text[match.end() :])):
        return day
    return _named(text)


def _named(text: str) -> Written | None:
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
    return Written("full" if day else "month", (year, str(month), day or "1"))
