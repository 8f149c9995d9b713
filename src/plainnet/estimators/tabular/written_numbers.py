"""Numbers as people write them: $1,234.50, 1.234,50 €, 85 %, (12), and words among them.

The notation is inferred once, from a whole column; then each text is read by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError

MISSING_WORDS = frozenset(
    word
    for words in (
        "|na|n/a|n.a.|n.a|n. a.|#n/a|#na|<na>|(na)|nan|-nan|nat|null|(null)|none|nil|void",
        "unknown|unk|unbekannt|missing|(missing)|empty|(empty)|blank|(blank)|undefined|tbd|tba",
        "not available|not applicable|not known|no data|keine angabe|k.a.|k. a.|k.a|\\n",
        "?|??|???|*|/|.|..|...|…|-|--|---|–|—|#div/0!|#value!|#ref!|#name?|#num!|#null!",
        "1.#ind|-1.#ind|1.#qnan|-1.#qnan",
    )
    for word in words.split("|")
)
"""Texts that stand for a missing value, in lower case; they never rule out a kind."""
MOST_OTHERS = 0.2
"""The largest share of non-missing cells that may be texts of another kind."""
FEW_DIFFERENT = 9
"""Up to this many distinct values may be codes."""

CURRENCIES = (
    *"$€£¥₹₽₩₺₪₫฿₴₦₱₡₲₵₸₿",
    *("US$", "A$", "AU$", "C$", "CA$", "NZ$", "HK$", "S$", "R$", "kr", "kr.", "zł", "Kč", "Ft"),
    *("Fr.", "Rs", "Rs.", "RM", "CHF", "JPY", "CNY", "INR", "AUD", "CAD", "NZD", "SEK", "NOK"),
    *("DKK", "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR", "TRY", "RUB", "KRW", "SGD", "HKD", "ILS"),
)
UNITS = (
    *("%", "‰", "°", "°C", "°F", "mg", "g", "kg", "lb", "lbs", "oz", "mm", "cm", "m", "km", "ft"),
    *("in", "mi", "km/h", "mph", "m²", "m2", "sqm", "sqft", "ml", "cl", "l", "L", "cc", "ms", "s"),
    *("sec", "min", "h", "hrs", "yrs", "Hz", "kHz", "MHz", "GHz", "kW", "kWh", "hp", "PS", "bhp"),
    *("KB", "MB", "GB", "TB", "kcal", "kJ", "px", "pts", "bpm", "ppm", "mmHg", "Nm"),
)
AFFIXES = {
    **{name: name for name in (*CURRENCIES, *UNITS)},
    **{name.lower(): name for name in CURRENCIES if len(name) == 3 and name.isupper()},
    **dict.fromkeys(("EUR", "eur", "Eur", "Euro", "euro", "Euros", "euros"), "€"),
    **dict.fromkeys(("USD", "usd", "US$", "dollars"), "$"),
    **dict.fromkeys(("GBP", "gbp"), "£"),
    **dict.fromkeys(("percent", "pct", "Prozent"), "%"),
    **{unit + s: unit for unit in ("second", "minute", "hour", "day", "week") for s in ("", "s")},
    **{unit + s: unit for unit in ("month", "year") for s in ("", "s")},
}
"""Signs and units that may stand before or after a number, with their names."""
UNIT_NAMES = frozenset(AFFIXES.values()) - frozenset(CURRENCIES)

OTHER_MARK = {".": ",", ",": "."}
PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2013\ufe63", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\t", " "),
        **dict.fromkeys("\u2019\u02bc", "'"),
        **dict.fromkeys("\ufeff\u200b\u200e\u200f", ""),
    }
)
"""Typographic minus signs, blanks and apostrophes as the plain ones, and marks without width."""
_AFFIX = "|".join(map(re.escape, sorted(AFFIXES, key=len, reverse=True)))
WRITTEN = re.compile(
    rf"""
    (?P<sign>[-+]?)\ ?  (?P<before>{_AFFIX})?\ ?  (?P<inner>[-+(]?)\ ?  (?P<within>{_AFFIX})?\ ?
    (?P<body> [.,]?[0-9]+(?:[.,'\ _][0-9]+)*[.,]? )  (?P<exponent>[eE][-+]?[0-9]+)?
    (?: (?<=[.,])-{{1,2}} )?  # 5.- is a price without cents
    \ ?(?P<after>{_AFFIX})?\ ?(?P<trailing>[-)]?)\ ?(?P<last>{_AFFIX})?
    """,
    re.VERBOSE,
)
USUAL = re.compile(r"-?(?:0|[1-9][0-9]{0,99})(?:\.[0-9]{1,99})?")
"""A number as programs write it, which needs no further parsing if the decimal mark is a point."""
SIGNS = {"": "", "+": "", "-": "-", "()": "-"}
ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
NINES = str.maketrans("012345678", "999999999")


class _Parts(NamedTuple):
    sign: str
    affix: str
    body: str
    exponent: str
    plus: bool


def plain(text: str) -> str:
    """The text without surrounding blanks, with plain minus signs, blanks and apostrophes."""
    return (text if text.isascii() else text.translate(PLAIN)).strip()


def says_missing(text: str) -> bool:
    """Whether a text is one of MISSING_WORDS, ignoring case and surrounding blanks."""
    return plain(text).lower() in MISSING_WORDS


@dataclass(frozen=True)
class NumberNotation:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : "." or ","
    thousands : "", ".", ",", " ", "'" or "_"
        The mark between groups of three digits, which a number may omit. Even if it is "", 1,234.50
        is read if the decimal mark is a point, and 1.234,50 if it is a comma.
    affix : str
        The currency, percent sign or unit before or after the numbers, by its name in `AFFIXES`. A
        number may omit a currency, but a percent sign or unit only if it is 0.
    padded : bool
        Whether integers may begin with 0.
    """

    decimal: str = "."
    thousands: str = ""
    affix: str = ""
    padded: bool = False

    def read(self, text: str) -> float | None:
        """The number, finite, or None if the text is not a number in this notation.

        85% is 85, since all numbers of the column are percentages.
        """
        if self.decimal == "." and self.affix not in UNIT_NAMES and USUAL.fullmatch(text):
            return float(text)
        parts = _parts(text)
        if parts is None:
            return None
        thousands = self.thousands
        if not thousands and self.decimal in parts.body:
            thousands = OTHER_MARK[self.decimal]
        if not _body(self.decimal, thousands).fullmatch(parts.body):
            return None
        if not self.padded and _is_padded(parts.body):
            return None
        value = _value(parts, self.decimal, thousands)
        if not np.isfinite(value):
            return None
        bare = not parts.affix and (self.affix not in UNIT_NAMES or value == 0)
        return value if parts.affix == self.affix or bare else None

    def read_all(self, texts: Iterable[str]) -> npt.NDArray[np.float64]:
        """The numbers as an array, NaN where a text is not a number."""
        known: dict[str, float] = {}
        values = []
        for text in texts:
            value = known.get(text)
            if value is None:
                number = self.read(text)
                value = known[text] = np.nan if number is None else number
            values.append(value)
        return np.array(values, np.float64)


@dataclass(frozen=True)
class NumberReading:
    """What `numbers_in` finds out about a column.

    `others` counts the texts that are not numbers, and `missing` those that stand for a missing
    value. `doubt` is a sentence about what was assumed, or empty.
    """

    notation: NumberNotation
    others: dict[str, int]
    missing: dict[str, int]
    doubt: str = ""


def numbers_in(
    texts: Iterable[str], decimal: str | None = None, *, declared: bool = False
) -> NumberReading | None:
    """The notation of a column of texts, or None if they are not numbers in one notation.

    Every text that is a number in some notation must be a number in the column's notation. There
    may be any number of MISSING_WORDS among them, and other texts if

    - they are at most a fifth of the cells that are not missing,
    - they have at most nine distinct values, or a twentieth of those cells,
    - and the numbers are not codes: they have more than nine distinct values, or fractions or
      affixes, or are five or more that hardly repeat.

    Integers that begin with 0, those of eight digits or more behind a plus, and those beyond 2^53
    are codes or telephone numbers, and make their column one of codes.

    Parameters
    ----------
    texts : iterable of str
        All cells of the column.
    decimal : "." or ",", optional
        The decimal mark, if it is known.
    declared : bool
        Whether the column is known to hold numbers; then codes are numbers, any share of numbers is
        enough, and the most frequent of several notations is taken.

    Raises
    ------
    SettingError
        If decimal is neither a point nor a comma.
    """
    if decimal not in (None, ".", ","):
        raise SettingError(f"decimal must be '.' or ','; got {decimal!r}")
    counts = Counter(texts)
    most_others = inf if declared else MOST_OTHERS * sum(counts.values())
    n_others = 0
    missing: dict[str, int] = {}
    others: dict[str, int] = {}
    numbers: dict[str, _Parts] = {}
    for text, count in counts.items():
        if says_missing(text):
            missing[text] = count
        elif (parts := _parts(text)) is None or not _shape_reads(_shape(parts.body)):
            others[text] = count
            n_others += count
            if n_others > most_others:
                return None
        else:
            numbers[text] = parts
    if not numbers:
        return None
    if declared:
        numbers, odd = _in_one_notation(numbers, counts, decimal)
        others |= {text: counts[text] for text in odd}
    affixes = {parts.affix for parts in numbers.values()} - {""}
    if len(affixes) > 1 or (not declared and any(map(_is_code, numbers.values()))):
        return None

    shapes = {_shape(parts.body) for parts in numbers.values()}
    fitting = [
        marks
        for marks in PREFERENCE
        if decimal in (None, marks[0]) and all(marks in _shape_reads(shape) for shape in shapes)
    ]
    if not fitting:
        return None
    if {(".", ","), (",", ".")} <= set(fitting) and len({*"".join(shapes)} & {*".,"}) == 2:
        return None  # 1,234 and 1.234: one has thousands, and nothing says which
    marks = fitting[0]
    values = {text: value for text, p in numbers.items() if np.isfinite(value := _value(p, *marks))}
    others |= {text: counts[text] for text in numbers if text not in values}
    numbers = {text: numbers[text] for text in values}
    affix = "".join(affixes)
    if affix in UNIT_NAMES and any(values[text] for text, p in numbers.items() if not p.affix):
        return None
    if not numbers or not (declared or _are_quantities(numbers, values, counts, others)):
        return None
    padded = any(_is_padded(parts.body) for parts in numbers.values())
    notation = NumberNotation(*marks, affix, padded)
    return NumberReading(notation, others, missing, _doubt(numbers, fitting))


def _in_one_notation(
    numbers: dict[str, _Parts], counts: Counter[str], decimal: str | None
) -> tuple[dict[str, _Parts], list[str]]:
    """(the numbers that agree in affix and marks with the most cells, the other texts)."""
    affixes: Counter[str] = Counter()
    for text, parts in numbers.items():
        affixes[parts.affix] += counts[text]
    affix = max(affixes, key=lambda name: (affixes[name], name))
    if not affix and (named := [name for name in affixes if name and name not in UNIT_NAMES]):
        affix = max(named, key=affixes.__getitem__)  # a currency may be left out
    zero = {text for text, p in numbers.items() if not p.affix and not p.body.strip("0.,")}
    kept = {
        text: parts
        for text, parts in numbers.items()
        if parts.affix == affix or (not parts.affix and (affix not in UNIT_NAMES or text in zero))
    }
    shapes: Counter[str] = Counter()
    for text, parts in kept.items():
        shapes[_shape(parts.body)] += counts[text]
    cells = {
        marks: sum(n for shape, n in shapes.items() if marks in _shape_reads(shape))
        for marks in PREFERENCE
        if decimal in (None, marks[0])
    }
    marks = max(cells, key=cells.__getitem__)  # of equals the first
    if marks == (".", ",") and cells.get((",", "."), 0) == cells[marks]:  # 5.123 beside 5,123
        points, commas = (sum(n for s, n in shapes.items() if mark in s) for mark in ".,")
        if points and commas and points != commas:
            marks = (".", "") if points > commas else (",", "")
    kept = {text: p for text, p in kept.items() if marks in _shape_reads(_shape(p.body))}
    return kept, [text for text in numbers if text not in kept]


# --- one text -------------------------------------------------------------------------------------


def _parts(text: str) -> _Parts | None:
    """A text's sign, affix, digits with their marks and exponent, if it is a number at all."""
    if USUAL.fullmatch(text):
        return _Parts("-" * (text[0] == "-"), "", text.lstrip("-"), "", False)
    match = WRITTEN.fullmatch(plain(text))
    if match is None:
        return None
    sign, before, inner, within, body, exponent, after, trailing, last = match.groups()
    signs = sign + inner + trailing
    if signs not in SIGNS or (ADDRESS.fullmatch(body) and max(map(int, body.split("."))) < 256):
        return None
    affixes = {AFFIXES[affix] for affix in (before, within, after, last) if affix}
    if len(affixes) > 1:
        return None
    affix = affixes.pop() if affixes else ""
    return _Parts(SIGNS[signs], affix, body, exponent or "", signs == "+")


def _value(parts: _Parts, decimal: str, thousands: str) -> float:
    body = parts.body.replace(thousands, "") if thousands else parts.body
    return float(parts.sign + body.replace(decimal, ".") + parts.exponent)


@cache
def _body(decimal: str, thousands: str) -> re.Pattern[str]:
    """The digits of a number with these marks: groups whole or not at all."""
    decimal, thousands = re.escape(decimal), re.escape(thousands)
    integer = "[0-9]+"
    if thousands:
        integer = rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{thousands}[0-9]{{3}})+)"
    if thousands == ",":  # lakhs and crores: 12,34,567
        integer = rf"(?:{integer}|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}})"
    return re.compile(rf"{integer}(?:{decimal}[0-9]*)?|{decimal}[0-9]+")


def _is_padded(body: str) -> bool:
    return len(body) > 1 and body[0] == "0" and body.isdigit()


LARGEST_COUNT = str(2**53)


def _is_code(parts: _Parts) -> bool:
    """Whether digits name something rather than count it; beyond 2^53 floats would merge them."""
    digits = parts.body
    if parts.affix or parts.exponent or not digits.isdigit() or _is_padded(digits):
        return _is_padded(digits)
    beyond = (len(digits), digits) > (len(LARGEST_COUNT), LARGEST_COUNT)
    return beyond or (parts.plus and len(digits) >= 8)


# --- a column -------------------------------------------------------------------------------------

PREFERENCE = (
    (".", ""),
    (".", ","),
    (",", ""),
    (",", "."),
    (".", " "),
    (".", "'"),
    (",", " "),
    (",", "'"),
    (".", "_"),
)
"""The pairs of decimal and thousands marks; the first that fits a column is taken."""


def _shape(body: str) -> str:
    """The digits as 9, but a 0 in front: many numbers, few shapes, and they decide on the marks."""
    return ("0" if body[0] == "0" else "") + body[body[0] == "0" :].translate(NINES)


@lru_cache(maxsize=1000)
def _shape_reads(shape: str) -> frozenset[tuple[str, str]]:
    return frozenset(marks for marks in PREFERENCE if _body(*marks).fullmatch(shape))


def _are_quantities(
    numbers: dict[str, _Parts],
    values: dict[str, float],
    counts: Counter[str],
    others: dict[str, int],
) -> bool:
    """Whether numbers among other texts are numbers after all; see `numbers_in`."""
    n_numbers, n_others = sum(counts[text] for text in numbers), sum(others.values())
    cells, different = n_numbers + n_others, len(set(values.values()))
    if n_others > MOST_OTHERS * cells:
        return False
    if len(others) > FEW_DIFFERENT and n_others > 0.05 * cells:
        return False
    return (
        not others
        or different > FEW_DIFFERENT
        or (different >= 5 and different >= 0.8 * n_numbers)
        or any(parts.affix or not parts.body.isdigit() for parts in numbers.values())
    )


def _doubt(numbers: dict[str, _Parts], fitting: list[tuple[str, str]]) -> str:
    """A sentence about marks that could be of thousands or decimals alike, or nothing."""
    marked = next((text for text, parts in numbers.items() if not parts.body.isdigit()), "")
    if fitting[0] == (".", ",") and (",", "") in fitting:
        return (
            f"in numbers like {marked!r} the comma could be a decimal mark too; it is read as one "
            "between thousands"
        )
    if marked and fitting[0] == (".", "") and (",", ".") in fitting:
        whole = next((text for text, parts in numbers.items() if parts.body.isdigit()), "")
        if whole:
            return (
                f"in numbers like {marked!r} beside {whole!r} the point could be a mark between "
                "thousands too; it is read as a decimal mark"
            )
    return ""
