"""Columns: what each kind becomes, gaps, dates, categories never seen, columns that say nothing."""

import datetime
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import RobustScaler

from plainnet.errors import DataError
from plainnet.estimators.tabular.columns import Columns, robust_scale, smooth_clip


def notes(table: pd.DataFrame) -> dict[str, str]:
    return dict(Columns(table).describe())


def test_scaling_is_scikit_learns_robust_scaler_and_falls_back(rng):
    X = rng.lognormal(size=(200, 3))
    centre, factor = robust_scale(X)
    np.testing.assert_allclose((X - centre) * factor, RobustScaler().fit_transform(X), rtol=1e-12)
    mostly_zero = np.array([[0.0], [0], [0], [0], [0], [0], [0], [8]])
    centre, factor = robust_scale(mostly_zero)
    assert (centre, factor) == (0, 2 / 8)
    assert robust_scale(np.full((5, 1), 3.0))[1] == 0


def test_smooth_clip_keeps_small_numbers_and_bounds_large_ones():
    x = np.array([-1e9, -0.01, 0, 3, 1e9])
    expected = [-3, -0.01 / math.sqrt(1 + 1e-4 / 9), 0, 3 / math.sqrt(2), 3]
    np.testing.assert_allclose(smooth_clip(x), expected, rtol=1e-12)


def test_numbers_with_gaps_take_the_median_and_a_flag():
    table = pd.DataFrame({"a": [1.0, np.nan, 3, 5, 100], "b": [1, 2, 3, 4, 5]})
    columns = Columns(table)
    assert (columns.n_numbers, columns.n_flags, columns.id_sizes) == (2, 1, [])
    assert columns.describe() == [
        ("a", "number; 1 missing, filled with 4 and flagged"),
        ("b", "number"),
    ]
    Z = columns.transform(table)
    assert Z.dtype == np.float32
    same = columns.transform(pd.DataFrame({"a": [4.0], "b": [2]}))
    np.testing.assert_array_equal(Z[1, :2], same[0, :2])  # the gap counts as the median
    assert len(set(Z[[0, 2, 3, 4], 2])) == 1
    assert Z[1, 2] > Z[0, 2]


def test_a_gap_where_training_had_none_takes_the_median():
    columns = Columns(pd.DataFrame({"a": [1.0, 2, 3]}))
    Z = columns.transform(pd.DataFrame({"a": [np.nan, 2.0]}))
    np.testing.assert_array_equal(Z[0], Z[1])


def test_few_categories_are_flags_and_two_are_one_flag():
    table = pd.DataFrame({"c": list("abcabc"), "two": ["x", "y"] * 3, "truth": [True, False] * 3})
    columns = Columns(table)
    assert (columns.n_numbers, columns.n_flags) == (0, 3 + 1 + 1)
    Z = columns.transform(table)
    assert (np.argmax(Z[:, :3], axis=1) == [0, 1, 2, 0, 1, 2]).all()
    assert len(set(Z[:, 3])) == 2
    unseen = columns.transform(pd.DataFrame({"c": ["new"], "two": ["z"], "truth": [None]}))
    assert len(set(unseen[0, :3])) == 1  # no flag is up
    assert Z[:, 3].min() < unseen[0, 3] < Z[:, 3].max()  # between the two


def test_many_categories_are_ids_and_zero_is_unseen():
    table = pd.DataFrame({"c": [f"k{i % 12}" for i in range(60)]})
    columns = Columns(table)
    assert columns.id_sizes == [13]
    assert notes(table) == {"c": "12 categories, embedded"}
    ids = columns.transform(table)[:, 0]
    assert sorted(set(ids)) == list(range(1, 13))
    assert columns.transform(pd.DataFrame({"c": ["never"]}))[0, 0] == 0


def test_a_gap_is_a_category_where_training_saw_one():
    table = pd.DataFrame({"c": ["a", None, "b", np.nan, "a"]})
    Z = Columns(table).transform(table)
    assert Z.shape == (5, 3)
    np.testing.assert_array_equal(Z[1], Z[3])


