"""The walk through one example: its numbers are the network's, and every one can be followed."""

from copy import deepcopy
from itertools import pairwise

import numpy as np
import pytest

from plainnet.engine.cache import Cache
from plainnet.losses import Huber, MeanAbsoluteError, MeanSquaredError
from plainnet.playground.stepping import MOST_NUMBERS, table
from walked import Page, like_digits, with_numbers

ALL = [{"units": 6, "activation": "gelu", "batch_norm": True, "dropout": 0.3}] * 2
SMALL = [{"units": 4, "activation": "tanh"}] * 2
SETTINGS = {
    "default": {},
    "batch norm and dropout": {"layers": ALL},
    "hinge": {"layers": SMALL, "loss": "hinge", "optimizer": "sgd"},
    "focal": {"layers": SMALL, "loss": "focal", "optimizer": "momentum", "l2": 0.01},
    "nesterov": {"layers": SMALL, "optimizer": "nesterov"},
    "adamw": {"layers": SMALL, "optimizer": "adamw", "l2": 0.01},
    "rmsprop": {"layers": SMALL, "optimizer": "rmsprop"},
    "lion": {"layers": SMALL, "optimizer": "lion"},
}


@pytest.fixture
def opened():
    pages = []

    def open_page(*given, **named):
        pages.append(Page(*given, **named))
        return pages[-1]

    yield open_page
    for page in pages:
        page.session.close()
    assert all(page.session.join(30) for page in pages)


# --- the numbers --------------------------------------------------------------------------------


def numbers_of(line):
    """The pieces that are numbers of arrays, without the line's own name."""
    return [piece for piece in line["pieces"][1:] if "array" in piece]


def test_the_sum_of_a_unit_is_numpys(opened):
    page = opened().train(20)
    page.explain(row=7)
    tensors = page.session.frames.network.tensors
    W, b = (tensors[f"0.dense.{name}"].astype(np.float64) for name in "Wb")
    Z = W @ page.session.training.examples.X[7].astype(np.float64) + b
    for unit in range(8):
        line = page.line("0.dense.Z", (0, unit))
        assert float(line["exact"]) == pytest.approx(Z[unit], rel=1e-5, abs=1e-6)
        named = {(piece["array"], piece["index"]) for piece in numbers_of(line)}
        assert named == {
            ("0.dense.A", (0, 0)), ("0.dense.W", (unit, 0)),
            ("0.dense.A", (0, 1)), ("0.dense.W", (unit, 1)), ("0.dense.b", (unit,)),
        }  # fmt: skip
        assert line["selection"] == {"kind": "unit", "column": 0, "unit": unit}


def every_number(content):
    """All arrays of the steps with all of their indices."""
    shapes = {}
    for step in content["steps"]:
        for each in (*step["reads"], *step["makes"]):
            shapes[each["array"]] = each["shape"]
    return [(array, index) for array, shape in shapes.items() for index in np.ndindex(*shape)]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_number_of_every_line_is_the_array_element_it_names(opened, name):
    page = opened(SETTINGS[name]).train(3)
    content = page.explain(row=1)
    assert {step["direction"] for step in content["steps"]} == {"forward", "backward", "update"}
    page.session.close()
    assert page.session.join(30)
    explained = page.session.explained
    trace, numbers = explained.trace, 0
    for array, index in every_number(content):
        line = explained.line(array, index)
        assert "".join(piece["text"] for piece in line["pieces"]) == str(trace.unit(array, index))
        assert trace[line["array"]][line["index"]] == trace[array][index]
        for piece in numbers_of(line):
            numbers += 1
            name, _, place = piece["text"].partition("[")
            if place:  # a number that is only moved: Q[0, 1] = Y[0, 1]
                assert piece["array"].endswith(f".{name}")
                assert place == f"{str(piece['index']).strip('(,)')}]"
            else:
                value = float(trace[piece["array"]][piece["index"]])
                assert float(piece["text"]) == pytest.approx(value, rel=6e-3)
    assert numbers > 500


