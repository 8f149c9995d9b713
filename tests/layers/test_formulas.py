"""Every formula that trace, guide and docs show is what the code computes."""

from typing import Any

import numpy as np
import pytest
from scipy import special

from layer_cases import CASES, LayerCase
from plainnet import Cache, Network
from plainnet.layers import Dense, Dropout, Formulas, Layer
from plainnet.losses import (
    Loss,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)

FUNCTIONS: dict[str, Any] = {
    "Phi": special.ndtr,
    "phi": lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    "sigmoid": special.expit,
    "softplus": lambda z: np.logaddexp(0, z),
    "len": len,
    "abs": np.abs,
} | {
    name: getattr(np, name)
    for name in (
        "exp",
        "expm1",
        "log",
        "log1p",
        "maximum",
        "minimum",
        "pi",
        "sqrt",
        "tanh",
        "where",
    )
}


def evaluate(formulas: Formulas, known: dict[str, Any]) -> dict[str, Any]:
    """All results of the formulas, forward then backward."""
    known = FUNCTIONS | known
    for formula in (*formulas.forward, *formulas.backward):
        known[formula.result] = eval(formula.plain, known)
        assert formula.latex
    return known


def compose(steps: list[Any], A: np.ndarray) -> np.ndarray:
    for step in steps:
        A = step(A)
    return A


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_layer(case: LayerCase, rng):
    layer: Layer = case.make()
    network = Network(
        [layer], loss=AnyShape(), input_shape=case.input_shape, seed=0, dtype=np.float64
    )
    A = rng.standard_normal((5, *case.input_shape))
    dY = rng.standard_normal((5, *layer.output_shape))
    cache = Cache(training=True, record=True)
    Y = layer.forward(A, cache)
    dA = layer.backward(dY, cache)

    if isinstance(layer, Dense):  # its formulas speak of rows: all axes but the last are one
        A, Y, dY, dA = (array.reshape(-1, array.shape[-1]) for array in (A, Y, dY, dA))
    formulas = layer.formulas
    known = {name: getattr(layer, name) for name in layer.declared}
    known |= {name: value for name, value in vars(type(layer)).items() if isinstance(value, float)}
    known |= {name: value for name, value in vars(layer).items() if not name.startswith("_")}
    known |= {formulas.input: A, f"d{formulas.output}": dY}
    if hasattr(layer, "layers"):
        caches = [Cache(training=True, record=True) for _ in layer.layers]
        pairs = list(zip(layer.layers, caches, strict=True))
        known["compose"] = compose
        known["forward"] = [lambda A, n=n, c=c: n.forward(A, c) for n, c in pairs]
        known["backward"] = [lambda d, n=n, c=c: n.backward(d, c) for n, c in reversed(pairs)]
    if isinstance(layer, Dropout):
        known["M"] = cache["M"] if layer.rate else 1

    results = evaluate(formulas, known)
    np.testing.assert_allclose(results[formulas.output], Y, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(results[f"d{formulas.input}"], dA, rtol=1e-10, atol=1e-12)
    for name in layer.declared:
        expected = network.gradient_tensors[f"{layer.name}.{name}"]
        np.testing.assert_allclose(results[f"d{name}"], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (SoftmaxCrossEntropy(), np.array([0, 2, 1, 1, 0])),
        (SoftmaxCrossEntropy(label_smoothing=0.2), np.array([0, 2, 1, 1, 0])),
        (SigmoidCrossEntropy(), np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 0], [0, 1, 0]])),
        (MeanSquaredError(), np.arange(15).reshape(5, 3) / 10),
    ],
    ids=repr,
)
def test_loss(loss: Loss, y: np.ndarray, rng):
    Z = rng.standard_normal((5, 3))
    loss.build((3,))
    cache = Cache(record=True)
    losses = loss.forward(Z, loss.targets(y, np.float64), cache).copy()
    known = {"Z": Z, "Y": np.eye(3)[y] if y.ndim == 1 else y, **vars(loss)}
    results = evaluate(loss.formulas, known)
    np.testing.assert_allclose(results["losses"], losses, rtol=1e-10)
    np.testing.assert_allclose(results["dL"], loss.backward(cache), rtol=1e-10)


class AnyShape(Loss):
    """Lets a network end in any shape; never evaluated."""

    def forward(self, Z, y, cache):
        return Z

    def backward(self, cache):
        return np.empty(0)
