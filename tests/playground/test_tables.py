"""Tables that are dropped in: read, made into numbers, trained on, or refused in a sentence."""

import datetime
import gzip
import os
import queue
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plainnet.errors import SettingError
from plainnet.playground import table_files, tables
from plainnet.playground.session import Session
from plainnet.playground.settings import Settings
from playground.some_tables import csv, examples_of, some

pandas = pytest.importorskip("pandas", reason="the extra `cli` is not installed")
pytest.importorskip("sklearn", reason="the extra `cli` is not installed")

SHARED = Path(os.environ.get("PLAINNET_DATA", "nowhere"))


def column(examples, name):
    return examples.X[:, examples.names.index(name)]


# --- cells become numbers -------------------------------------------------------------------------


def test_categories_are_those_of_pandas():
    given = some()
    examples = examples_of(csv(given))
    expected = pandas.get_dummies(pandas.Series(given["town"]), prefix="town", prefix_sep=" = ")
    assert examples.names == ("a", "b", *expected.columns)
    train = column(examples, "a")[: examples.n_train].astype(float)
    assert (train.mean(), train.std()) == pytest.approx((0, 1), abs=1e-6)
    order = np.argsort(given["a"], kind="stable")
    again = np.argsort(column(examples, "a"), kind="stable")
    np.testing.assert_array_equal(examples.X[again, 2:], expected.to_numpy(float)[order])
    assert examples.classes == ("no", "yes")
    np.testing.assert_array_equal(examples.y[again], (given["target"] == "yes")[order])


def test_the_ten_most_frequent_categories_have_inputs():
    cells = [f"c{k}" for k in range(14) for _ in range(30 - 2 * k)]
    given = {"c": cells, "x": range(len(cells)), "y": [k % 2 for k in range(len(cells))]}
    examples = examples_of(csv(given))
    assert set(examples.names) == {"x", *(f"c = c{k}" for k in range(10)), "c = others"}
    inputs = examples.X[:, [name != "x" for name in examples.names]]
    assert (inputs.sum(axis=1) == 1).all()
    assert column(examples, "c = others").sum() == sum(30 - 2 * k for k in range(10, 14))


def test_two_categories_are_one_input():
    text = csv({"sex": ["f", "m"] * 20, "x": range(40), "y": [0, 0, 1, 1] * 10})
    assert examples_of(text).names == ("sex = m", "x")


def test_a_missing_number_is_at_the_mean_and_marked():
    a = [str(k) if k % 4 else "" for k in range(40)]
    examples = examples_of(csv({"a": a, "b": range(40), "y": [0, 0, 1, 1] * 10}))
    assert examples.names == ("a", "a is missing", "b")
    missing = column(examples, "a is missing") == 1
    assert missing.sum() == 10
    assert (column(examples, "a")[missing] == 0).all()
    known = column(examples, "a")[: examples.n_train][~missing[: examples.n_train]]
    assert (known.mean(), known.std()) == pytest.approx((0, 1), abs=1e-6)


def test_dates_are_numbers():
    days = [datetime.date(2023, 12, 1) + datetime.timedelta(days=k) for k in range(60)]
    examples = examples_of(csv({"when": days, "y": np.arange(60) / 7}))
    assert examples.names[:2] == ("when, days since 1970", "when, month")
    elapsed = column(examples, "when, days since 1970")
    assert np.corrcoef(elapsed, examples.y)[0, 1] == pytest.approx(1)


def test_what_is_left_out_is_said():
    who, what = ["Anna", "Otto", "Ida"] * 20, ["river", "lake", "sea", "sky"] * 15
    texts = [f"{who[k]} went to see the {what[k]} of {k}" for k in range(60)]
    given = {
        "PassengerId": range(1, 61), "story": texts, "code": [f"X{k * 37}" for k in range(60)],
        "same": [5] * 60, "empty": [""] * 60, "t": range(60), "y": [0, 1] * 30,
    }  # fmt: skip
    examples = examples_of(csv(given))
    assert examples.names == ("t",)
    note = next(note for note in examples.notes if note.startswith("left out"))
    assert note == (
        "left out: PassengerId (numbers the rows), story (free text), code (60 different texts in "
        "60 rows), same (constant), empty (empty)"
    )


