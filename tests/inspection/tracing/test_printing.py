"""A trace as text, as a derivation, as JSON; names and indices that there are not."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import SettingError, UnknownNameError
from plainnet.inspection import trace, trace_schema
from plainnet.layers import (
    LSTM,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    FromFormula,
    ReLU,
)
from plainnet.losses import Hinge, MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam


def two_two_two() -> Network:
    network = Network(
        [Dense(2), ReLU(), Dense(2)], loss=MeanSquaredError(), input_shape=2, dtype=np.float64
    )
    network["0.dense.W"], network["0.dense.b"] = [[0.5, -0.2], [0.3, 0.8]], [0.1, -0.1]
    network["2.dense.W"], network["2.dense.b"] = [[0.6, -0.4], [-0.5, 0.7]], [0.0, 0.2]
    return network


TEXT = """\
Forward

0.dense  Dense(2)
  A is X
  Z = A @ W.T + b  # (1, 2)
    Z[0, 0] = 1*0.5 + 2*(-0.2) + 0.1 = 0.2
    Z[0, 1] = 1*0.3 + 2*0.8 + (-0.1) = 1.8

1.relu  ReLU()
  Z is 0.dense.Z
  A = maximum(Z, 0)  # (1, 2)
    A[0, 0] = maximum(0.2, 0) = 0.2
    A[0, 1] = maximum(1.8, 0) = 1.8

2.dense  Dense(2)
  A is 1.relu.A
  Z = A @ W.T + b  # (1, 2)
    Z[0, 0] = 0.2*0.6 + 1.8*(-0.4) + 0 = -0.6
    Z[0, 1] = 0.2*(-0.5) + 1.8*0.7 + 0.2 = 1.36
