"""A trace does not change, says where a line and the pass differ, refuses what it cannot do."""

from __future__ import annotations

import copy
import pickle
import re
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from plainnet import Network, NeuralNetwork
from plainnet.errors import DataError, SettingError, UnknownNameError
from plainnet.estimators import MLPClassifier
from plainnet.inspection import Trace, trace
from plainnet.layers import (
    GRU,
    Add,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Formula,
    Formulas,
    Graph,
    Layer,
    Masking,
    ReLU,
    Sample,
    Sequential,
    Tanh,
)
from plainnet.losses import GaussianKL, MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD
from traced import some_of


def fitted(X: Any, y: Any) -> MLPClassifier:
    return MLPClassifier(4, solver="lbfgs", random_state=0).fit(X, y)


def of_two(*layers: Layer, **kwargs: Any) -> Network:
    settings = {"loss": MeanSquaredError(), "input_shape": 2, "dtype": np.float64, "seed": 0}
    return Network([*layers], **settings | kwargs)


class Cube(Layer):
    """Without formulas."""

    def forward(self, A, cache):
        cache["A"] = A
        return A**3

    def backward(self, dA, cache):
        return 3 * cache["A"] ** 2 * dA


# --- it stays what it is --------------------------------------------------------------------------


def test_the_data_may_change_later():
    X, y = np.array([[1.0, 2.0]]), np.array([[0.5]])
    record = trace(of_two(Dense(1)), X, y)
    text = str(record)
    X[:], y[:] = 9, 9
    assert record["X"].tolist() == [[1.0, 2.0]]
    assert str(record) == text


@pytest.mark.parametrize("Y", [None, [[1, 0], [0, 1]]])
def test_the_data_of_a_textbook_network_may_change_later(Y):
    X = np.array([[1.0, 0.5], [2.0, -1.0]])
    record = trace(NeuralNetwork(2, [2], 2, seed=0), X, Y)
    text = str(record)
    X[:] = 7
    assert record["A0"].tolist() == [[1.0, 0.5], [2.0, -1.0]]
    assert str(record) == text


def test_the_rows_of_an_estimator_may_change_later(rng):
    X = rng.standard_normal((20, 2)).astype(np.float32)
    model = fitted(X, X[:, 0] > 0)
    row = X[:1].copy()
    record = trace(model, row)
    text = str(record)
    row[:] = 9
    assert str(record) == text


def test_its_arrays_are_read_only():
    record = trace(of_two(Dense(1)), [[1.0, 2.0]], [[0.5]], SGD(0.1))
    given = [record[name] for name in record]
    given += [array for step in record.steps for array in {**step.inputs, **step.outputs}.values()]
    assert given
    for array in given:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_a_generator_is_not_advanced():
    seed = np.random.default_rng(3)
    trace(of_two(Dropout(0.5), Dense(1)), [[1.0, 2.0]], [[0.5]], seed=seed)
    assert seed.random() == np.random.default_rng(3).random()


@pytest.mark.parametrize("kind", ["trace", "line", "derivation"])
def test_copies_are_itself_and_files_are_refused(kind):
    record = trace(of_two(Dense(1)), [[1.0, 2.0]], [[0.5]])
    subject = {
        "trace": record,
        "line": record.unit("0.dense.Z[0, 0]"),
        "derivation": record.derivation("0.dense.W"),
    }[kind]
    assert copy.copy(subject) is subject
    assert copy.deepcopy(subject) is subject
    with pytest.raises(TypeError, match=f"a {kind.title()} cannot be pickled.*keep its text"):
        pickle.dumps(subject)


# --- a line and the pass --------------------------------------------------------------------------