@pytest.mark.parametrize("name", [*SETTINGS, "squared", "absolute", "huber"])
def test_whoever_goes_to_where_numbers_are_made_comes_to_what_is_given(opened, name):
    losses = {"squared": MeanSquaredError, "absolute": MeanAbsoluteError, "huber": Huber}
    if name in losses:
        page = opened(**with_numbers(losses[name]())).train(3)
    else:
        page = opened(SETTINGS[name]).train(3)
    content = page.explain(row=1)
    page.session.close()
    assert page.session.join(30)
    explained = page.session.explained
    starts = [("loss.L", ())]
    for step in content["steps"]:
        if step["direction"] == "update":
            p_next = step["makes"][-1]
            starts.append((p_next["array"], (0,) * len(p_next["shape"])))
    ahead, seen, origins = list(starts), set(), set()
    while ahead:
        line = explained.line(*ahead.pop())
        place = (line["array"], tuple(line["index"]))
        if place in seen:
            continue
        seen.add(place)
        assert line["step"] is not None
        step = content["steps"][line["step"]]
        if line["formula"]:
            assert line["array"] in [table["array"] for table in step["makes"]]
        else:
            known = [table["is"] or table["array"] for table in step["reads"]]
            assert line["array"] in known
            origins.add(line["origin"])
        ahead += [(piece["array"], piece["index"]) for piece in numbers_of(line)]
    after = "after 3 steps of training"
    expected = {"the target", "the input x1", "the input x2"}
    dense = [step["layer"] for step in content["steps"] if "dense" in step["layer"]]
    layers = [layer for layer in dense if not layer.startswith("update")]
    expected |= {f"a parameter of {layer}, {after}" for layer in layers}
    assert expected <= origins
    rest = origins - expected
    known = ("a running statistic of", "a parameter of", "what the optimizer keeps")
    assert all(origin.startswith(known) for origin in rest)
    assert ("batch" in name) == any("running" in origin for origin in rest)


def test_a_number_goes_into_those_that_are_computed_from_it(opened):
    page = opened().train(2)
    page.explain(row=0)
    page.session.close()
    assert page.session.join(30)
    explained = page.session.explained
    for made in (("2.dense.Z", (0, 3)), ("loss.P", (0, 1)), ("0.dense.dW", (2, 1))):
        for piece in numbers_of(explained.line(*made)):
            uses = explained.line(piece["array"], piece["index"])["uses"]
            (use,) = [use for use in uses if use["array"] == made[0]]
            assert use["total"] >= len(use["some"])
            assert made[1] in [each["index"] for each in use["some"]]


def test_gradients_with_batch_norm_and_dropout_are_those_of_the_pass_that_is_shown(opened):
    page = opened({"layers": ALL}).train(5)
    content = page.explain(row=4)
    assert ["dropped" in note for note in content["notes"]] == [True, False, False]
    assert "running statistics" in content["notes"][1]
    network = page.session.frames.network.astype(np.float64)
    examples = page.session.training.examples
    X, y = examples.X[4:5].astype(np.float64), examples.y[4:5]
    assert float(page.line("loss.L", ())["exact"]) == pytest.approx(
        network.evaluate(X, y)["loss"], rel=1e-5
    )
    for tensor, index in (("0.dense.W", (3, 1)), ("1.batchnorm.gamma", (2,)), ("4.dense.b", (5,))):
        view, h = network.tensors[tensor], 1e-5
        losses = []
        for sign in (1, -1):
            before = view[index]
            view[index] += sign * h
            losses.append(network.evaluate(X, y)["loss"])
            view[index] = before
        layer, _, name = tensor.rpartition(".")
        gradient = float(page.line(f"{layer}.d{name}", index)["exact"])
        assert gradient == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_the_update_is_that_of_a_step_with_this_example_alone(opened, optimizer):
    page = opened({"optimizer": optimizer, "l2": 0.01}).train(6)
    content = page.explain(row=2)
    assert content["step"] == 6
    assert content["notes"] == ["The update is that of a batch with this example alone."]
    training = page.session.training
    network, own = deepcopy(training.network), deepcopy(training.optimizer)
    examples = training.examples
    network.loss_and_gradients(examples.X[2:3], examples.y[2:3], Cache(training=True))
    own.update(network.parameters, network.gradients, network.segments)
    for tensor, index in (("0.dense.W", (3, 1)), ("4.dense.b", (2,))):
        line = page.line(f"update.{tensor}.p_next", index)
        assert float(line["exact"]) == pytest.approx(float(network[tensor][index]), rel=1e-6)


