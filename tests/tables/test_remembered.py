"""How each column was read is remembered: what a row gives does not depend on its neighbours."""

from __future__ import annotations

import copy
import datetime
import pickle
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plainnet
from plainnet.estimators.tabular.columns import Columns

from .conftest import LEARNED, QUICK, Run, classifier, predicted, quietly, write

N = 24
STAMPS = pd.date_range("1969-12-28 23:59:58.7", periods=N, freq="19h17min")
WRITTEN = {
    "codes": ["01", "02", "07", "A1"],
    "flags and more": ["True", "False", "unknown"],
    "versions": ["1.0", "1.10", "1.1", "2"],
    "booleans": ["TRUE", "FALSE"],
    "few numbers": ["1", "2", "3"],
    "padded": [f"{k:03}" for k in range(1, 7)],
    "decimal commas": ["1,5", "2,25", "1.000,75", "17"],
    "francs": ["CHF 1'250.50", "12.–", "", "Fr. 7.25"],
    "shares": ["85%", "7 %", "12.5%", "n/a"],
    "words between": [*"123456789", "10.5", "11", "12", "unknown"],
    "days": ["31.01.2024", "1.2.2024", "03.12.2023"],
    "american": ["01/31/2024 1:05 PM", "12/01/2023 11:00 AM", "0000-00-00"],
    "compact": [f"202401{k:02}" for k in range(1, 13)],
    "missing or none": ["None", "Full", "", "NA"],
    "spaces": ["hi ", "hi", " ho"],
    "towns": [f"town {k}" for k in range(12)],
}


def texts() -> pd.DataFrame:
    """A column for each of the above, in an order without a pattern."""
    rng = np.random.default_rng(5)
    columns = {name: rng.permutation(np.resize(cells, 60)) for name, cells in WRITTEN.items()}
    return pd.DataFrame({name: list(map(str, cells)) for name, cells in columns.items()})


OBJECTS: dict[str, Any] = {
    "nanoseconds": STAMPS,
    "zone": STAMPS.tz_localize("Asia/Kolkata"),
    "days": [datetime.date(2024, 1, 1 + k) for k in range(N)],
    "periods": pd.period_range("2024-01", periods=N, freq="M"),
    "durations": pd.to_timedelta(np.arange(N) * -61.5000007, unit="s"),
    "integers": pd.array([1, None, 3] * 8, dtype="Int64"),
    "booleans": pd.array([True, None, False] * 8, dtype="boolean"),
    "singles": np.linspace(0, 1, N, dtype=np.float32),
    "decimals": [Decimal(k) / 3 for k in range(N)],
    "categories": pd.Categorical(["a", "b", None] * 8),
    "numbers as categories": pd.Categorical([1, 2, None] * 8),
    "nullable texts": pd.array(["a", None, "c"] * 8, dtype="string"),
    "sparse": pd.arrays.SparseArray([0.0, 1, 2] * 8),
    "truth": [True, False, False] * 8,
    "truth and a text": [True, False, "perhaps"] * 8,
    "numbers and texts": [1, 2.5, "3,5", "1.007,25"] * 6,
    "numbers and a date": [1.5, 2, 3, 4, 5.5, datetime.date(2024, 1, 1)] * 4,
    "dates as both": [datetime.date(2024, 1, 1), "2024-02-03", pd.Timestamp("2024-05-05 10:00")]
    * 8,
    "dates and a number": [datetime.date(2024, 1, 1 + k) for k in range(N - 1)] + [5],
    "large numbers": [2**53, 2**53 + 1, 2**62] * 8,
}


def objects() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(values) for name, values in OBJECTS.items()})


def mixed() -> pd.DataFrame:
    return pd.concat([texts().iloc[:N], objects().add_prefix("object ")], axis=1)


def fitted(table: pd.DataFrame, **wanted: str) -> Columns:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Columns(table, wanted)


@pytest.fixture(scope="module")
def model() -> Any:
    return quietly(classifier(), mixed(), np.resize(["a", "b", "c"], N))


