"""Numbers, dates and categories never stand in for each other: column, row and value are named."""

from __future__ import annotations

import datetime
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from plainnet.errors import DataError
from plainnet.estimators.tabular.columns import Columns

from .conftest import QUICK, Refused, Run, classifier, write

TRAINED: dict[str, tuple[list[Any], str]] = {
    "number": ([1, 2.5, 3, 7] * 3, "numbers"),
    "decimal commas": (["1,5", "2,5", "1.000,25"] * 4, "numbers like 1.000,25"),
    "ISO dates": (["2024-01-31", "2024-02-01", "2023-12-03"] * 4, "dates like 2024-01-31"),
    "German dates": (["31.01.2024", "01.02.2024", "03.12.2023"] * 4, "dates like 31.01.2024"),
    "points in time": (list(pd.date_range("2024-01-01", periods=12)), "dates like 2026-01-31"),
    "percent": (["85%", "7 %", "12.5%"] * 4, "numbers like 12.5%"),
    "colours": (["red", "green", "blue"] * 4, "texts like 'blue'"),
    "codes": (["01", "02", "A1"] * 4, "texts like '01'"),
    "towns": ([f"town {k}" for k in range(12)] * 2, "texts like 'town 0'"),
    "codes and a whole number": (["01", "02", "10", "A1"] * 3, "texts like '01'"),
    "long codes": (["01067", "10115", "80331"] * 4, "texts like '01067'"),
    "versions": (["3.9", "3.10", "2.7.1"] * 4, "texts like '3.10'"),
    "figures and letters": (["1", "2", "A"] * 4, "texts like '1'"),
    "durations": (list(pd.to_timedelta([1, 2, 3] * 4, unit="D")), "durations"),
    "sentences": ([f"the {w} fox {k} jumps" for k in range(8) for w in ("red", "sly")], "texts"),
}
OTHERS: dict[str, list[Any]] = {
    "codes and a whole number": [1, 11, 2.0, np.int64(11)],
    "long codes": [1067, 1067.0, 99],
    "versions": [3.1, 3.11, Decimal("3.1")],
    "figures and letters": [False, pd.Timestamp("2024-01-31")],
    "durations": [1, 86_400.0, "3"],
    "sentences": [20230301, True, pd.Timestamp("2024-01-31"), pd.Timedelta(1)],
    "number": [
        pd.Timedelta(1),
        "2024-01-31",
        pd.Timestamp("2024-01-31"),
        datetime.date(2024, 1, 31),
        "red",
        np.datetime64("2024-01-31"),
        "1,5",
        "0x1F",
        "True",
    ],
    "decimal commas": ["1.5", "2024-01-31", "1,000.25", "red", pd.Timestamp("2024-01-31")],
    "ISO dates": [
        "20230301",
        20230301,
        20230301.0,
        1.7e9,
        "1700000000",
        "31/01/2024",
        True,
        Decimal(5),
        np.int64(1700000000),
        "yesterday",
        "45321",
    ],
    "German dates": ["01/31/2024", 45321, "45321", "31.13.2024", "31.01.24"],
    "points in time": [20230301, 1.7e18, "soon", False],
    "percent": [0.85, "0.85", 85, "85 kg", np.float32(0.5)],
    "colours": [1, 2.5, True, np.bool_(False), pd.Timestamp("2024-01-31"), Decimal("1.5")],
    "codes": [1, 2.0, np.int64(1), datetime.date(2024, 1, 31)],
    "towns": [3, 3.5, pd.Timestamp("2024-01-31")],
}
CASES = [(name, other) for name, others in OTHERS.items() for other in others]


