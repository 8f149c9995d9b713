"""A diagnosis as a whole: the report, what is left alone and refused, all kinds of networks."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

import plainnet
from plainnet import Network, diagnose, train
from plainnet.errors import DataError, PlainnetError, SettingError, ShapeError
from plainnet.inspection import Doctor, Report, Verdict
from plainnet.layers import (
    GRU,
    Add,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Graph,
    ReLU,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam

FEW = {"steps": 60}


def rows(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def plain(*layers: Any, outputs: int = 2) -> Network:
    return Network(
        [*(layers or (Dense(16), ReLU())), Dense(outputs)],
        loss=SoftmaxCrossEntropy(), input_shape=4, seed=0,
    )  # fmt: skip


def without_parameters() -> Network:
    return Network([ReLU()], loss=MeanSquaredError(), input_shape=4)


# --- the report -----------------------------------------------------------------------------------


def test_nothing_to_find():
    report = diagnose(plain(), *rows(), Adam(0.01), validation=rows(seed=1))
    assert report.headline == "No fault found"
    assert not report
    assert "Looked at: data, start, a training of 300 steps" in str(report)
    assert not report.left_out


def test_what_is_found():
    X, y = rows()
    X[:, 2] *= 1000
    report = diagnose(plain(), X, y, Adam(0.01))
    assert report.names[0] == "unscaled_inputs"
    assert "large_start_loss" in report
    assert report["unscaled_inputs"] is report[0]
    assert report.serious[0] is report[0]
    assert [verdict.name for verdict in report[:1]] == ["unscaled_inputs"]
    assert "validation" not in report[0].code  # there is none
    text = str(report)
    assert text.startswith(report.headline)
    assert "serious fault" in report.headline
    assert "Not looked at: whether others are predicted as well; there are no validation" in text
    with pytest.raises(KeyError, match=r"no verdict 'dead'; the report has unscaled_inputs"):
        report["dead"]
    data = json.loads(json.dumps(report.to_dict()))
    assert data["verdicts"][0]["name"] == "unscaled_inputs"
    html = report._repr_html_()
    assert "plainnet-serious" in html
    assert "X = (X - mean) / deviation" in html


def test_causes_come_before_symptoms():
    report = diagnose(plain(Dense(32), ReLU(), Dense(32), ReLU()), *rows(), SGD(1000.0))
    assert report.names[0] == "learning_rate_too_high"
    assert {verdict.severity for verdict in report.serious} == {"serious"}


def test_html_is_escaped():
    verdict = Verdict("x", "note", "<b>", "a < b & c", "do <i>", "if a < b: pass")
    html = Report([verdict])._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<i>" not in html
    assert "a &lt; b &amp; c" in html
    assert "if a &lt; b" in html


# --- what is left alone ---------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True])
def test_nothing_changes(after):
    network = plain(Dense(16), BatchNorm(), ReLU(), Dropout(0.2))
    X, y = rows()
    optimizer = Adam(0.01)
    validation = rows(100, 1)
    history = None
    if after:
        history = train(network, X, y, optimizer=optimizer, epochs=2, batch_size=20, seed=0,
                        validation_data=validation, progress=False)  # fmt: skip
    kept = [each.copy() for each in (network.parameters, network.gradients, network.state, X, y)]
    steps, state = optimizer.steps, {name: a.copy() for name, a in optimizer.state.items()}
    before = np.random.get_state()[1].copy()
    diagnose(network, X, y, optimizer, history, validation, batch_size=20, **FEW)
    now = (network.parameters, network.gradients, network.state, X, y)
    for a, b in zip(kept, now, strict=True):
        np.testing.assert_array_equal(a, b)
    assert optimizer.steps == steps
    for name, array in state.items():
        np.testing.assert_array_equal(optimizer.state[name], array)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_twice_the_same():
    first, second = (diagnose(plain(), *rows(), SGD(30.0), **FEW) for _ in range(2))
    assert first.verdicts == second.verdicts


# --- kinds of networks ----------------------------------------------------------------------------


def test_lists_and_other_dtypes():
    X, y = rows(60)
    as_lists = diagnose(plain(), X.tolist(), y.tolist(), Adam(), **FEW)
    assert as_lists.verdicts == diagnose(plain(), X, y, Adam(), **FEW).verdicts


def test_a_network_with_several_inputs_and_outputs(rng):
    nodes = {
        "a": (Dense(4), "left"),
        "b": (Dense(4), "right"),
        "sum": (Add(), "a", "b"),
        "one": (Dense(2), "sum"),
        "two": (Dense(1), "sum"),
    }
    network = Network(
        Graph(nodes, inputs=("left", "right"), outputs=("one", "two")),
        loss={"one": SoftmaxCrossEntropy(), "two": MeanSquaredError()},
        input_shape={"left": 3, "right": 2}, seed=0,
    )  # fmt: skip
    X = {"left": rng.standard_normal((80, 3)) * 900, "right": rng.standard_normal((80, 2))}
    y = {"one": rng.integers(0, 2, 80), "two": rng.standard_normal(80)}
    report = diagnose(network, X, y, Adam(), validation=(X, y), **FEW)
    assert report["unscaled_inputs"].where == "X['left']"


def test_sequences_of_ids(rng):
    network = Network(
        [Embedding(5, 8), GRU(8), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=0
    )
    X = rng.integers(0, 5, (120, 6))
    report = diagnose(network, X, (X[:, 0] + X[:, 1]) % 2, Adam(0.01), **FEW)
    assert not report.serious


@pytest.mark.parametrize("length", [6, None])
def test_targets_of_every_position(length, rng):
    layers = [Embedding(5, 8), GRU(8, return_sequences=True), Dense(5)]
    network = Network(layers, loss=SoftmaxCrossEntropy(), input_shape=(length,), seed=0)
    X = rng.integers(0, 5, (60, 6))
    report = diagnose(network, X, np.roll(X, 1, axis=1), Adam(0.01), validation=(X, X), **FEW)
    assert report.names[0] == "shared_rows"


def test_lbfgs_and_no_optimizer():
    report = diagnose(plain(), *rows(60), plainnet.LBFGS(), steps=20)
    assert "learning_rate_too_low" not in report
    assert "the learning rate" in diagnose(plain(), *rows(60), **FEW).left_out


def test_many_rows_are_drawn_from():
    X, y = rows(5000)
    assert not diagnose(plain(), X, y, Adam(0.01), **FEW).serious


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, [[1.0]], [1]), PlainnetError, "network must be a Network"),
        ((plain(), rows()[0][:, :2], rows()[1]), ShapeError, r"\(200, 2\)"),
        ((plain(), rows()[0], rows()[1][:7]), ShapeError, "X has 200 rows and y has 7"),
        ((plain(), rows(3000)[0], rows(2500)[1]), ShapeError, "X has 3,000 rows and y has 2500"),
        ((plain(), rows()[0], None), PlainnetError, "y|targets|class ids"),
        ((plain(), *rows(9)), DataError, "a diagnosis takes 10 rows or more; got 9"),
        ((plain(), *rows(), "adam"), PlainnetError, "optimizer must be"),
        ((without_parameters(), *rows()), SettingError, "has no parameters"),
        ((plain(), *rows(), Adam(), None, (1, 2, 3)), SettingError, "validation must be"),
        ((plain(), *rows(), Adam(), 7), SettingError, "history must be"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        diagnose(*arguments)


def test_settings_that_train_does_not_have():
    for wrong in ({"batchsize": 3}, {"callbacks": []}, {"sample_weight": np.ones(200)}):
        (name,) = wrong
        with pytest.raises(SettingError, match=f"diagnose takes batch_size, epochs.*got {name}"):
            diagnose(plain(), *rows(), Adam(), **wrong)
    with pytest.raises(SettingError, match="steps must be"):
        diagnose(plain(), *rows(), Adam(), steps=0)


# --- the callback ---------------------------------------------------------------------------------


def watched(network: Network, optimizer: Any, **settings: Any) -> tuple[Doctor, str, Any]:
    stream = io.StringIO()
    doctor = Doctor(every=5, stream=stream)
    X, y = rows()
    history = train(network, X, y, optimizer=optimizer, epochs=10, batch_size=20, seed=0,
                    callbacks=[doctor], progress=False, **settings)  # fmt: skip
    return doctor, stream.getvalue(), history


def test_a_doctor_has_nothing_to_say_and_changes_nothing():
    network = plain(Dense(16), BatchNorm(), ReLU(), Dropout(0.3))
    doctor, said, history = watched(network, Adam(0.01))
    assert (said, doctor.said, doctor.report.headline) == ("", [], "No fault found")
    alone = plain(Dense(16), BatchNorm(), ReLU(), Dropout(0.3))
    X, y = rows()
    expected = train(alone, X, y, optimizer=Adam(0.01), epochs=10, batch_size=20, seed=0,
                     progress=False)  # fmt: skip
    np.testing.assert_array_equal(network.parameters, alone.parameters)
    assert history == expected
    assert len(doctor.course.moments) == 20


def test_it_speaks_at_the_third_time_and_once():
    network = plain()
    network["0.dense.b"][...] = -100
    doctor, said, _ = watched(network, SGD(0.01))
    assert said.startswith("step 10: dead units (1.relu): 100% of its units")
    assert said.count("dead units") == 1
    assert "dead_units" in doctor.report


def test_it_falls_silent_when_the_fault_is_gone():
    network = plain()

    class Revived(plainnet.Callback):
        def end_step(self, run):
            if run.step == 20:
                run.network["0.dense.b"][...] = 0

    network["0.dense.b"][...] = -100
    doctor = Doctor(every=2, stream=io.StringIO())
    X, y = rows()
    train(network, X, y, optimizer=Adam(0.01), epochs=10, batch_size=20, seed=0,
          callbacks=[Revived(), doctor], progress=False)  # fmt: skip
    assert "dead_units" in [verdict.name for _, verdict in doctor.said]
    assert "dead_units" not in doctor.report


def test_it_sees_clipping_and_rates():
    _, said, _ = watched(plain(), SGD(0.01), clip_norm=1e-3)
    assert "clipped steps" in said
    _, said, _ = watched(plain(), Adam(1e-7))
    assert "learning rate too low" in said


def test_what_it_saw_counts_in_a_diagnosis():
    network = plain()
    network["0.dense.b"][...] = -100
    doctor, _, _ = watched(network, SGD(0.01))
    report = diagnose(network, *rows(), SGD(0.01), doctor, **FEW)
    assert "dead_units" in report


def test_settings_of_the_doctor():
    with pytest.raises(SettingError, match="every must be"):
        Doctor(every=0)
    with pytest.raises(SettingError, match="stream must be an open text file"):
        Doctor(stream="x")


@pytest.mark.parametrize(
    ("loss", "y", "said"),
    [
        (SoftmaxCrossEntropy(), np.ones(40, int), "all 40 rows is class 1"),
        (MeanSquaredError(), np.full(40, 2.5), "all 40 rows is the number 2.5"),
    ],
    ids=["classes", "numbers"],
)
def test_a_target_that_never_varies(loss, y, said, rng):
    outputs = 3 if loss.is_classifier else 1
    network = Network([Dense(4), ReLU(), Dense(outputs)], loss=loss, input_shape=2, seed=0)
    report = diagnose(network, rng.standard_normal((40, 2)), y)
    assert report.names == ["constant_target"]
    assert said in report[0].evidence


def test_the_textbook_class_says_what_can_be_diagnosed():
    book = plainnet.NeuralNetwork(4, [3], 2)
    with pytest.raises(SettingError, match=r"whose to_network\(\) is one"):
        diagnose(book, np.ones((4, 20)), np.ones((2, 20)))