def test_plain_numbers_are_read_as_those_in_another_notation_are():
    given = some()
    plain = examples_of(csv(given, ";"))
    written = csv(given, ";").replace(".", ",")
    np.testing.assert_array_equal(examples_of(written).X, plain.X)


def test_codes_and_dates_are_not_taken_for_plain_numbers():
    days = [20240100 + k for k in range(1, 29)]
    given = {"day": days, "zip": [f"0{k % 4}000" for k in range(28)], "y": [0, 1] * 14}
    names = examples_of(csv(given)).names
    assert "zip = 00000" in names


# --- the target -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        ("abc", "", "c"), ("abc", "a", "a"), (["a", "Class", "c"], "", "Class"),
        (["y", "a", "b"], "", "y"), (["y", "target", "z"], "", "z"),
    ],
)  # fmt: skip
def test_which_column_is_the_target(names, wanted, found):
    text = csv({name: range(k, 30 + k) for k, name in enumerate(names)})
    assert table_files.read("t.csv", text.encode()).target(wanted) == found


def test_numbers_are_standardised_and_the_scale_is_told():
    examples = examples_of("x,price\n" + "\n".join(f"{k},{1000 + 3 * k}" for k in range(100)))
    assert examples.classes == ()
    known = examples.train[1].astype(float)
    assert (known.mean(), known.std()) == pytest.approx((0, 1), abs=1e-5)
    note = next(note for note in examples.notes if note.startswith("price is learned as"))
    mean, scale = re.fullmatch(r".*\(price - ([0-9.,]+)\) / ([0-9.,]+)", note).groups()
    mean, scale = float(mean.replace(",", "")), float(scale.replace(",", ""))
    targets = examples.y * scale + mean
    np.testing.assert_allclose(np.sort(targets), 1000 + 3 * np.arange(100), atol=0.01)


def test_rare_classes_are_taken_together():
    classes = [f"c{k:02}" for k in range(15) for _ in range(20 - k)]
    examples = examples_of(csv({"x": range(len(classes)), "y": classes}))
    assert examples.classes == (*(f"c{k:02}" for k in range(9)), "others")
    assert (examples.y == 9).sum() == sum(20 - k for k in range(9, 15))


def test_more_than_ten_whole_numbers_are_numbers():
    assert examples_of(csv({"x": range(60), "y": [k % 12 for k in range(60)]})).classes == ()
    assert len(examples_of(csv({"x": range(60), "y": [k % 10 for k in range(60)]})).classes) == 10


def test_rows_without_a_target_are_left_out():
    text = csv({"x": range(40), "y": [k % 2 if k % 4 else "" for k in range(40)]})
    examples = examples_of(text)
    assert len(examples.X) == 30
    assert "10 rows without y are left out" in examples.notes


def test_rows_are_sampled_by_the_seed():
    text = csv({"x": range(3000), "y": [k % 2 for k in range(3000)]})
    one, again, other = (examples_of(text, data_seed=seed) for seed in (0, 0, 1))
    assert len(one.X) == tables.MOST_USED
    assert "2,000 of 3,000 rows are used; the data's seed chooses them" in one.notes
    np.testing.assert_array_equal(one.points, again.points)
    assert set(one.points[:, 0]) != set(other.points[:, 0])


def test_only_so_many_rows_are_read():
    data = b"x,y\n" + b"".join(b"%d,%d\n" % (k, k % 2) for k in range(20_050))
    table = table_files.read("t.csv", data)
    assert len(table.cells) == 20_000
    assert table.notes == ("only the first 20,000 rows are read",)


# --- the plane ------------------------------------------------------------------------------------


def test_two_numbers_are_their_own_plane_in_their_units():
    given = some()
    examples = examples_of(csv({"size": given["a"], "price": given["b"], "y": given["target"]}))
    assert examples.plane.labels == ("size", "price")
    expected = np.stack([given["a"], given["b"]], axis=1)
    np.testing.assert_allclose(
        examples.points[np.lexsort(examples.points.T)], expected[np.lexsort(expected.T)], atol=1e-5
    )


def test_numbers_far_from_zero_are_drawn_standardised():
    examples = examples_of("t,u,y\n" + "\n".join(f"{10**9 + k},{k},{k % 2}" for k in range(50)))
    assert np.abs(examples.points[:, 0]).max() < 2
    assert examples.points[:, 1].max() == pytest.approx(49)