@pytest.mark.parametrize(("name", "other"), CASES, ids=str)
def test_another_kind_is_refused(name: str, other: Any) -> None:
    cells, holds = TRAINED[name]
    columns = Columns(pd.DataFrame({name: cells}))
    fine = pd.Series(cells[:3], dtype=object)
    table = pd.DataFrame({name: [*fine, other]}, index=["p", "q", "r", "s"], dtype=object)
    with pytest.raises(DataError) as caught:
        columns.transform(table)
    assert str(caught.value).startswith(f"column '{name}' holds {holds}; got ")
    assert str(caught.value).endswith(" in row s")
    with pytest.raises(DataError, match=f"column '{name}' holds"):  # in the column's own dtype
        columns.transform(pd.DataFrame({name: [other, other]}))


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("number", ["2.5", Decimal("2.5"), np.float32(2.5), " 2.5 ", 3, "1e3", None, "", "NA"]),
        ("decimal commas", [2.5, "2,5", "1.000", "7", None]),
        ("ISO dates", [pd.Timestamp("2024-01-31"), "2024-01-31T10:00:00Z", None, "0000-00-00",
                       datetime.date(2024, 1, 31), "31 Jan 2024", float("nan"), pd.NaT]),
        ("German dates", ["1.2.2024", "2024-02-01", pd.Timestamp("2024-01-31", tz="UTC")]),
        ("points in time", ["2024-01-31", "2024-01-31 10:00", None]),
        ("percent", ["85%", "3 %", 0, "0", None, "NA"]),
        ("colours", ["red", " red", "never seen", "5", None, "2024-01-31"]),
        ("codes", ["01", "1", "1.0", None]),
        ("codes and a whole number", ["01", "11", 10, "7", None]),
        ("figures and letters", [1, 2.0, 7, "A", "B"]),
        ("durations", [pd.Timedelta(1), datetime.timedelta(1), None, pd.NaT]),
        ("sentences", ["the fox", "5", "", None]),
    ],
)  # fmt: skip
def test_the_same_kind_in_another_dress_is_not(name: str, same: list[Any]) -> None:
    columns = Columns(pd.DataFrame({name: TRAINED[name][0]}))
    for value in same:
        Z = columns.transform(pd.DataFrame({name: pd.Series([value], dtype=object)}))
        assert np.isfinite(Z).all()


def test_numbers_as_categories_take_new_numbers() -> None:
    columns = Columns(pd.DataFrame({"x": [1, 2, 3] * 4}), {"x": "category"})
    Z = columns.transform(pd.DataFrame({"x": [7, 1, 2]}))
    assert len(np.unique(Z, axis=0)) == 3


@pytest.mark.parametrize("name", ["price {EUR}", "{", "}{", "{0}", "100%", "a\nb", "{name!r}"])
def test_odd_names_of_columns_are_shown_as_they_are(name: str) -> None:
    columns = Columns(pd.DataFrame({name: [1, 2, 3]}))
    with pytest.raises(DataError) as caught:
        columns.transform(pd.DataFrame({name: [1, "{}"]}))
    assert str(caught.value) == f"column {name!r} holds numbers; got '{{}}' in row 1"
    with pytest.raises(DataError) as caught:
        columns.transform(pd.DataFrame({name: [1, np.inf]}))
    assert str(caught.value) == f"column {name!r} must hold finite numbers; row 1 has infinity"


def test_numbers_and_dates_beyond_what_there_is_room_for() -> None:
    far = datetime.timezone(datetime.timedelta(hours=5))
    cells = [datetime.datetime(1, 1, 1, tzinfo=far), datetime.datetime(9999, 12, 31, tzinfo=far)]
    dates = pd.DataFrame({"x": pd.Series(cells * 6, dtype=object)})
    assert np.isfinite(Columns(dates).transform(dates)).all()
    numbers = pd.DataFrame({"x": [1.7e308, -1.7e308, 1, 2] * 3})
    assert np.isfinite(Columns(numbers).transform(numbers)).all()
    with pytest.raises(DataError, match="column 'x' must hold finite numbers; row 1 has infinity"):
        Columns(numbers).transform(pd.DataFrame({"x": pd.Series([1, -(10**400)], dtype=object)}))


@pytest.mark.parametrize("first", [10**17, 2**70, -(2**60)])
def test_numbers_that_floats_would_merge_are_codes(first: int) -> None:
    cells = [first + k % 4 for k in range(24)]
    for column in (cells, np.array(cells, object), list(map(str, cells))):
        columns = Columns(pd.DataFrame({"x": column}))
        assert columns.describe() == [("x", "4 categories, one-hot")]