"""


def test_the_forward_pass_as_it_is_printed():
    assert str(trace(two_two_two(), [[1.0, 2.0]], [[-0.5, 1.5]])).startswith(TEXT)


def test_one_step_as_it_is_printed():
    record = trace(two_two_two(), [[1.0, 2.0]], [[-0.5, 1.5]], SGD(0.5))
    assert str(record.step("1.relu", "backward")) == (
        "1.relu  ReLU()\n"
        "  Z is 0.dense.Z\n"
        "  dA is 2.dense.dA\n"
        "  dZ = dA * (Z > 0)  # (1, 2)\n"
        "    dZ[0, 0] = 0.01*(0.2 > 0) = 0.01\n"
        "    dZ[0, 1] = -0.058*(1.8 > 0) = -0.058"
    )
    assert str(record.step("update.2.dense.b")).splitlines()[-1] == (
        "    p_next[1] = 0.2 - 0.5*(-0.14) = 0.27"
    )
    assert str(record.derivation("0.dense.W", (1, 0))).splitlines() == [
        "2.dense  Z = A @ W.T + b",
        "loss     D = Z - Y",
        "loss     losses = (D**2).mean(axis=1)",
        "loss     L = losses.mean()",
        "loss     dL = 2 * D / D.shape[1]",
        "loss     dZ = dL / len(losses)",
        "2.dense  dA = dZ @ W",
        "1.relu   dZ = dA * (Z > 0)",
        "0.dense  dW = dZ.T @ A",
        "",
        "2.dense  Z[0, 0] = 0.2*0.6 + 1.8*(-0.4) + 0 = -0.6",
        "2.dense  Z[0, 1] = 0.2*(-0.5) + 1.8*0.7 + 0.2 = 1.36",
        "loss     D[0, 0] = -0.6 - (-0.5) = -0.1",
        "loss     D[0, 1] = 1.36 - 1.5 = -0.14",
        "loss     losses[0] = ((-0.1)**2 + (-0.14)**2)/2 = 0.0148",
        "loss     L = 0.0148/1 = 0.0148",
        "loss     dL[0, 0] = 2*(-0.1)/2 = -0.1",
        "loss     dL[0, 1] = 2*(-0.14)/2 = -0.14",
        "loss     dZ[0, 0] = -0.1/1 = -0.1",
        "loss     dZ[0, 1] = -0.14/1 = -0.14",
        "2.dense  dA[0, 1] = -0.1*(-0.4) + (-0.14)*0.7 = -0.058",
        "1.relu   dZ[0, 1] = -0.058*(1.8 > 0) = -0.058",
        "0.dense  dW[1, 0] = -0.058*1 = -0.058",
    ]


def test_the_page_shows_what_is_printed():
    page = Path(__file__).parents[3] / "docs" / "tracing.md"
    shown = re.findall(r"^```text\n(.*?)\n```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    record = trace(two_two_two(), [[1.0, 2.0]], [[-0.5, 1.5]], SGD(0.5))
    assert shown == [str(record), str(record.derivation("0.dense.W", (1, 0)))]


def test_comparisons_in_a_line():
    """Of the largest, hinge loss takes the first."""
    network = Network([ReLU()], loss=Hinge(), input_shape=3, dtype=np.float64)
    record = trace(network, [[1.0, 2.0, 2.0]], [0])
    lines = [str(record.unit("loss.R", (0, i))) for i in range(3)]
    assert lines == ["R[0, 0] = (0 == 1) = 0", "R[0, 1] = (1 == 1) = 1", "R[0, 2] = (2 == 1) = 0"]
    assert record["loss.dL"].tolist() == [[-1, 1, 0]]


def test_what_stands_before_the_point_is_written_out():
    network = Network([ReLU()], loss=MeanSquaredError(), input_shape=4, dtype=np.float64)
    record = trace(network, [[12345.6, 1234567.8, 99.95, 0.0123456]])
    shown = [str(record.unit("0.relu.A", (0, i))).rpartition(" = ")[2] for i in range(4)]
    assert shown == ["12346", "1.23e+06", "100", "0.0123"]


def test_what_is_long_is_elided(rng):
    network = Network([Dense(300)], loss=MeanSquaredError(), input_shape=40, seed=0)
    record = trace(network, rng.standard_normal((2, 40)))
    text = record.text(elements=4)
    assert "... and 597 more" in text
    assert "(32 more: " in text
    assert "(32 more: " not in record.text(most=41)


def test_derivations_of_inputs_gradients_and_several_layers(rng):
    network = Network([LSTM(3), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=(3, 2), seed=0)
    record = trace(network, rng.standard_normal((2, 3, 2)), [0, 1])
    for name in ("X", "0.lstm.U", "0.lstm.dU", "0.lstm.A", "1.dense.b", "loss.Z"):
        derivation = record.derivation(name)
        assert derivation.links[-1].formula.result in derivation.name
        assert "$$" in derivation._repr_markdown_()
    with pytest.raises(SettingError, match="no backward pass"):
        trace(network, rng.standard_normal((2, 3, 2))).derivation("1.dense.W")
    with pytest.raises(UnknownNameError, match=r"no gradient .*; loss has dL, dZ"):
        record.derivation("loss.P")


# --- JSON -----------------------------------------------------------------------------------------


def test_json_keeps_to_its_schema(rng):
    jsonschema = pytest.importorskip("jsonschema")
    layers = [Conv2d(2, 3), BatchNorm(), ReLU(), Flatten(), Dropout(0.5), Dense(3)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=(4, 4, 1), seed=0)
    record = trace(network, rng.standard_normal((2, 4, 4, 1)), [0, 1], Adam())
    units = ["0.conv2d.Z[0, 1, 1, 0]", "1.batchnorm.dA[1, 0, 0, 1]", "loss.L", "X[0, 0, 0, 0]"]
    form = json.loads(record.to_json(units))
    jsonschema.validate(form, trace_schema())
    jsonschema.Draft202012Validator.check_schema(trace_schema())
    assert form["arrays"].keys() == {*record}
    shown = form["arrays"]["5.dense.Z"]
    np.testing.assert_array_equal(
        np.array(shown["values"], shown["dtype"]).reshape(shown["shape"]), record["5.dense.Z"]
    )
    line = form["lines"][0]
    assert line["term"]["kind"] == "+"
    assert len(line["term"]["terms"][0]["terms"]) == 9
    assert [step["layer"] for step in form["steps"]][-1].startswith("update.")


def test_json_has_no_nan():
    network = two_two_two()
    network["0.dense.b"] = [np.nan, np.inf]
    record = trace(network, [[1.0, 2.0]], [[0.0, 1.0]])
    form = json.loads(record.to_json(["0.dense.Z[0, 0]"]), parse_constant=pytest.fail)
    assert form["arrays"]["0.dense.Z"]["values"] == ["nan", "inf"]
    assert str(record.unit("0.dense.Z[0, 0]")) == "Z[0, 0] = 1*0.5 + 2*(-0.2) + nan = nan"


# --- names, indices, subjects ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "index", "message"),
    [
        ("0.dense.Q", (0, 0), r"no array '0.dense.Q'; 0.dense has W, b, A, Z"),
        ("dense.Z", (0, 0), r"no array 'dense.Z': .* the trace has X, 0.dense, 1.relu, 2.dense"),
        (3, (0, 0), "name must be that of an array"),
        ("0.dense.Z", (1, 0), r"0.dense.Z has the shape \(1, 2\), so an index is 2 whole numbers"),
        ("0.dense.Z", 0, r"got 0"),
        ("0.dense.Z", None, r"has the shape \(1, 2\)"),
        ("0.dense.Z", (0, 0.5), r"got \(0, 0.5\)"),
        ("X[0, 7]", None, r"X has the shape \(1, 2\).*got \(0, 7\)"),
        ("0.dense.Z[0, 1", None, r'a number is "0.dense.Z\[0, 3\]".*got \'0.dense.Z\[0, 1\''),
    ],
)
def test_names_and_indices_that_there_are_not(name, index, message):
    record = trace(two_two_two(), [[1.0, 2.0]])
    with pytest.raises(UnknownNameError, match=message):
        record.unit(name, index)


def test_steps_that_there_are_not():
    record = trace(two_two_two(), [[1.0, 2.0]])
    with pytest.raises(UnknownNameError, match="no step 9; the trace has 3 steps"):
        record.step(9)
    with pytest.raises(UnknownNameError, match=r"no step forward of 'relu'; there are 0\.dense, 1"):
        record.step("relu")
    with pytest.raises(UnknownNameError, match=r"no step backward of '0\.dense'; there are none"):
        record.step("0.dense", "backward")


def test_indices_count_from_the_end_too():
    record = trace(two_two_two(), [[1.0, 2.0]])
    assert str(record.unit("0.dense.Z", (-1, -1))) == str(record.unit("0.dense.Z[0, 1]"))
    assert record.unit("0.dense.b", 1).index == (1,)
    assert record.unit("0.dense.Z", np.array([0, 1])).index == (0, 1)


def test_what_cannot_be_traced():
    with pytest.raises(SettingError, match="network must be"):
        trace(3, [[1.0]])
    with pytest.raises(SettingError, match="pass the targets y"):
        trace(two_two_two(), [[1.0, 2.0]], None, SGD(0.1))
    with pytest.raises(ValueError, match="must have the shape"):
        trace(two_two_two(), [[1.0, 2.0, 3.0]])


# --- nothing changes ------------------------------------------------------------------------------


def test_nothing_changes_and_threads_may_trace(rng):
    layers = [Dense(6), BatchNorm(), Dropout(0.5), ReLU(), Dense(3)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=4, seed=0)
    X, y, adam = rng.standard_normal((5, 4)), rng.integers(0, 3, 5), Adam()
    network.loss_and_gradients(X, y)
    adam.update(network.parameters, network.gradients, network.segments)
    before = [a.copy() for a in (network.parameters, network.gradients, network.state)]
    state = np.random.get_state()[1].copy()
    moments = {name: array.copy() for name, array in adam.state.items()}
    with ThreadPoolExecutor(8) as threads:
        traces = list(threads.map(lambda _: trace(network, X, y, adam), range(16)))
    for then, now in zip(
        before, (network.parameters, network.gradients, network.state), strict=True
    ):
        np.testing.assert_array_equal(then, now)
    assert adam.steps == 1
    for name, array in moments.items():
        np.testing.assert_array_equal(adam.state[name], array)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert len({record.loss for record in traces}) == 1
    for name in traces[0]:
        np.testing.assert_array_equal(traces[0][name], traces[-1][name])


@pytest.mark.usefixtures("numpy_kernels")
def test_a_trace_is_what_training_computes(rng):
    from plainnet import Cache, step

    layers = [Dense(6), BatchNorm(), Dropout(0.5), ReLU(), Dense(3)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=4, seed=0)
    X, y, adam = rng.standard_normal((5, 4)), rng.integers(0, 3, 5), Adam()
    record = trace(network, X, y, adam, seed=7)
    loss = step(network, X, y, adam, cache=Cache(training=True, seed=7))
    assert record.loss == loss
    for name, tensor in network.tensors.items():
        np.testing.assert_array_equal(record[f"update.{name}.p_next"], tensor)


# --- parts of one's own ---------------------------------------------------------------------------


def test_gradients_that_are_derived():
    layers = [FromFormula("Z * sigmoid(k * Z)", k=[1.0, 2.0]), Dense(2)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=2, seed=0, dtype=np.float64)
    record = trace(network, [[1.0, 2.0]], [[0.5, 0.25]])
    step = record.step("0.fromformula", "backward")
    assert step.shapes == {"dA": (1, 2), "dZ": (1, 2), "dk": (2,)}
    assert "by reverse-mode differentiation" in str(step)
    assert record.unit("0.fromformula.dA[0, 1]").name == "1.dense.dA"