def test_the_plane_of_two_inputs_by_name():
    examples = examples_of(csv(some()), plane=("town = Rom", "b"))
    assert examples.plane.labels == ("town = Rom", "b")
    assert set(examples.points[:, 0].round(6)) == {0, 1}
    with pytest.raises(SettingError, match="there is no input 'Rom'; there are 'a', 'b'"):
        examples_of(csv(some()), plane=("Rom", "b"))


def test_a_single_feature_has_one_axis():
    examples = examples_of("x,y\n" + "\n".join(f"{k},{k * k % 17}" for k in range(50)))
    assert examples.plane.labels == ("x", "")
    assert (examples.points[:, 1] == 0).all()


# --- a page ---------------------------------------------------------------------------------------


class Page:
    """What a page does with a session: posts messages and takes what comes."""

    def __init__(self, settings=None):
        self.came = queue.Queue()
        self.session = Session(lambda *message: self.came.put(message), settings)
        self.session.start()

    def until(self, kind, **fields):
        while True:
            content, arrays = self.came.get(timeout=60)
            if content["is"] == "frame":
                self.session.post({"do": "drawn", "number": content["number"]})
            if content["is"] == kind and fields.items() <= content.items():
                return content, arrays
            assert content["is"] != "refused", content["why"]

    def until_refused(self):
        while True:
            content, _ = self.came.get(timeout=60)
            if content["is"] == "frame":
                self.session.post({"do": "drawn", "number": content["number"]})
            if content["is"] == "refused":
                return content["why"]

    def drop(self, data, target="", name="t.csv"):
        self.session.post({"do": "table", "name": name, "target": target}, [data])


@pytest.fixture
def page():
    opened = Page()
    yield opened
    opened.session.close()
    assert opened.session.join(60)


def of_shared(name, lines=None):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the folder that PLAINNET_DATA names")
    data = path.read_bytes()
    if lines is not None:
        data = b"".join(gzip.decompress(data).splitlines(keepends=True)[: lines + 1])
    return data


def wide(rng):
    X = rng.standard_normal((200, 300)).round(3)
    return csv({**{f"c{k}": X[:, k] for k in range(300)}, "y": (X[:, 0] > 0).astype(int)})


FILES = {
    "titanic": lambda: (of_shared("titanic.csv"), "Survived", 0.75),
    "adult": lambda: (of_shared("adult_train.csv.gz", 5000), "income", 0.65),
    "california": lambda: (of_shared("california_housing.csv.gz"), "median_house_value", 0.5),
    "decimal commas": lambda: (csv(some(), ";").replace(".", ",").encode("cp1252"), "", 0.5),
    "tabs and a mark": lambda: (csv(some(), "\t").encode("utf-8-sig"), "", 0.5),
    "quotes": lambda: (
        csv({f'"the\n""{name}"""': [f'"{c}\n"' for c in cells] for name, cells in some().items()})
        .encode(), "", 0.5,
    ),
    "dates": lambda: (
        csv({"when": [datetime.date(2020, 1, 1) + datetime.timedelta(days=k) for k in range(200)],
             "price": [100 + k + 5 * np.sin(k / 10) for k in range(200)]}).encode(), "", 0.2,
    ),
    "300 columns": lambda: (wide(np.random.default_rng(0)).encode(), "", 0.3),
    "one feature": lambda: (
        csv({"x": np.arange(200), "y": np.sin(np.arange(200) / 25)}).encode(), "", 0.5
    ),
}  # fmt: skip
"""Files with a target, and how much of the loss of guessing may be left."""


@pytest.mark.parametrize("file", FILES)
def test_a_network_learns_from_a_table(page, file):
    data, target, left = FILES[file]()
    page.drop(data, target)
    told, _ = page.until("table")
    assert told["target"] in told["columns"]
    assert told["rows"] > 100
    settings = page.session.training.settings
    assert (settings.data, settings.target) == ("table", told["target"])
    page.session.post({"do": "advance", "steps": 200})
    page.until("state", step=200, status="paused")
    examples, network = page.session.training.examples, page.session.training.network
    X, y = examples.train
    if examples.classes:
        shares = np.bincount(y)[np.bincount(y) > 0] / len(y)
        loss, guessing = network.evaluate(X, y)["loss"], -np.sum(shares * np.log(shares))
    else:
        loss, guessing = np.mean((network.predict(X).ravel() - y) ** 2), y.var()
    assert loss < left * guessing


