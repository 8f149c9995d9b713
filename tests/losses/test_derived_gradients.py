"""dL of every loss is the derivative of its forward formulas, by reverse mode."""

import numpy as np
import pytest

from loss_cases import CASES, LossCase
from plainnet import Cache, Network
from plainnet.engine.differentiation import Tape
from plainnet.layers import Identity


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_of_every_loss(case: LossCase, rng):
    network = Network(
        [Identity()], loss=case.loss, input_shape=case.outputs, seed=0, dtype=np.float64
    )
    Z, weights = rng.standard_normal((5, case.outputs)), rng.random(5)
    cache = Cache(training=True, record=True)
    loss = network.loss_and_gradients(Z, case.y, cache, weights)
    known = vars(network.loss) | {"Z": Z, "Y": cache["loss.Y"]}  # the targets as numbers
    share = weights / weights.sum()
    tape = Tape(network.loss.formulas.forward, ["Z"])
    forward = tape.forward(known)
    np.testing.assert_allclose(share @ forward.named["losses"], loss, rtol=1e-12)
    found, expected = tape.backward(forward, "losses", share)["Z"], cache["loss.dZ"]
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
