"""What `Doctor` says while a training runs, of faults that it would take for others."""

import io
from math import log10

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.initializers import Zeros
from plainnet.inspection import Doctor
from plainnet.layers import Dense, ReLU, Sigmoid, Tanh
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam

rng = np.random.default_rng(0)
X = rng.standard_normal((128, 2)).astype(np.float32)
y = (X[:, 0] * X[:, 1] > 0).astype(int)


def watched(layers, optimizer, steps=60):
    network = Network([*layers, Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
    doctor = Doctor(every=5, stream=io.StringIO())
    train(network, X, y, optimizer=optimizer, epochs=steps // 4, batch_size=32, seed=0,
          callbacks=[doctor], progress=False)  # fmt: skip
    return doctor


@pytest.mark.parametrize("optimizer", [Adam(1000.0), SGD(1000.0)], ids=["adam", "sgd"])
def test_a_rate_that_throws_the_weights_far_off_is_too_high_not_too_low(optimizer) -> None:
    doctor = watched([Dense(8), ReLU(), Dense(8), ReLU()], optimizer)

    said = [verdict.name for _, verdict in doctor.said]
    assert "learning_rate_too_low" not in said
    code = doctor.report["learning_rate_too_high"].code
    rate = float(code.removeprefix("optimizer.learning_rate = "))
    assert log10(rate) == pytest.approx(round(log10(rate)))
    assert rate <= 1.0


def test_its_remedy_brings_the_first_update_to_a_usual_size() -> None:
    doctor = watched([Dense(8), ReLU()], Adam(1000.0))
    rate = float(doctor.report["learning_rate_too_high"].code.rpartition("=")[2])

    after = watched([Dense(8), ReLU()], Adam(rate))

    first = after.course.moments[0]
    assert 1e-3 < first.updates["0.dense.W"] / first.weights["0.dense.W"] < 0.1
    assert not after.said


def test_units_that_the_first_step_has_killed_are_the_rates_fault() -> None:
    doctor = watched([Dense(8), ReLU(), Dense(8), ReLU()], SGD(1000.0))

    assert doctor.course.moments[0].dead["3.relu"] >= 0.5
    assert "learning_rate" in doctor.report["dead_units"].code


def test_weights_that_are_all_zero_say_nothing_of_the_rate() -> None:
    layers = [Dense(8, initializer=Zeros()), Tanh()]
    network = Network(
        [*layers, Dense(2, initializer=Zeros())], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0
    )
    doctor = Doctor(every=5, stream=io.StringIO())
    train(network, X, y, optimizer=Adam(0.01), epochs=10, batch_size=32, callbacks=[doctor],
          progress=False)  # fmt: skip

    assert not [verdict for _, verdict in doctor.said if "rate" in verdict.name]


def test_gradients_that_clearly_vanish_are_a_warning_while_it_watches() -> None:
    doctor = watched([each for _ in range(8) for each in (Dense(8), Sigmoid())], Adam(0.001))

    verdict = doctor.report["vanishing_gradients"]
    assert verdict.severity == "warning"
    assert "ReLU" in verdict.code