def test_the_examples_of_a_table_come_before_it(page):
    page.drop(csv(some()).encode(), name=" my\nfile.csv ")
    names = ("a", "b", "town = Köln", "town = Rom", "town = Wien")
    content, (points, targets) = page.until("examples", names=names)
    assert (points.shape, targets.shape) == ((120, 2), (120,))
    told, _ = page.until("table")
    assert told == {
        "is": "table", "name": "my file.csv", "columns": ["a", "b", "town", "target"],
        "target": "target", "why": "by its name", "rows": 120,
    }  # fmt: skip
    assert content["notes"]


@pytest.mark.parametrize(
    ("names", "target", "why"),
    [
        ("PassengerId,Survived,Pclass,Embarked", "Survived", "by its name"),
        ("Species,y,a", "y", "by its name"),  # the usual names come first
        ("y,class,a", "a", "as the last column"),  # which of the two is open
        ("a,b,town", "town", "as the last column"),
    ],
)
def test_the_target_is_chosen_by_its_name(page, names, target, why):
    rows = [",".join(str((i * n) % 7) for n in range(1, names.count(",") + 2)) for i in range(40)]
    page.drop("\n".join([names, *rows]).encode())
    told, _ = page.until("table")
    assert (told["target"], told["why"]) == (target, why)


def test_another_target_of_the_same_table(page):
    page.drop(csv(some()).encode())
    page.until("table")
    page.session.post({"do": "settings", "change": {"loss": "auto", "target": "town"}})
    assert page.until("examples", classes=("Köln", "Rom", "Wien"))
    page.session.post({"do": "settings", "change": {"data": "moons", "target": ""}})
    page.until("examples", names=("x1", "x2"))
    page.session.post({"do": "settings", "change": {"data": "table", "target": "b"}})
    assert page.until("examples", classes=())


def test_a_loss_that_does_not_suit_gives_way(page):
    page.session.post({"do": "settings", "change": {"loss": "hinge"}})
    page.drop(csv(some()).encode(), "b")
    page.until("table")
    assert page.session.training.settings.loss == "auto"


def test_a_table_that_is_refused_changes_nothing(page):
    page.until("state")
    before = page.session.training
    page.drop(b"a\n1\n")
    assert "has one column" in page.until_refused()
    page.session.post({"do": "table", "name": "t.csv"})
    assert "the bytes of one file; got 0" in page.until_refused()
    assert page.session.training is before
    assert page.session.table is None


def test_a_link_waits_for_its_table(page):
    data = csv(some()).encode()
    page.drop(data)
    page.until("table")
    page.session.post({"do": "settings", "change": {"layers": [{"units": 3}], "target": "b"}})
    page.session.post({"do": "advance", "steps": 20})
    link = page.until("state", step=20, status="paused")[0]["link"]
    trained = page.session.training.network.parameters
    other = Page()
    other.session.post({"do": "hello", "link": link})
    assert "drop in the file again" in other.until_refused()
    other.drop(data)
    other.until("state", step=20, status="paused")
    np.testing.assert_array_equal(other.session.training.network.parameters, trained)
    other.session.close()
    assert other.session.join(60)


def test_a_page_that_opens_without_its_table_waits_for_it():
    page = Page(replace(Settings(), data="table", target="b"))
    assert page.until("state", status="paused")[0]["settings"]["data"] == "spirals"
    assert "drop in the file again" in page.until_refused()
    page.drop(csv(some()).encode())
    assert page.until("table")[0]["target"] == "b"
    page.session.close()
    assert page.session.join(60)


def test_a_link_with_a_change_that_does_not_suit_is_refused(page):
    link = "step=20&changes=5:9.dense.W(0,0)=1"
    page.session.post({"do": "hello", "link": link})
    assert "there is no tensor '9.dense.W'" in page.until_refused()
    page.session.post({"do": "advance", "steps": 3})
    page.until("state", status="paused", step=3)


def test_a_link_names_columns_with_commas():
    settings = Settings(data="table", plane=("Länge, cm", "Preis in %"))
    assert Settings.from_link(settings.to_link()) == settings