# --- which network ------------------------------------------------------------------------------


def test_of_an_earlier_step_there_is_no_update(opened):
    page = opened().train(12)
    page.session.post({"do": "show", "step": 5})
    while page.until("frame")["step"] != 5:
        pass
    content = page.explain(row=2)
    assert content["step"] == 5
    assert {step["direction"] for step in content["steps"]} == {"forward", "backward"}
    assert "memory is that of step 12" in content["notes"][0]
    record = page.session.training.past.at(5)
    network = deepcopy(page.session.training.network)
    network.parameters[:] = record.parameters
    expected = network["0.dense.W"][3, 1]
    line = page.line("0.dense.W", (3, 1))
    assert float(line["exact"]) == pytest.approx(float(expected), rel=1e-6)
    assert line["origin"] == "a parameter of 0.dense, after 5 steps of training"
    assert line["selection"] == {"kind": "weight", "tensor": "0.dense.W", "index": (3, 1)}


def test_nothing_that_trains_is_changed(opened):
    page = opened().train(3)
    training = page.session.training
    before = training.network.parameters.copy(), training.network.gradients.copy()
    moments = deepcopy(training.optimizer.state)
    page.explain(row=0)
    page.line("update.0.dense.W.p_next", (0, 0))
    np.testing.assert_array_equal(training.network.parameters, before[0])
    np.testing.assert_array_equal(training.network.gradients, before[1])
    assert training.optimizer.steps == 3
    for name, vector in training.optimizer.state.items():
        np.testing.assert_array_equal(vector, moments[name])


def test_a_point_of_the_plane_goes_forward_alone(opened):
    page = opened()
    content = page.explain(point=[0.25, -0.5])
    assert content["row"] is None
    assert content["target"] is None
    assert content["loss"] is None
    assert {step["direction"] for step in content["steps"]} == {"forward"}
    assert [each["text"] for each in content["inputs"]] == ["0.25", "-0.5"]
    line = page.line("0.dense.Z", (0, 0))
    W, b = (page.session.training.network[f"0.dense.{name}"] for name in "Wb")
    assert float(line["exact"]) == pytest.approx(W[0] @ [0.25, -0.5] + b[0], rel=1e-5)
    assert page.line("0.dense.W", (0, 0))["origin"] == "a parameter of 0.dense, at the start"


def test_a_new_training_ends_the_walk(opened):
    page = opened()
    page.explain(row=0)
    assert page.line("loss.L", ())["is"] == "line"
    page.do("settings", "network", change={"network_seed": 1})
    refused = page.line("loss.L", ())
    assert refused["why"] == "no example has been traced since this training began"


def test_a_change_by_hand_is_told(opened):
    page = opened().train(2)
    assert page.explain(row=0)["changes"] == []
    page.do("edit", "state", tensor="0.dense.b", index=[1], value=0.5)
    (change,) = page.explain(row=0)["changes"]
    assert change["edit"] == ["0.dense.b", [1], 0.5]
    assert page.line("0.dense.b", (1,))["value"] == "0.5"


def test_the_example_is_described(opened):
    page = opened()
    content = page.explain(row=250)
    examples = page.session.training.examples
    assert content["is_test"]
    assert content["target"] == str(examples.y[250])
    loss = page.session.training.network.evaluate(examples.X[250:251], examples.y[250:251])["loss"]
    assert float(content["loss"]) == pytest.approx(loss, rel=6e-3)


# --- large arrays -------------------------------------------------------------------------------


