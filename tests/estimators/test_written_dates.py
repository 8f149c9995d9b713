"""Dates as people write them: what a column tells, cells read alone, what is not a date."""

import pickle
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainnet.errors import SettingError
from plainnet.estimators.tabular.written_dates import DateNotation, dates_in
from plainnet.estimators.tabular.written_numbers import numbers_in

same_every_time = settings(max_examples=40, deadline=None, derandomize=True)

MOMENTS = st.datetimes(datetime(1000, 1, 2), datetime(2999, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0)
)
OF_PANDAS = st.datetimes(datetime(1700, 1, 1), datetime(2261, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0)
)
"""Before pandas 3, times are counted in nanoseconds."""
LAST_CENTURY = st.datetimes(datetime(1969, 1, 2), datetime(2068, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0)
)
NOT_DATES = (
    "|unknown|12|2024|20240131|202401|1704067200|20.01|2024.01|01.2024|1,234|10:30|10:30:15|12-34"
    "|24-Jan|Jan-24|Jan 24|Dec 5|31.01.|1/2|1.2.3|1.2.10|10.0.0.1|192.168.100.200|123-45-6789"
    "|555-123-4567|06.12.34.56|+49 151 1234567|2024-13-01|2024-02-30|31.04.2024|May 32 2024"
    "|5 Foo 2024|2024-00|13/2024|2023-24|0000-00-00|9999-99-99|00/00/0000|0001-01-01|0999-01-01"
    "|2024-01-31x|x2024-01-31|v2024-01-31|31/01-2024|2024-01-31 25:00|2024-01-31 10:60|2024-W54"
    "|2024-01-31 13:00 PM|2024-01-31 10:30 XYZ|2024-01-31 10:30 +25:00|２０２４-01-31|١٢.01.2024"
    "|fooday 5 May 2024|2024-W01-8|20241301T1030|2024-01-31T"
)