@pytest.mark.parametrize(
    "cells",
    [
        [2**53 - k % 4 for k in range(24)],
        1_700_000_000_000_000_000 + 10**9 * np.arange(24),  # nanoseconds
        [*range(23), 2**63 - 1],
        [*range(23), -(2**63)],
        [2**k for k in range(24, 60)],
        pd.array([*range(22), None, 2**60], dtype="Int64"),
    ],
)
def test_large_numbers_that_stay_apart_are_numbers(cells: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        columns = Columns(pd.DataFrame({"x": cells}))
    assert columns.describe()[0][1].startswith("number")


def test_a_float_is_not_taken_for_a_code_that_it_may_have_been() -> None:
    """A missing value in its column makes a float of 10^17 + 1."""
    columns = Columns(pd.DataFrame({"x": [10**17 + k % 4 for k in range(24)]}))
    with pytest.raises(DataError, match=r"holds texts like '10000000000000000.'; got 1e\+17"):
        columns.transform(pd.DataFrame({"x": [10**17 + 1, None]}))


def test_the_only_gap_may_be_among_the_rows_to_test_on() -> None:
    whole = pd.DataFrame({"x": pd.array([*range(39), None], dtype="Int64")})
    assert Columns(whole.iloc[:30], whole=whole).describe() == [("x", "number")]


def test_what_training_has_seen_once_is_welcome_again() -> None:
    """Categories that occur once are not known, and their cells are no strange ones for that."""
    day, codes = datetime.date(2024, 1, 31), [f"0{k}" for k in range(9)]
    for once in (day, 2.5, True, datetime.timedelta(1), 1e300, 2**70):
        cells = [*codes, "1", "2", "a,b", *4 * codes, once]
        table = pd.DataFrame({"x": pd.Series(cells, dtype=object), "n": range(len(cells))})
        Z = Columns(table).transform(table)
        np.testing.assert_array_equal(Columns(table).transform(table.iloc[-1:]), Z[-1:])


def test_days_before_years_have_no_numbers_without_a_format_for_texts() -> None:
    """1012024 has lost the 0 of 01012024."""
    texts = pd.DataFrame({"x": [f"{k:02}012024" for k in range(1, 25)]})
    columns = Columns(texts, {"x": "date:%d%m%Y"})
    with pytest.raises(DataError, match="column 'x' holds dates like 01012024; got 1012024 in row"):
        columns.transform(pd.DataFrame({"x": [1012024]}))


def test_the_whole_numbers_of_a_column_stay_apart() -> None:
    """An id of 17 digits is not its neighbour, as it would be as float64."""
    ids = [2**53, 2**53 + 1, 2**53 + 2]
    for cells in (ids, pd.array([*ids, None], dtype="Int64"), pd.array(ids, dtype="UInt64")):
        table = pd.DataFrame({"id": cells})
        columns = Columns(table, {"id": "category"})
        assert len(np.unique(columns.transform(table), axis=0)) == len(table)
        alone = columns.transform(table.iloc[1].to_frame().T)
        np.testing.assert_array_equal(alone, columns.transform(table)[1:2])


@pytest.mark.parametrize(
    ("cells", "later", "message"),
    [
        ("2024-01-31 2024-02-01 2024-03-05", "20230301", "holds dates like 2024-01-31; got '2023"),
        ("31.01.2024 01.02.2024 03.03.2024", "45321", "holds dates like 31.01.2024; got '45321'"),
        ("1,5 2,5 3,5", "1.5", "holds numbers like 1,5; got '1.5'"),
        ("1 2 3", "2024-01-31", "holds numbers; got '2024-01-31'"),
        ("1 2 3", "1,5", "holds numbers; got '1,5'"),
    ],
)
def test_the_command_refuses_them_too(
    run: Run, refused: Refused, folder: Path, cells: str, later: str, message: str
) -> None:
    table = pd.DataFrame({"x": cells.split() * 10})
    write(folder / "t.csv", table.assign(target=["u", "v"] * 15))
    assert run("train", "t.csv", *QUICK).code == 0
    write(folder / "later.csv", pd.DataFrame({"x": [*cells.split(), later]}))
    said = refused("predict", "t-model.skops", "later.csv")
    assert said.startswith(f"plainnet: column 'x' {message}")
    assert said.endswith(" in row 4\n")


def test_an_estimator_refuses_them_too() -> None:
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")})
    model = classifier().fit(table, np.arange(40) % 2)
    with pytest.raises(DataError, match=r"column 'day' holds dates like 2024-01-01; got 20230301"):
        model.predict(pd.DataFrame({"day": [20230301, 20230302]}))
