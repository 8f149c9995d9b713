"""Numbers as people write them: notations told from a column, cells read alone, what is not one."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainnet.errors import SettingError
from plainnet.estimators.tabular.written_numbers import NumberNotation, numbers_in

same_every_time = settings(max_examples=150, deadline=None, derandomize=True)

NOT_NUMBERS = (
    "|inf|-inf|Infinity|nan|1e999|0x1F|1j|1d5|1e|e5|true|unknown|-|１２|١٢|½|1__000|_1000|1_0|1,,000"
    "|12,345,67|1.234,567.8|1.234.56|1 2 3|5 00|1/2|10-20|10 - 20|50%-60%|~5|<5|65+|5+-|--5|(5|5)"
    "|-(5)|(-5)|$|%|$-|()|$5 €|5K|#5|5th|A5|'5|007|-007|00|01|030 123 456|192.168.100.200|10.0.0.1"
    "|1.2.3|31.01.2024|2024-01-31|31/01/2024|2024-01|0000-00-00|12-34|10:30|Jan 2024"
)
AGES = [str(age) for age in range(20, 60)]


def values(*texts: str, **settings) -> list[float] | None:
    reading = numbers_in(texts, **settings)
    return None if reading is None else reading.notation.read_all(texts).tolist()


@pytest.mark.parametrize(
    ("text", "number", "notation"),
    [
        ("20.01", 20.01, (".", "", "")),
        ("12,5", 12.5, (",", "", "")),
        ("0,123", 0.123, (",", "", "")),
        ("1,234.50", 1234.5, (".", ",", "")),
        ("1.234,50", 1234.5, (",", ".", "")),
        ("1,234,567", 1234567, (".", ",", "")),
        ("1.234.567", 1234567, (",", ".", "")),
        ("12,34,567.5", 1234567.5, (".", ",", "")),
        ("1 234 567,5", 1234567.5, (",", " ", "")),
        ("1\u00a0234,50\u202f€", 1234.5, (",", " ", "€")),
        ("1\u2009234.5", 1234.5, (".", " ", "")),
        ("CHF 1'234.50", 1234.5, (".", "'", "CHF")),
        ("1’234.50", 1234.5, (".", "'", "")),
        ("1_000_000", 1e6, (".", "_", "")),
        ("$1,234.50", 1234.5, (".", ",", "$")),
        ("-$5", -5, (".", "", "$")),
        ("$-5", -5, (".", "", "$")),
        ("$ -5.25", -5.25, (".", "", "$")),
        ("($1,234.50)", -1234.5, (".", ",", "$")),
        ("$(1,234.50)", -1234.5, (".", ",", "$")),
        ("(1,234.50)", -1234.5, (".", ",", "")),
        ("US$ 5", 5, (".", "", "$")),
        ("5 EUR", 5, (".", "", "€")),
        ("€1.234,50", 1234.5, (",", ".", "€")),
        ("12,50 eur", 12.5, (",", "", "€")),
        ("R$ 1.234,50", 1234.5, (",", ".", "R$")),
        ("5,-", 5, (",", "", "")),
        ("12.-- Fr.", 12, (".", "", "Fr.")),
        ("85%", 85, (".", "", "%")),
        ("8,5\u00a0%", 8.5, (",", "", "%")),
        ("%85", 85, (".", "", "%")),
        ("(5%)", -5, (".", "", "%")),
        ("12.5 kg", 12.5, (".", "", "kg")),
        ("20°C", 20, (".", "", "°C")),
        (" 36 months", 36, (".", "", "month")),
        ("1e5", 1e5, (".", "", "")),
        ("1E+05", 1e5, (".", "", "")),
        ("1,5E-3", 0.0015, (",", "", "")),
        (".5", 0.5, (".", "", "")),
        ("-.5", -0.5, (".", "", "")),
        ("5.", 5, (".", "", "")),
        ("00.5", 0.5, (".", "", "")),
        ("\u22125", -5, (".", "", "")),
        ("–5.5", -5.5, (".", "", "")),
        ("+5", 5, (".", "", "")),
        ("12-", -12, (".", "", "")),
        ("1.234,50-", -1234.5, (",", ".", "")),
        ("- 5", -5, (".", "", "")),
        ("\ufeff5\u200b ", 5, (".", "", "")),
    ],
)
def test_a_number_and_what_it_tells_of_its_column(text, number, notation):
    reading = numbers_in([text])
    assert reading is not None
    assert reading.notation == NumberNotation(*notation)
    assert reading.notation.read(text) == number
    assert reading.doubt == ""


@pytest.mark.parametrize("text", [*NOT_NUMBERS.split("|"), "1" + "0" * 400])
def test_what_is_not_a_number(text):
    assert numbers_in([text]) is None
    for decimal, thousands in ((".", ""), (".", ","), (",", "."), (".", " ")):
        assert NumberNotation(decimal, thousands).read(text) is None


def test_one_notation_for_the_whole_column():
    assert values("1.234,50", "12,5", "3") == [1234.5, 12.5, 3]
    assert values("1,234", "0,5") == [1.234, 0.5]
    assert values("1,234", "1.5") == [1234, 1.5]
    assert values("1.234", "12,5") == [1234, 12.5]
    assert values("1.234", "1.234.567") == [1234, 1234567]
    assert values("1,234.5", "1234.5") == [1234.5, 1234.5]
    assert values("1.50", "1.5e3", "-2") == [1.5, 1500, -2]


@pytest.mark.parametrize(
    "texts",
    [
        ("1.234,50", "1,234.50"),
        ("1.5", "1,5"),
        ("1,234", "1.234"),
        ("1,234,567", "1.234.567"),
        ("$5", "€5"),
        ("5 kg", "5 g"),
        ("85%", "3"),
        ("5 kg", "5"),
    ],
)
def test_cells_that_contradict_each_other(texts):
    assert numbers_in(texts) is None
    assert numbers_in(texts * 50) is None


def test_currencies_may_be_left_out_but_percent_signs_at_zero_only():
    assert values("$1,234.50", "3", "(4)") == [1234.5, 3, -4]
    assert values("€ 5", "5 EUR", "5,50") == [5, 5, 5.5]
    assert values("85%", "0", "0.0") == [85, 0, 0]
    percent = NumberNotation(affix="%")
    assert (percent.read("5"), percent.read("$5"), percent.read("0")) == (None, None, 0)
    assert NumberNotation().read("5%") is None


def test_thousands_are_assumed_with_a_doubt_unless_the_decimal_mark_is_known():
    reading = numbers_in(["1,234", "850", "12,000"])
    assert reading.notation == NumberNotation(".", ",")
    assert "'1,234'" in reading.doubt
    assert values("1,234", "850", decimal=",") == [1.234, 850]
    assert numbers_in(["1,234", "850"], decimal=".").doubt == ""
    assert numbers_in(["12.5"], decimal=",") is None


def test_points_are_decimal_marks_and_doubted_beside_whole_numbers_only():
    reading = numbers_in(["1.234", "850"])
    assert reading.notation == NumberNotation()
    assert "'1.234' beside '850'" in reading.doubt
    assert numbers_in(["1.234", "2.345"]).doubt == ""
    assert numbers_in(["1.234", "850", "0.5"]).doubt == ""
    assert values("1.234", "850", decimal=",") == [1234, 850]


def test_larger_numbers_than_in_training_are_read_if_there_is_one_way():
    assert numbers_in(["12,50"]).notation.read("1.234,50") == 1234.5
    assert numbers_in(["12.50"]).notation.read("1,234.50") == 1234.5
    assert numbers_in(["12.50"]).notation.read("1,234") is None
    assert numbers_in(["12"]).notation.read("1,234") is None


def test_codes_are_not_numbers_unless_declared():
    assert values("007", "12") is None
    assert values("01", "02", "07", "10") is None
    assert values("007", "12", declared=True) == [7, 12]
    assert values("+4915112345678", "+1") is None
    assert values("0", "0.5", "10") == [0, 0.5, 10]
    for beyond in (str(2**53 + 1), "4929123456789012345", "9" * 5000):  # floats would merge some
        assert values("12", beyond) is None
    assert values("12", str(2**53)) == [12, 2**53]
    assert values("1e300", "12345678901234567.5") == [1e300, 12345678901234567.5]
    assert values("1", "2", "3", "A", "1", "2") is None
    assert numbers_in(["1", "x", "y"]) is None
    assert numbers_in(["1", "x", "y"], declared=True).others == {"x": 1, "y": 1}
    tickets = ["113803", "A/5 21171", "373450", "PC 17599"] * 10 + AGES
    assert numbers_in(tickets) is None


@pytest.mark.parametrize(
    "texts",
    [
        AGES * 3 + ["n.b."] * 13,  # a tenth
        [*AGES, "forty", "4o", "twenty-1"],
        [*map(str, range(3, 30, 3)), "1o"],  # ten rows, one typo
        ["1.5", "1.5", "2.5", "2.5", "x"],
    ],
)
def test_a_few_other_texts_among_numbers(texts):
    reading = numbers_in(texts)
    numbers = reading.notation.read_all(texts)
    assert sum(reading.others.values()) == np.isnan(numbers).sum() > 0
    assert set(reading.others) == {t for t, x in zip(texts, numbers, strict=True) if math.isnan(x)}


def test_too_many_other_texts():
    assert numbers_in(AGES + ["n.b."] * 11) is None
    assert numbers_in(AGES * 2 + [f"word {i}" for i in range(10)]) is None


def test_words_for_missing_values_never_speak_against_numbers():
    texts = ["1", "2", " UNKNOWN", "N/A", "n/a", "-", "", "NaN", "k.A.", "#DIV/0!", "?", "null"]
    reading = numbers_in(texts)
    assert reading.others == {}
    assert set(reading.missing) == set(texts[2:])
    assert np.isnan(reading.notation.read_all(texts)).tolist() == [False] * 2 + [True] * 10


def test_a_cell_is_read_without_its_neighbours():
    texts = ["$1,234.50", "3", "n/a", "(7.25)", "oops", *AGES]
    notation = numbers_in(texts).notation
    alone = [notation.read_all([text])[0] for text in texts]
    np.testing.assert_array_equal(notation.read_all(texts), alone)


def test_a_notation_survives_pickle_and_skops():
    notation = numbers_in(["1.234,50 €"]).notation
    assert pickle.loads(pickle.dumps(notation)) == notation
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(notation)
    assert skops.loads(data, trusted=skops.get_untrusted_types(data=data)) == notation


def test_another_decimal_mark_is_refused():
    with pytest.raises(SettingError, match="decimal must be"):
        numbers_in(["1"], decimal=";")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
@same_every_time
def test_what_python_writes_is_read_back_to_the_bit(numbers):
    texts = [repr(number) for number in numbers]
    assert values(*texts) == numbers


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1),
    st.sampled_from([(".", ","), (",", "."), (".", " "), (",", "\u202f"), (".", "'"), (",", "’")]),
    st.sampled_from(["{}", "{} €", "$ {}", "CHF {}", "{}\u00a0%", "{} kg"]),
    st.sampled_from(["-{}", "({})", "\u2212{}"]),
)
@same_every_time
def test_numbers_in_any_notation_are_read_back(cents, marks, around, negative):
    decimal, thousands = marks

    def written(number: float) -> str:
        digits = f"{abs(number):,.2f}".translate({ord("."): decimal, ord(","): thousands})
        return around.format(negative.format(digits) if number < 0 else digits)

    numbers = [number / 100 for number in cents]
    assert values(*map(written, numbers)) == numbers


@given(st.text("0123456789.,-+() $€%eE'_", max_size=12))
@same_every_time
def test_nothing_is_read_that_is_not_finite(text):
    reading = numbers_in([text])
    if reading is not None:
        number = reading.notation.read(text)
        assert number is not None
        assert math.isfinite(number)


@given(st.from_regex(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]*)?", fullmatch=True))
@same_every_time
def test_plain_numbers_are_those_of_python(text):
    try:
        expected = float(text)
    except ValueError:
        expected = math.inf
    assert NumberNotation().read(text) == (expected if math.isfinite(expected) else None)
