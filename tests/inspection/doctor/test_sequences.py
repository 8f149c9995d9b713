"""Sequences of ids: their order, references that know it, and rows from elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.inspection.doctor.ending import of_end
from plainnet.inspection.doctor.labels import of_ids
from plainnet.inspection.doctor.references import network_of_kind, plain_networks
from plainnet.inspection.doctor.sequences import ids_and_pairs, surprises, usual
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.validation import of_validation
from plainnet.layers import GRU, Conv2d, Dense, Embedding, Flatten
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import Adam

Array = np.ndarray
IDS = 6


def chains(n: int, seed: int, time: int = 10) -> tuple[Array, Array]:
    """Ids that mostly go one up in class 0, and one down in class 1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    other = rng.integers(0, IDS, (n, time))
    steps = np.where(rng.random((n, time)) < 0.8, 2 * y[:, None] - 1, other)
    return (rng.integers(0, IDS, (n, 1)) + steps.cumsum(axis=1)) % IDS, y


def setup_of(X: Array, y: Array, validation: tuple[Array, Array]) -> Setup:
    layers = [Embedding(IDS, 4), GRU(4), Dense(2)] if X.ndim == 2 else [Conv2d(2, 3), Flatten()]
    network = Network(
        [*layers, Dense(2)],
        loss=SoftmaxCrossEntropy(),
        input_shape=X.shape[1:] if X.ndim == 4 else (None,),
        seed=0,
    )
    return Setup(network, X, y, validation, Adam(), {})


def shifted(setup: Setup) -> bool:
    return "shifted_validation" in {verdict.name for verdict in of_validation(setup)}


@pytest.mark.parametrize("seed", range(3))
def test_sequences_from_elsewhere(seed):
    X, y = chains(300, seed)
    V, w = chains(150, seed + 100)
    assert not shifted(setup_of(X, y, (V, w)))
    rng = np.random.default_rng(seed)  # each id is as frequent as before: only the order differs
    other = np.where(rng.random(V.shape) < 0.3, rng.integers(0, IDS, V.shape), V)
    assert shifted(setup_of(X, y, (other, w)))


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_sequences_without_validation_rows(seed):
    X, y = chains(400, seed)
    assert not list(of_ids(setup_of(X, y, (X, y)), seed))
    rng = np.random.default_rng(seed)
    mixed = np.where(rng.random(400) < 0.5, rng.permutation(y), y)
    (verdict,) = of_ids(setup_of(X, mixed, (X, mixed)), seed)
    assert verdict.name == "shuffled_labels"
    hard = chains(400, seed, time=3)  # too short to tell all, and sure of some
    assert not list(of_ids(setup_of(*hard, hard), seed))


def test_surprises_by_hand():
    known = np.array([[0, 1, 0, 1]])  # 0 is followed by 1 twice, 1 by 0 once, of two ids
    expected = [-np.log(2.5 / 3), -np.log(1.5 / 2)]
    rows = np.array([[0, 1], [1, 0]])
    np.testing.assert_allclose(surprises(known, rows), expected)
    own, others = usual(np.tile(known, (4, 1)), known)
    assert own.shape == (4,)
    np.testing.assert_allclose(own, others[0])


def test_ids_and_pairs():
    counts = ids_and_pairs(np.array([[0, 1, 1]]), 2)
    assert counts.tolist() == [[1, 2, 0, 1, 0, 1]]  # 0, 1; 00, 01, 10, 11
    assert ids_and_pairs(np.array([[70_000, 3]]), 100_000).sum() == 3


def test_a_linear_model_of_pairs_knows_the_order():
    setup = setup_of(*chains(300, 0), chains(150, 1))
    assert not list(plain_networks(setup, 0))
    (reference,) = network_of_kind(setup, 0)
    assert reference.held is not None
    assert reference.network.evaluate(*reference.held)["accuracy"] > 0.95


def test_a_convolution_knows_what_moves(rng):
    X, y = 0.1 * rng.standard_normal((400, 8, 8, 1)).astype(np.float32), rng.integers(0, 2, 400)
    for image, kind in zip(X, y, strict=True):
        i, j = rng.integers(0, 6, 2)
        image[i : i + 1 + 2 * kind, j : j + 3 - 2 * kind] += (
            1  # a bar that lies, or one that stands
        )
    setup = setup_of(X[:300], y[:300], (X[300:], y[300:]))
    (reference,) = network_of_kind(setup, 0)
    assert reference.held is not None
    assert reference.network.evaluate(*reference.held)["accuracy"] > 0.9
    train(setup.network, setup.X, setup.y, optimizer=Adam(0.01), batch_size=32, epochs=5,
          progress=False, seed=0)  # fmt: skip
    verdict = next(each for each in of_end(setup, None, 0) if each.name == "underfitting")
    assert "2 convolutions" in verdict.evidence
    assert "Conv2d(16, 3, padding='same')" in verdict.code


def test_sequences_of_another_length():
    X, y = chains(80, 0)
    shorter = chains(60, 1, time=7)
    assert len(list(network_of_kind(setup_of(X, y, shorter), 0))) == 1  # counts have no length
    network = Network([GRU(3), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=(None, 1), seed=0)
    series, held = X[:, :, None].astype(np.float32), shorter[0][:, :, None].astype(np.float32)
    setup = Setup(network, series, y, (held, shorter[1]), Adam(), {})
    assert not list(plain_networks(setup, 0))
    assert not list(network_of_kind(setup, 0))
    assert len(list(network_of_kind(replace(setup, validation=(series, y)), 0))) == 1