def test_what_pandas_calls_a_category_is_one_with_and_without_a_point():
    table = pd.DataFrame({"c": pd.Series([1000, 2000, 9000] * 2).astype("category")})
    columns = Columns(table)
    assert columns.describe() == [("c", "3 categories, one-hot")]
    floats = pd.DataFrame({"c": [1000.0, 2000.0, 9000.0]})
    np.testing.assert_array_equal(columns.transform(floats), columns.transform(table)[:3])


def test_truth_values_are_the_same_in_every_dtype():
    columns = Columns(pd.DataFrame({"t": [True, False, True, False]}))
    expected = columns.transform(pd.DataFrame({"t": [True, False]}))
    for same in ([1, 0], [1.0, 0.0], np.array([True, False]), pd.array([True, False])):
        np.testing.assert_array_equal(columns.transform(pd.DataFrame({"t": same})), expected)
    gap = columns.transform(pd.DataFrame({"t": pd.array([True, False, pd.NA], "boolean")}))
    np.testing.assert_array_equal(gap[:2], expected)
    assert gap[0] != gap[2] != gap[1]


def test_objects_are_what_they_hold():
    days = [datetime.date(2024, 1, d) for d in range(1, 13)]
    table = pd.DataFrame(
        {
            "day": pd.Series(days, dtype=object),
            "stamp": pd.Series([pd.Timestamp(d) for d in days], dtype=object),
            "zone": [f"{d}T10:00:00Z" for d in days],
            "price": [Decimal(d) / 3 for d in range(12)],
            "gaps": pd.Series([1, pd.NA, 3] * 4, dtype=object),
        }
    )
    found = notes(table)
    assert {found[name] for name in ("day", "stamp", "zone")} == {"date: time, day, weekday"}
    assert found["price"] == "number"
    assert found["gaps"].startswith("number; 4 missing")


@pytest.mark.parametrize("as_text", [True, False])
def test_dates_give_the_parts_that_differ(as_text):
    days = pd.date_range("2024-01-29", periods=40, freq="D")
    table = pd.DataFrame({"day": days.strftime("%Y-%m-%d") if as_text else days})
    assert notes(table) == {"day": "date: time, month, day, weekday"}
    Z = Columns(table).transform(table)
    assert Z.shape == (40, 4)
    order = np.argsort(Z[:, 0])
    np.testing.assert_array_equal(order, np.arange(40))  # time passes
    weekday = [d.weekday() for d in days]  # each has a number of its own
    pairs = {(w, round(float(z), 5)) for w, z in zip(weekday, Z[:, 3], strict=True)}
    assert len(pairs) == len({z for _, z in pairs}) == 7


def test_dates_with_gaps_and_time_zones():
    days = pd.Series(pd.date_range("2024-01-01", periods=6, freq="7h", tz="Europe/Berlin"))
    days[2] = pd.NaT
    table = pd.DataFrame({"when": days})
    columns = Columns(table)
    assert columns.n_flags == 1
    assert np.isfinite(columns.transform(table)).all()


def test_what_says_nothing_is_left_out():
    table = pd.DataFrame(
        {
            "same": [1] * 40,
            "empty": [np.nan] * 40,
            "one": ["a"] * 40,
            "code": [f"A{i}" for i in range(40)],
            "x": range(40),
        }
    )
    with pytest.warns(UserWarning, match="'code': 40 different texts in 40 rows, left out; col"):
        columns = Columns(table)
    assert dict(columns.describe()) == {
        "same": "constant, left out",
        "empty": "empty, left out",
        "one": "constant, left out",
        "code": "40 different texts in 40 rows, left out",
        "x": "number",
    }
    assert columns.unused == ["same", "empty", "one", "code"]
    assert columns.transform(table).shape == (40, 1)