def test_a_loss_that_its_formula_cannot_say_in_floats():
    network = of_two(Dense(2), loss=SoftmaxCrossEntropy(), dtype=np.float32)
    network["0.dense.W"] = [[100.0, 0.0], [0.0, 0.0]]
    record = trace(network, [[5.0, 1.0]], [1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        line = record.unit("loss.losses[0]")
        assert str(line) == "losses[0] = -(0*log(1) + 1*log(0)) = inf; the pass has 500"
        assert r"\text{; the pass has }" in line.latex()
        assert "= inf; the pass has 500" in re.sub("<[^>]*>", "", line._repr_html_())
        assert "; the pass has 500" in re.sub("<[^>]*>", "", record._repr_html_())
    assert not line.agrees
    assert line.value == 500


class Doubled(Layer):
    """Its formula is not what its code does."""

    formulas = Formulas("A", "Y", (Formula("Y", "3 * A", "Y = 3A"),), ())

    def forward(self, A, cache):
        return 2 * A

    def backward(self, dA, cache):
        return 2 * dA


def test_a_formula_that_is_not_what_the_code_does():
    record = trace(of_two(Dense(1), Doubled()), [[1.0, 2.0]], [[0.5]])
    line = record.unit("1.doubled.Y[0, 0]")
    z = float(record["0.dense.Z"][0, 0])
    assert not line.agrees
    assert str(line) == f"Y[0, 0] = 3*({z:.3g}) = {3 * z:.3g}; the pass has {2 * z:.3g}"


def test_infinities_beside_it_excuse_no_number():
    network = of_two(Doubled(), loss=MeanSquaredError())
    record = trace(network, [[1.0, 2.0]])
    window = record.step("0.doubled").part.window
    window.noted["Y"] = np.array([[np.inf, 4.0]])
    assert str(record.unit("0.doubled.Y[0, 1]")) == "Y[0, 1] = 3*2 = 6; the pass has 4"
    window.noted["Y"] = np.array([[np.nan, np.nan]])
    assert str(record.unit("0.doubled.Y[0, 1]")) == "Y[0, 1] = 3*2 = 6; the pass has nan"
    window.noted["Y"] = np.array([[1, 2]])
    assert str(record.unit("0.doubled.Y[0, 1]")) == "Y[0, 1] = 3*2 = 6; the pass has 2"


def test_numbers_are_those_of_the_arrays(rng):
    layers = [Embedding(5, 3), GRU(3), Dropout(0.5), Dense(2)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=3, seed=0)
    record = trace(network, [[1, 2, 2], [0, 4, 3]], [0, 1], SGD(0.1, momentum=0.9))
    seen = 0
    for name, index in some_of(record, rng, 3):
        for number in record.unit(name, index).numbers:
            if number.array:
                seen += 1
                assert number.value == record[number.array][number.index]
    assert seen > 200


# --- derivations ----------------------------------------------------------------------------------


def ways(record: Trace, name: str) -> list[str]:
    """The parts that the derivation of a gradient goes through, without repetition."""
    above, _, _ = str(record.derivation(name)).partition("\n\n")
    return list(dict.fromkeys(line.split()[0] for line in above.splitlines()))


def test_a_derivation_goes_through_what_is_inside_and_what_has_no_formulas():
    network = of_two(Dense(2), Sequential([Dense(2), Tanh()]), Cube(), Dense(1))
    record = trace(network, [[1.0, 2.0]], [[0.5]])
    inside = ["1.sequential.1.tanh", "1.sequential.0.dense"]
    assert ways(record, "0.dense.W") == ["3.dense", "loss", "2.cube", *inside, "0.dense"]
    assert "dA = backward(dY)" in str(record.derivation("0.dense.W"))


def test_a_derivation_through_a_graph(rng):
    nodes = {
        "deep": ([Dense(2), ReLU()], "X"),
        "sum": (Add(), "deep", "X"),
        "out": (Dense(2), "sum"),
    }
    network = of_two(Graph(nodes, inputs="X", outputs="out"))
    record = trace(network, rng.standard_normal((1, 2)), [[0.0, 1.0]])
    (name,) = [each for each in record if each.endswith("0.dense.dW") and "deep" in each]
    through = ways(record, name)
    names = [each.rpartition(".")[2] for each in through]
    assert names == ["out", "loss", "sum", "relu", "dense"]


def test_a_long_derivation_is_shortened(rng):
    layers = [Dense(40), Tanh(), Dense(40)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=30, seed=0)
    record = trace(network, rng.standard_normal((3, 30)), rng.standard_normal((3, 40)))
    text = str(record.derivation("0.dense.W", (0, 0)))
    assert len(text.splitlines()) < 600


# --- what a number goes into ----------------------------------------------------------------------


def test_what_is_handed_on_is_not_another_number(rng):
    """Flatten and a dropout without mask hand their input on; what lies there is one number."""
    network = of_two(Flatten(), Dropout(0.5), Dense(2), input_shape=(2, 1))
    record = trace(network, rng.standard_normal((1, 2, 1)))
    used = record.goes_into("X", (0, 1, 0))
    assert used
    for number in used:
        numbers = record.unit(number.array, number.index).numbers
        assert ("X", (0, 1, 0)) in [(each.array, each.index) for each in numbers] or any(
            record.unit(each.array, each.index).name == "X" for each in numbers
        )


def test_what_a_masked_step_goes_into(rng):
    network = Network(
        [Masking(), GRU(2), Dense(1)], loss=MeanSquaredError(), input_shape=(3, 2), seed=0
    )
    X = rng.standard_normal((2, 3, 2))
    X[1, 2] = 0
    record = trace(network, X, [[0.0], [1.0]])
    for name, index in some_of(record, rng, 4):
        for number in record.goes_into(name, index):
            line = record.unit(number.array, number.index)
            sources = [record.unit(each.array, each.index) for each in line.numbers]
            here = record.unit(name, index)
            assert (here.name, here.index) in [(each.name, each.index) for each in sources]


def test_threads_may_ask_one_trace(rng):
    network = of_two(Dense(3), ReLU(), Dense(2))
    record = trace(network, rng.standard_normal((2, 2)), rng.standard_normal((2, 2)), SGD(0.1))
    places = [*some_of(record, rng, 2)] * 8
    alone = [(str(record.unit(*place)), record.goes_into(*place)) for place in places]
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            together = list(
                threads.map(lambda at: (str(record.unit(*at)), record.goes_into(*at)), places)
            )
    finally:
        sys.setswitchinterval(switching)
    assert together == alone


# --- settings and rows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"digits": 0}, "digits must be"),
        ({"digits": 18}, "digits must be"),
        ({"digits": 2.5}, "digits must be"),
        ({"most": 2}, "most must be"),
        ({"elements": -1}, "elements must be"),
    ],
)
def test_settings_of_the_text(setting, message):
    record = trace(of_two(Dense(1)), [[1.0, 2.0]])
    with pytest.raises(SettingError, match=message):
        record.text(**setting)
    if "elements" not in setting:
        with pytest.raises(SettingError, match=message):
            record.unit("0.dense.Z[0, 0]").text(**setting)