ROWS = st.lists(st.integers(0, N - 1), min_size=1, max_size=2 * N)


@given(rows=ROWS)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_some_rows_give_what_they_give_among_all(model: Any, rows: list[int]) -> None:
    table = mixed()
    found = model.columns_.transform(table.iloc[rows])
    np.testing.assert_array_equal(found, model.columns_.transform(table)[rows])
    among_all = model.predict_proba(table)[rows]
    np.testing.assert_array_equal(model.predict_proba(table.iloc[rows]), among_all)


def as_objects(table: pd.DataFrame, i: int) -> pd.DataFrame:
    try:
        return table.iloc[i].to_frame().T
    except ValueError:  # pandas 2.2, of categories that are whole numbers or missing
        return table.astype(object).iloc[i].to_frame().T


@pytest.mark.parametrize("name", [*mixed().columns])
def test_a_row_alone(name: str) -> None:
    """As a slice, and as a row made a frame, whose dtypes are all object."""
    table = mixed()[[name]].assign(number=np.arange(N))
    columns = fitted(table)
    whole = columns.transform(table)
    for i in range(N):
        for alone in (table.iloc[i : i + 1], as_objects(table, i)):
            np.testing.assert_array_equal(columns.transform(alone), whole[i : i + 1])
    np.testing.assert_array_equal(columns.transform(table[::-1]), whole[::-1])


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_gives_what_the_frame_gives(run: Run, folder: Path, name: str) -> None:
    """All rows in a file, and each in a file of its own."""
    table = texts()[[name]].assign(number=np.arange(60) % 7)
    labels = np.where(table.number > 3, "high", "low")
    write(folder / "t.csv", table.assign(target=labels))
    assert run("train", "t.csv", *QUICK).code == 0
    model = plainnet.load("t-model.skops")
    proba = model.predict_proba(table)
    rows = [table, *(table.iloc[i : i + 1] for i in range(0, 60, 13))]
    places = [np.arange(60), *([i] for i in range(0, 60, 13))]
    for part, place in zip(rows, places, strict=True):
        write(folder / "part.csv", part)
        lines = run("predict", "t-model.skops", "part.csv", "--proba").out.splitlines()[1:]
        found = [[float(p) for p in line.split(",")[1:]] for line in lines]
        np.testing.assert_allclose(found, proba[place], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(model.predict_proba(part), proba[place])


@pytest.mark.parametrize(
    ("cells", "some"),
    [
        (["01", "02", "07", "A1"], ["01", "02"]),
        (["True", "False", "unknown"], ["True", "False"]),
        (["1.0", "1.10", "x"], ["1.10"]),
        (["1e5", "2e5", "v3"], ["1e5"]),
        (["-0", "0", "+0", "none of it"], ["-0"]),
        (["2024-01-01", "2024-02-01", "never", "soon"], ["2024-01-01"]),
        (["1", "2", "3", "A"], ["3"]),
        (["NaN", "inf", "nil"], ["inf"]),
        (["0x1F", "0x2A", "1_000"], ["1_000"]),
    ],
)
def test_cells_that_look_like_another_kind_alone(
    run: Run, folder: Path, cells: list[str], some: list[str]
) -> None:
    """A file of some of the cells is read as the training file was, not as it looks."""
    table = pd.DataFrame({"code": cells * 10, "target": [f"is {cell}" for cell in cells] * 10})
    write(folder / "t.csv", table)
    assert run("train", "t.csv", *QUICK, *LEARNED).code == 0
    write(folder / "some.csv", pd.DataFrame({"code": some}))
    assert predicted(run("predict", "t-model.skops", "some.csv")) == [f"is {cell}" for cell in some]
    model = plainnet.load("t-model.skops")
    assert model.predict(pd.DataFrame({"code": some})).tolist() == [f"is {cell}" for cell in some]


CELLS: list[object] = [
    *(
        "1",
        "2",
        "07",
        "1.5",
        "1,5",
        "1.234,5",
        "1,234.5",
        "1'000",
        "$5",
        "85%",
        "5 kg",
        "(12)",
        "-3",
    ),
    *("1e5", "NaN", "NA", "None", "?", "-", "", "  ", "unknown", "red", "hi ", "True", "FALSE"),
    *("2024-01-31", "31.01.2024", "01/31/2024", "01/02/2024", "20240131", "0000-00-00", "Jan 2024"),
    *("2024-01-31T10:00Z", "10:00", "1_000", "{}", "1.2.3", "(missing)", "½", "a\nb"),
    *(1, 2.5, -0.0, True, None, np.nan, pd.NA, pd.NaT, np.float32(0.1), np.bool_(True), 2**70),
    *(datetime.date(2024, 1, 31), pd.Timestamp("2024-02-01", tz="UTC"), datetime.timedelta(5)),
    *(
        np.datetime64("2024-01-31"),
        Decimal("1.5"),
        pd.Period("2024-01"),
        datetime.time(3),
        20240131,
    ),
]


@given(cells=st.lists(st.sampled_from(CELLS), min_size=2, max_size=20))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_a_column_holds_a_row_is_read_alike_alone(cells: list[object]) -> None:
    table = pd.DataFrame({"x": pd.Series(cells, dtype=object), "number": np.arange(len(cells))})
    columns = fitted(table)
    whole = columns.transform(table)
    assert np.isfinite(whole).all()
    for i, cell in enumerate(cells):
        told_by_pandas = pd.DataFrame({"x": [cell], "number": [i]})
        for alone in (table.iloc[i : i + 1], table.iloc[i].to_frame().T, told_by_pandas):
            np.testing.assert_array_equal(columns.transform(alone), whole[i : i + 1])


def test_one_row_of_booleans_as_a_frame() -> None:
    """Its values are NumPy's booleans among objects."""
    table = pd.DataFrame({"truth": [True, False] * 20, "number": np.arange(40) % 5})
    model = classifier(epochs=60, learning_rate=0.1).fit(table, table.truth.map(str))
    for i in range(4):
        assert model.predict(table.iloc[i].to_frame().T) == [str(table.truth[i])]


def test_every_copy_reads_alike(model: Any, tmp_path: Path) -> None:
    table = mixed()
    expected = model.predict_proba(table)
    plainnet.save(model, tmp_path / "m.skops")
    copies = [
        plainnet.load(tmp_path / "m.skops"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ]
    for again in copies:
        np.testing.assert_array_equal(again.predict_proba(table), expected)
        assert again.columns_.describe() == model.columns_.describe()
        with pytest.raises(plainnet.errors.DataError, match=r"column 'decimal commas' holds"):
            again.predict(table.assign(**{"decimal commas": "3.5"}))


def test_what_only_the_test_rows_hold_is_read_too(run: Run, folder: Path) -> None:
    """The command tells a column's kind from all rows, and learns from those that do not test."""
    for seed in range(4):
        odd = {"price": "1,234.50", "day": "31/12/2023", "size": "unheard of"}
        rows = [{"price": f"{k}.5", "day": f"0{k % 9 + 1}/01/2024", "size": k} for k in range(39)]
        table = pd.DataFrame([odd, *rows]).assign(target=np.arange(40) % 2)
        write(folder / "t.csv", table)
        result = run("train", "t.csv", *QUICK, "--seed", seed)
        assert result.code == 0
        assert result.err.splitlines() == [
            "plainnet: warning: column 'size': 1 of 40 values count as missing, since they are not "
            "numbers: 'unheard of'"
        ]
        assert len(predicted(run("predict", "t-model.skops", "t.csv"))) == 40


def test_models_of_before_there_were_settings_for_it(tmp_path: Path) -> None:
    table = pd.DataFrame({"number": np.arange(40.0), "town": ["u", "v"] * 20})
    model = classifier().fit(table, np.arange(40) % 2)
    expected = model.predict_proba(table)
    del model.columns, model.decimal
    plainnet.save(model, tmp_path / "m.skops")
    for again in (plainnet.load(tmp_path / "m.skops"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict_proba(table), expected)
        assert again.get_params()["columns"] is None
        again.fit(table, np.arange(40) % 2)