def test_names_and_sentences_become_numbers_that_tell_what_is_in_them():
    rng = np.random.default_rng(0)
    words = {
        "sea": ["wave", "salt", "ship", "harbour", "sail"],
        "wood": ["oak", "fern", "moss", "path", "deer"],
    }
    kinds = ["sea", "wood"] * 40
    said = [" ".join(rng.choice(words[kind], 4)) + f" {i}" for i, kind in enumerate(kinds)]
    table = pd.DataFrame({"said": said, "x": range(80)})
    columns = Columns(table)
    assert dict(columns.describe())["said"].startswith("text: ")
    Z = columns.transform(table)
    assert Z.shape[1] == columns.n_numbers + columns.n_flags == 1 + 8
    new = columns.transform(
        pd.DataFrame({"said": ["a wave and a sail", "moss, moss", None], "x": 0})
    )
    seas, woods = (Z[np.array(kinds) == kind, 1:].mean(axis=0) for kind in ("sea", "wood"))
    assert new[0, 1:] @ (seas - woods) > 0 > new[1, 1:] @ (seas - woods)
    alone = columns.transform(table[7:8])
    np.testing.assert_array_equal(alone, Z[7:8])


def test_a_column_is_what_the_user_says():
    table = pd.DataFrame(
        {
            "code": [f"A{i}" for i in range(40)],
            "zip": ["01234", "99999"] * 20,
            "day": [f"0{i % 9 + 1}/0{i % 8 + 1}/2024" for i in range(40)],
            "few": ["red", "green", "blue", "red"] * 10,
        }
    )
    wanted = {"code": "text", "zip": "number", "day": "date:%d/%m/%Y", "few": "drop"}
    notes = dict(Columns(table, wanted).describe())
    assert notes["code"].startswith("text: ")
    assert notes["zip"].startswith("number")
    assert notes["day"] == "date: time, month, day, weekday"
    assert notes["few"] == "left out, as asked"
    wanted["code"] = "category"
    assert dict(Columns(table, wanted).describe())["code"].startswith("40 categories")


def test_arrays_are_tables_too(rng):
    X = rng.standard_normal((20, 3))
    frame = pd.DataFrame(X)
    np.testing.assert_array_equal(Columns(X).transform(X), Columns(frame).transform(frame))
    mixed = np.array([[1.0, "a"], [2.0, "b"], [3.0, "c"]], dtype=object)
    assert [note for _, note in Columns(mixed).describe()] == ["number", "3 categories, one-hot"]


def test_text_among_numbers_and_infinity_are_named():
    columns = Columns(pd.DataFrame({"a": [1.0, 2, 3]}))
    with pytest.raises(DataError, match=r"column 'a' holds numbers; got 'many'"):
        columns.transform(pd.DataFrame({"a": [1.0, "many"]}))
    with pytest.raises(DataError, match=r"column 'a' must hold finite numbers; row 1 has infinity"):
        columns.transform(pd.DataFrame({"a": [1.0, np.inf]}))


def test_categories_that_occur_once_share_a_vector_with_the_unseen():
    towns = [f"town {i}" for i in range(12)] * 3 + ["hamlet", "farm"]
    columns = Columns(pd.DataFrame({"town": towns}))
    assert dict(columns.describe()) == {
        "town": "14 categories, embedded; those seen once (2) share a vector"
    }
    assert columns.id_sizes == [13]
    ids = columns.transform(pd.DataFrame({"town": ["farm", "elsewhere", "town 0", "hamlet"]}))
    assert ids[:, 0].tolist() == [0, 0, 1, 0]


def test_few_categories_have_a_flag_each_however_rare():
    columns = Columns(pd.DataFrame({"colour": ["red", "green", "green", "blue", "blue"]}))
    assert dict(columns.describe()) == {"colour": "3 categories, one-hot"}


def test_categories_that_floats_would_make_one_stay_apart():
    """Beside a gap, pandas turns whole numbers into float64, which rounds beyond 2^53."""
    ids = [2**53, 2**53 + 1, 2**53 + 2] * 3
    gap = pd.DataFrame({"c": pd.Series([*ids, None], dtype=object).astype("category")})
    columns = Columns(gap)
    assert columns.describe() == [("c", "4 categories, one-hot")]
    Z = columns.transform(gap)
    assert len(np.unique(Z, axis=0)) == 4
    typed = pd.DataFrame({"c": pd.Categorical([*ids, None], categories=ids[:3])})
    np.testing.assert_array_equal(columns.transform(typed), Z)