def times(*texts: str, **settings) -> list[str] | None:
    reading = dates_in(texts, **settings)
    if reading is None or reading.notation is None:
        return None
    return [str(time) for time in reading.notation.read_all(texts)]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-01-31", "2024-01-31T00:00:00"),
        ("2024-1-5", "2024-01-05T00:00:00"),
        ("2024/01/31", "2024-01-31T00:00:00"),
        ("2024.01.31", "2024-01-31T00:00:00"),
        (" 2024. 01. 31. ", "2024-01-31T00:00:00"),
        ("2024\u201301\u201331", "2024-01-31T00:00:00"),
        ("2024-01-31T10:30", "2024-01-31T10:30:00"),
        ("2024-01-31 10:30:15", "2024-01-31T10:30:15"),
        ("2024-01-31t10:30:15.123456z", "2024-01-31T10:30:15"),
        ("2024-01-31 10:30:15,123", "2024-01-31T10:30:15"),
        ("2024-01-31T10", "2024-01-31T10:00:00"),
        ("2024-01-31 10:30 Z", "2024-01-31T10:30:00"),
        ("2024-01-31 10:30 utc", "2024-01-31T10:30:00"),
        ("2024-01-31 10:30:00+01:00", "2024-01-31T09:30:00"),
        ("2024-01-31 10:30:00 +0530", "2024-01-31T05:00:00"),
        ("2024-01-31T10:30:00-05", "2024-01-31T15:30:00"),
        ("2024-01-31 10:30 GMT+2", "2024-01-31T08:30:00"),
        ("2024-01-31 20:30 EST", "2024-02-01T01:30:00"),
        ("2024-07-31 20:30 PDT", "2024-08-01T03:30:00"),
        ("2024-01-31 10:30 CET", "2024-01-31T09:30:00"),
        ("2024-01-31 12:05 AM", "2024-01-31T00:05:00"),
        ("2024-01-31 12:05pm", "2024-01-31T12:05:00"),
        ("2024-01-31 1:05 p.m.", "2024-01-31T13:05:00"),
        ("2024-01-31 3PM", "2024-01-31T15:00:00"),
        ("2024-01-31 24:00", "2024-02-01T00:00:00"),
        ("20240131T103000Z", "2024-01-31T10:30:00"),
        ("20240131T1030+0100", "2024-01-31T09:30:00"),
        ("20240131 10:30", "2024-01-31T10:30:00"),
        ("2024:01:31 10:30:15", "2024-01-31T10:30:15"),
        ("31.01.2024", "2024-01-31T00:00:00"),
        ("31.1.24", "2024-01-31T00:00:00"),
        ("31. 01. 2024 10:30 Uhr", "2024-01-31T10:30:00"),
        ("01.02.2024", "2024-02-01T00:00:00"),
        ("Mi, 31.01.2024", "2024-01-31T00:00:00"),
        ("01/31/2024", "2024-01-31T00:00:00"),
        ("1/31/2024 10:30:00 PM", "2024-01-31T22:30:00"),
        ("31/01/2024", "2024-01-31T00:00:00"),
        ("31-01-2024 22:15", "2024-01-31T22:15:00"),
        ("10:30 31/01/2024", "2024-01-31T10:30:00"),
        ("01/31/69", "1969-01-31T00:00:00"),
        ("99-12-31", "1999-12-31T00:00:00"),
        ("31-Jan-2024", "2024-01-31T00:00:00"),
        ("31-JAN-24", "2024-01-31T00:00:00"),
        ("31JAN2024:10:30:00", "2024-01-31T10:30:00"),
        ("31/Jan/2024:10:30:00 +0100", "2024-01-31T09:30:00"),
        ("Jan 31, 2024", "2024-01-31T00:00:00"),
        ("January 31 2024", "2024-01-31T00:00:00"),
        ("january 31st, 2024 at 10:30 am", "2024-01-31T10:30:00"),
        ("31 January 2024", "2024-01-31T00:00:00"),
        ("5th of May, 2024", "2024-05-05T00:00:00"),
        ("2024-Jan-31", "2024-01-31T00:00:00"),
        ("Sept. 5, 2024", "2024-09-05T00:00:00"),
        ("Wed, 31 Jan 2024 10:00:00 +0100", "2024-01-31T09:00:00"),
        ("Wed, 31 Jan 2024 10:00:00 -0500 (EST)", "2024-01-31T15:00:00"),
        ("Wed Jan  3 10:00:00 2024", "2024-01-03T10:00:00"),
        ("Wed Jan 31 10:00:00 CST 2024", "2024-01-31T16:00:00"),
        ("31. März 2024", "2024-03-31T00:00:00"),
        ("mar 5 mars 2024", "2024-03-05T00:00:00"),
        ("1er février 2024", "2024-02-01T00:00:00"),
        ("31 de diciembre de 2024", "2024-12-31T00:00:00"),
        ("2024-W05", "2024-01-29T00:00:00"),
        ("2024W05-3", "2024-01-31T00:00:00"),
        ("2024-03", "2024-03-01T00:00:00"),
        ("03/2024", "2024-03-01T00:00:00"),
        ("Mar 2024", "2024-03-01T00:00:00"),
        ("march-2024", "2024-03-01T00:00:00"),
        ("2024-Q2", "2024-04-01T00:00:00"),
        ("1000-01-01", "1000-01-01T00:00:00"),
        ("9999-12-31", "9999-12-31T00:00:00"),
    ],
)
def test_a_date_that_tells_its_column(text, time):
    assert times(text) == [time]
    assert numbers_in([text]) is None


@pytest.mark.parametrize("text", NOT_DATES.split("|"))
def test_what_is_not_a_date(text):
    assert dates_in([text]) is None
    for order in ("ymd", "dmy", "mdy"):
        assert DateNotation(order).read(text) is None


def test_one_number_above_12_tells_the_order_of_the_column():
    day_first = times("01/02/2024", "13/02/2024", "3-4-2024")
    assert day_first == ["2024-02-01T00:00:00", "2024-02-13T00:00:00", "2024-04-03T00:00:00"]
    assert times("01/02/2024", "02/13/2024") == ["2024-01-02T00:00:00", "2024-02-13T00:00:00"]
    assert times("1/2/24", "1/31/24") == ["2024-01-02T00:00:00", "2024-01-31T00:00:00"]
    assert times("01.31.2024", "01.02.2024") == ["2024-01-31T00:00:00", "2024-01-02T00:00:00"]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["01/02/2024", "03/02/2024"], "'01/02/2024' could have the day or the month first"),
        (["24-01-31", "24-02-05"], "could have the day or the year first: nothing tells which"),
        (["05/06/2024", "13/02/2024", "02/13/2024"], "like '02/13/2024' and '13/02/2024'"),
    ],
)
def test_an_order_that_is_not_told_and_why(texts, reason):
    reading = dates_in(texts * 20)
    assert reading.notation is None
    assert reason in reading.doubt