def test_of_a_large_array_there_is_a_window(opened):
    page = opened(**like_digits())
    content = page.explain(row=3)
    assert len(content["inputs"]) == 8
    assert content["inputs_left"] == 56
    tables = [t for step in content["steps"] for t in (*step["reads"], *step["makes"])]
    assert max(len(table["texts"]) for table in tables) == MOST_NUMBERS
    page.session.close()
    assert page.session.join(30)
    explained = page.session.explained
    W = explained.trace["2.dense.W"]
    for index in ((0, 0), (9, 63), (31, 60), (16, 8)):
        (table,) = explained.line("2.dense.W", index)["tables"]
        (top, left), width = table["start"], table["columns"]
        place = (index[0] - top) * width + index[1] - left
        assert 0 <= index[1] - left < width
        assert float(table["texts"][place]) == pytest.approx(float(W[index]), rel=6e-3)
    line = explained.line("0.dense.Z", (0, 40))
    assert "56 more" in "".join(piece["text"] for piece in line["pieces"])
    read = explained.line("2.dense.A", (0, 40))
    assert [each["array"] for each in read["tables"]] == ["1.relu.A", "2.dense.A", "1.relu.Z"]
    Z = explained.line("2.dense.Z", (0, 17))
    (W,) = [each for each in Z["tables"] if each["array"] == "2.dense.W"]
    assert W["start"] == [16, 0]  # the row that it reads
    for place in read["uses"]:
        assert len(place["some"]) <= 8 < place["total"]


def test_windows_cover_an_array_without_overlap():
    for shape in ((1, 200), (3, 50), (20, 30), (64, 3), (7,), (2, 3, 9)):
        array = np.arange(np.prod(shape)).reshape(shape)
        seen = {}
        for index in np.ndindex(*shape):
            found = table("A", "a.A", array, index)
            assert 0 < len(found["texts"]) <= MOST_NUMBERS
            seen[*found["lead"], *found["start"]] = found["texts"]
        numbers = sorted(int(text) for texts in seen.values() for text in texts)
        assert all(b == a + 1 for a, b in pairwise(numbers))
        assert len(numbers) == array.size


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "fields", "words"),
    [
        ("explain", {"row": 300}, "the rows are 0 to 299; got 300"),
        ("explain", {}, "a row or a point"),
        ("explain", {"row": 1, "point": [0, 0]}, "a row or a point"),
        ("explain", {"row": -1}, "cannot take row"),
        ("explain", {"point": [0]}, "cannot take point"),
        ("explain", {"point": [0, "a"]}, "cannot take point"),
        ("line", {"array": "0.dense.Q", "index": [0]}, "no array '0.dense.Q'"),
        ("line", {"array": "9.dense.Z", "index": [0]}, "no array '9.dense.Z'"),
        ("line", {"array": "0.dense.Z[0, 1]", "index": [0]}, "0.dense.Z"),
        ("line", {"array": "0.dense.Z", "index": [0, 8]}, "has the shape (1, 8)"),
        ("line", {"array": "0.dense.Z", "index": []}, "has the shape (1, 8)"),
        ("line", {"array": "0.dense.Z", "index": [0, 0.5]}, "cannot take index"),
        ("line", {"array": "", "index": []}, "no array"),
    ],
)
def test_what_does_not_exist_is_refused_in_words(opened, command, fields, words):
    page = opened()
    page.explain(row=0)
    refused = page.do(command, "line" if command == "line" else "steps", **fields)
    assert refused["is"] == "refused"
    assert words in refused["why"]


def test_numbers_that_are_infinite_can_be_sent(opened):
    page = opened()
    page.do("edit", "state", tensor="0.dense.W", index=[0, 0], value=1e30)
    page.do("edit", "state", tensor="2.dense.W", index=[0, 0], value=1e30)
    row = int(page.session.training.examples.X[:, 0].argmax())  # where ReLU passes it on
    content = page.explain(row=row)
    assert content["is"] == "steps"
    assert "inf" in content["steps"][2]["makes"][0]["texts"]
    assert page.line("2.dense.Z", (0, 0))["value"] == "inf"


def test_a_point_whose_features_are_infinite_is_refused(opened):
    page = opened({"features": ["x1", "x1^2"]})
    refused = page.explain(point=[1e30, 0])
    assert refused["is"] == "refused"
    assert "inf" in refused["why"]
    assert page.explain(point=[1, 0])["is"] == "steps"