def test_what_a_trace_has_no_use_for(rng):
    X = rng.standard_normal((20, 2))
    model = fitted(X, X[:, 0] > 0)
    with pytest.raises(SettingError, match="an estimator is that of a prediction: leave out y"):
        trace(model, X[:2], [0, 1])
    with pytest.raises(SettingError, match="leave out optimizer, training"):
        trace(model, X[:2], optimizer=SGD(0.1), training=True)
    book = NeuralNetwork(2, [3], 2, seed=0)
    with pytest.raises(SettingError, match="a NeuralNetwork is that of a step of gradient descent"):
        trace(book, X[:2].T, np.eye(2), SGD(0.1))
    with pytest.raises(SettingError, match="sample_weight weighs the losses of targets"):
        trace(of_two(Dense(1)), X[:2], sample_weight=[1, 2])


def test_too_many_rows_and_none(rng):
    X = rng.standard_normal((300, 2))
    model = fitted(X, X[:, 0] > 0)
    with pytest.raises(DataError, match="1 to 256; got 300"):
        trace(model, X)
    with pytest.raises(ValueError, match="0 sample"):
        trace(model, X[:0])
    network = of_two(Dense(1))
    with pytest.raises(DataError, match="X has no rows"):
        trace(network, X[:0])
    with pytest.raises(DataError, match="X must be finite; got nan in row 0, column 1"):
        trace(network, [[1.0, np.nan]])


def test_one_class(rng):
    X = rng.standard_normal((20, 2))
    record = trace(fitted(X, ["only"] * 20), X[:2])
    assert "row 1: predicted 'only'" in str(record)


def test_an_update_needs_targets(rng):
    """Also where the loss needs none."""
    network = of_two(Sample(), loss=GaussianKL(), input_shape=4)
    with pytest.raises(SettingError, match="pass the targets y"):
        trace(network, rng.standard_normal((1, 4)), None, SGD(0.1))


def test_a_layer_may_be_called_update(rng):
    graph = Graph({"updated": (Dense(2), "X")}, inputs="X", outputs="updated")
    record = trace(of_two(graph), rng.standard_normal((1, 2)), [[0.0, 1.0]], SGD(0.1))
    (name,) = {step.layer for step in record.steps if step.layer.endswith("updated")}
    assert record.step(name, "backward").direction == "backward"
    assert record.step(f"update.{name}.W").direction == "update"


def test_the_owner_of_an_array(rng):
    record = trace(of_two(Dense(1)), rng.standard_normal((1, 2)), [[0.0]], SGD(0.1))
    for name in record:
        part, local = record.owner(name)
        assert name == (local if part is None else part.full(local))
    dense, local = record.owner("0.dense.dW")
    assert (dense.code, dense.kind, local) == ("Dense(1)", "layer", "dW")
    assert record.owner("X") == (None, "X")
    with pytest.raises(UnknownNameError, match=r"0\.dense has .*dW"):
        record.owner("0.dense.dQ")


def test_names_that_are_not(rng):
    record = trace(of_two(Dense(1)), [[1.0, 2.0]])
    assert record.get("nothing") is None
    assert "nothing" not in record
    with pytest.raises(KeyError) as caught:
        record["nothing"]
    assert isinstance(caught.value, UnknownNameError)
    assert str(caught.value).startswith("no array 'nothing'")
    with pytest.raises(SettingError, match="path must be a string or a path; got 3"):
        record.save(3)
    with pytest.raises(SettingError, match=r"saved as \.html, \.txt or \.json; got x\.pdf"):
        record.save("x.pdf")
    with pytest.raises(UnknownNameError, match=r"a step has a number.*got None"):
        record.step(None)
    with pytest.raises(SettingError, match="direction must be"):
        record.step("0.dense", "sideways")
    with pytest.raises(SettingError, match="units must be a list"):
        record.to_json(3)