def test_three_numbers_without_an_order_among_other_dates_are_missing():
    texts = ["2024-01-31"] * 20 + ["01/02/2024"]
    reading = dates_in(texts)
    assert reading.others == {"01/02/2024": 1}
    assert "day or the month" in reading.doubt
    assert dates_in(["2024-01-31", "01/02/2024"]).notation is None


def test_a_notation_reads_by_the_order_that_was_told():
    assert DateNotation("dmy").read("01/02/2024") == np.datetime64("2024-02-01")
    assert DateNotation("mdy").read("01/02/2024") == np.datetime64("2024-01-02")
    assert DateNotation("mdy").read("31/01/2024") is None
    assert DateNotation().read("01/02/2024") is None
    assert DateNotation().read("01.02.2024") == np.datetime64("2024-02-01")
    assert DateNotation("dmy").read("01/02/24") is None
    assert DateNotation("dmy", short_years=True).read("01/02/24") == np.datetime64("2024-02-01")
    assert dates_in(["31-Jan-24"]).notation.read("01/02/24") is None


def test_impossible_dates_and_other_texts_are_missing_if_they_are_few():
    good = [f"2024-01-{day:02}" for day in range(1, 32)]
    odd = ["0000-00-00", "9999-99-99", "0001-01-01", "N/A", "", "2024-02-30", "later"]
    reading = dates_in(good + odd * 2)
    assert set(reading.missing) == set(odd[:5])
    assert reading.others == {"2024-02-30": 2, "later": 2}
    assert np.isnat(reading.notation.read_all(odd)).all()
    assert dates_in(good + ["later"] * 8) is None
    assert dates_in(good + [f"word {i}" for i in range(7)]) is not None
    assert dates_in([*good, *good, *(f"word {i}" for i in range(10))]) is None
    assert dates_in(["31.02.2024", "31.01.2024"]) is None


def test_columns_that_only_look_like_dates():
    assert dates_in([f"{year}-{(year + 1) % 100:02}" for year in range(2001, 2012)]) is None
    assert dates_in(["1.2.10", "1.10.12", "2.3.11"]) is None
    assert dates_in(["1.2.10", "1.13.12"]) is None
    assert dates_in(["24.1.2", "99.3.1"]) is None
    assert dates_in(["555-12-34", "555-10-11"]) is None
    assert times("01.02.10", "03.04.11") == ["2010-02-01T00:00:00", "2011-04-03T00:00:00"]


@pytest.mark.parametrize("declared", [{"declared": True}, {"notation": "compact"}])
def test_eight_digits_are_a_date_where_that_is_declared(declared):
    texts = ["20240131", "20240131103015", "n/a", "20241301"]
    reading = dates_in(texts, **declared)
    assert reading.others == {"20241301": 1}
    expected = ["2024-01-31T00:00:00", "2024-01-31T10:30:15", "NaT", "NaT"]
    assert times(*texts, **declared) == expected
    assert dates_in(["20240131", "20240201"]) is None


def test_an_order_or_a_format_may_be_declared():
    assert times("01/02/2024", "x", notation="dmy") == ["2024-02-01T00:00:00", "NaT"]
    assert times("01/02/24", notation="mdy") == ["2024-01-02T00:00:00"]
    assert times("01|02|2024", "2024-01-31", notation="%d|%m|%Y") == ["2024-02-01T00:00:00", "NaT"]
    assert times("1/2/2024 10:30 +0100", notation="%d/%m/%Y %H:%M %z") == ["2024-02-01T09:30:00"]
    assert dates_in(["2024-01-31"], "%d/%m/%Y") is None
    assert (
        times("2024-01-31", "a", "b", "c", declared=True) == ["2024-01-31T00:00:00"] + ["NaT"] * 3
    )


