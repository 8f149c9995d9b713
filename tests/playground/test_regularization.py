"""L1 and L2 of a playground's settings reach the optimizer."""

from __future__ import annotations

import numpy as np
import pytest

from plainnet.playground.choices import OPTIMIZERS
from plainnet.playground.datasets import examples_of
from plainnet.playground.settings import Change, Settings
from plainnet.playground.training import Training


def training(**settings) -> Training:
    chosen = Settings.from_json({"data": "circle", "points": 60, "epochs": 5, **settings})
    return Training(chosen, examples_of(chosen))


def zeros(made: Training) -> int:
    return sum((t == 0).sum() for name, t in made.network.tensors.items() if name.endswith(".W"))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_l1_makes_weights_exactly_zero(optimizer):
    made, plain = (training(optimizer=optimizer, l1=l1) for l1 in (2.0, 0.0))
    for each in (made, plain):
        each.run(lambda: False)
    assert zeros(made) > 10
    assert zeros(plain) == 0
    biases = [t for name, t in made.network.tensors.items() if name.endswith(".b")]
    assert any(np.any(t != 0) for t in biases)


def test_the_doctor_says_when_l1_leaves_a_layer_no_weight():
    verdicts = []
    for l1 in (2.0, 0.02):
        made = training(optimizer="sgd", learning_rate=0.1, l1=l1, epochs=60)
        made.run(lambda: False)
        verdicts.append({each.name: each for each in made.verdicts})
    strong, weak = verdicts
    assert "every weight of 0.dense.W" in strong["strong_regularization"].evidence
    assert strong["strong_regularization"].code == "optimizer.l1 = 0.02"
    assert "strong_regularization" not in weak


def test_l1_may_be_changed_during_training():
    made = training(optimizer="sgd")
    made.run(lambda: made.step >= 3)
    assert zeros(made) == 0
    made.change(Change(made.step, settings={"l1": 5.0, "l2": 0.5}))
    assert (made.optimizer.l1, made.optimizer.weight_decay) == (5.0, 0.5)
    made.run(lambda: False)
    assert zeros(made) > 10
    made.change(Change(made.step, settings={"optimizer": "adam"}))
    assert (made.optimizer.l1, made.optimizer.weight_decay) == (5.0, 0.5)
