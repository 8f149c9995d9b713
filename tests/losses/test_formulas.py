"""Every loss's formulas, as trace, guide and docs show them, are what the code computes."""

import numpy as np
import pytest

from formulas import evaluate
from loss_cases import CASES, LossCase
from plainnet import Cache, one_hot

# Quantile's formulas speak of one target.
SHOWN = [case for case in CASES if case.outputs == 3 or not case.loss.needs_targets]


@pytest.mark.parametrize("case", SHOWN, ids=[case.id for case in SHOWN])
def test_loss(case: LossCase, rng):
    loss, y = case.loss, case.y
    Z = rng.standard_normal((5, case.outputs))
    loss.build((case.outputs,))
    cache = Cache(record=True)
    losses = loss.forward(Z, loss.targets(y, np.float64), cache).copy()
    known = {"Z": Z, "Y": one_hot(y, 3) if y.ndim == 1 else y, **vars(loss)}
    results = evaluate(loss.formulas, known)
    np.testing.assert_allclose(results["losses"], losses, rtol=1e-10)
    np.testing.assert_allclose(results["dL"], loss.backward(cache), rtol=1e-10)