@pytest.mark.parametrize(
    ("notation", "message"),
    [("day first", "must be dmy"), ("%d/%m", "needs a year"), ("%Y-%Q", "'%Y-%Q' is not a format")],
)
def test_a_notation_that_is_none(notation, message):
    with pytest.raises(SettingError, match=message):
        dates_in(["2024-01-31"], notation)


def test_doubts_about_zones_and_centuries():
    reading = dates_in(["2024-01-31 10:00", "2024-01-31 10:00+01:00", "2024-01-31"])
    assert "without a zone, like '2024-01-31 10:00'" in reading.doubt
    assert dates_in(["2024-01-31 10:00Z", "2024-01-31"]).doubt == ""
    assert "'31.12.55' is 2055" in dates_in(["31.12.55", "01.01.99"]).doubt
    assert dates_in(["31.12.24", "01.01.99"]).doubt == ""


def test_a_cell_is_read_without_its_neighbours():
    texts = ["13/02/2024", "01/02/2024", "2024-01-31T10:00Z", "Jan 2024", "soon", "n/a"] * 9
    notation = dates_in(texts * 4 + ["05/06/2024"] * 300).notation
    alone = [notation.read_all([text])[0] for text in texts]
    np.testing.assert_array_equal(notation.read_all(texts), alone)


def test_a_notation_survives_pickle_and_skops():
    notation = dates_in(["31/01/24"]).notation
    assert pickle.loads(pickle.dumps(notation)) == notation
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(notation)
    assert skops.loads(data, trusted=skops.get_untrusted_types(data=data)) == notation


@pytest.mark.parametrize(
    "layout",
    [
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%d-%m-%Y %H:%M:%S",
        "%m/%d/%Y %I:%M:%S %p",
        "%Y/%m/%d %H:%M",
        "%Y%m%dT%H%M%S",
        "%d %B %Y",
        "%B %d, %Y %I:%M%p",
        "%A, %d %b %Y %H:%M:%S",
        "%a %b %d %H:%M:%S %Y",
        "%d-%b-%Y",
        "%b %Y",
        "%Y-%m",
        "%m/%Y",
        "%G-W%V-%u",
    ],
)
@given(st.lists(OF_PANDAS, min_size=1, max_size=20))
@same_every_time
def test_pandas_reads_the_same(layout, moments):
    texts = [moment.strftime(layout) for moment in (*moments, datetime(2024, 1, 31))]
    expected = pd.to_datetime(texts, format=layout).to_numpy().astype("datetime64[s]")
    reading = dates_in(texts)
    np.testing.assert_array_equal(reading.notation.read_all(texts), expected)
    assert reading.others == {}


@pytest.mark.parametrize("layout", ["%d.%m.%y", "%m/%d/%y", "%d/%m/%y %H:%M", "%d-%b-%y"])
@given(st.lists(LAST_CENTURY, min_size=1, max_size=20))
@same_every_time
def test_two_digit_years_are_those_of_python(layout, moments):
    texts = [moment.strftime(layout) for moment in (*moments, datetime(2024, 1, 31))]
    expected = [datetime.strptime(text, layout) for text in texts]
    read = dates_in(texts).notation.read_all(texts)
    np.testing.assert_array_equal(read, np.array(expected, "datetime64[s]"))


@given(MOMENTS, st.integers(-23 * 60, 23 * 60), st.sampled_from("T "))
@same_every_time
def test_iso_and_mail_dates_are_those_of_the_standard_library(moment, minutes, separator):
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    for text, parse in (
        (moment.isoformat(separator), datetime.fromisoformat),
        (format_datetime(moment), parsedate_to_datetime),
    ):
        expected = (parse(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
        assert DateNotation().read(text) == np.datetime64(expected, "s")


@given(st.text("0123456789-/.: TZAPMJan+", min_size=6, max_size=20))
@same_every_time
def test_a_column_is_never_both_dates_and_numbers(text):
    assert dates_in([text]) is None or numbers_in([text]) is None
