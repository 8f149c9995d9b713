"""Every name of a loss's formulas can be read from a recording, and is what the formula says."""

from typing import Any

import numpy as np
import pytest

from formulas import FUNCTIONS
from loss_cases import CASES, LossCase
from plainnet import Cache, Network
from plainnet.layers import Dense
from plainnet.losses import EachPosition, SoftmaxCrossEntropy


def close(value: Any, expected: Any) -> None:
    np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_every_name_of_every_formula(case: LossCase, weighted, rng):
    loss = case.loss
    network = Network([Dense(case.outputs)], loss=loss, input_shape=4, seed=0, dtype=np.float64)
    X, cache = rng.standard_normal((len(case.y), 4)), Cache(training=True, record=True)
    weights = rng.random(len(X)) if weighted else None
    for _ in range(2):  # the second time on the memory of the first
        value = network.loss_and_gradients(X, case.y, cache, weights)
    known = FUNCTIONS | vars(network.loss) | {name: cache[f"loss.{name}"] for name in "ZY"}
    for formula in loss.formulas:
        known[formula.result] = eval(formula.plain, known)
        close(cache[f"loss.{formula.result}"], known[formula.result])
    share = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    close(value, share @ cache["loss.losses"])
    close(cache["loss.dZ"], share[:, None] * cache["loss.dL"])
    close(cache["0.dense.dZ"], cache["loss.dZ"])


def test_of_each_position(rng):
    loss = EachPosition(SoftmaxCrossEntropy())
    network = Network([Dense(3)], loss=loss, input_shape=(4, 2), seed=0, dtype=np.float64)
    y = rng.integers(0, 3, (5, 4))
    y[0, 2:] = -1
    cache = Cache(training=True, record=True)
    value = network.loss_and_gradients(rng.standard_normal((5, 4, 2)), y, cache)
    P, counted = cache["loss.each.P"].reshape(5, 4, 3), y >= 0
    close(P, network.loss.activate(cache["0.dense.Z"]))
    close(value, -np.log(P[counted, y[counted]]).mean())
    losses = cache["loss.each.losses"].reshape(5, 4)
    close(losses[counted], -np.log(P[counted, y[counted]]))
