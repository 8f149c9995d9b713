"""What rows and labels say: each fault by itself, and data without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_moons

from plainnet import Network
from plainnet.inspection.doctor.data import knowledge, of_rows, parts_of
from plainnet.inspection.doctor.neighbors import copies, disagreement, distances, flat, kolmogorov
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.validation import of_validation
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.layers import BatchNorm, Dense, Layer, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import Adam

Array = np.ndarray


def setup_of(X: Any, y: Any, *before: Layer, validation: Any = None, **settings: Any) -> Setup:
    X, y = np.asarray(X, np.float32), np.asarray(y)
    is_class = y.dtype.kind in "iu"
    network = Network(
        [*before, Dense(8), ReLU(), Dense(int(y.max()) + 1 if is_class else 1)],
        loss=SoftmaxCrossEntropy() if is_class else MeanSquaredError(),
        input_shape=X.shape[1:],
        seed=0,
    )
    return Setup(network, X, y, validation, Adam(), settings)


def found(setup: Setup) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in (*of_rows(setup), *of_validation(setup))}


def blobs(rng: np.random.Generator, n: int = 300, classes: int = 3) -> tuple[Array, Array]:
    """Classes around centres, in five columns of mean 0 and deviation 1."""
    y = rng.integers(0, classes, n)
    X = rng.standard_normal((classes, 5))[y] * 2 + rng.standard_normal((n, 5))
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def test_data_without_fault(rng):
    X, y = blobs(rng)
    V = blobs(np.random.default_rng(1))
    assert not found(setup_of(X, y))
    assert not found(setup_of(X, X[:, 0] + X[:, 1]))
    assert "shifted_validation" in found(setup_of(X, y, validation=V))  # with other centres
    assert not found(setup_of(X[:200], y[:200], validation=(X[200:], y[200:])))


@pytest.mark.parametrize(
    ("change", "severity"),
    [
        (lambda X: X * [1, 1, 1, 1, 500], "serious"),
        (lambda X: X + 50, "serious"),
        (lambda X: X + 4, "warning"),
        (lambda X: X * 1e-3, "serious"),
        (lambda X: X * [1, 1, 1, 1, 5], "suspected"),
    ],
)
def test_columns_of_another_size(change, severity, rng):
    X, y = blobs(rng)
    verdict = found(setup_of(change(X), y))["unscaled_inputs"]
    assert verdict.severity == severity
    names: dict[str, Any] = {"X": change(X), "validation": (change(X), y)}
    exec(verdict.code, names)
    np.testing.assert_allclose(names["X"].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(names["X"].std(axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(names["validation"][0], names["X"])
    assert "unscaled_inputs" not in found(setup_of(change(X), y, BatchNorm()))


def test_rare_classes_of_a_column_are_well_scaled(rng):
    _, y = blobs(rng)
    one_hot = (rng.random((300, 4)) < 0.01).astype(float)
    one_hot[:, 0] = rng.random(300) < 0.5
    verdict = found(setup_of(one_hot, y)).get("unscaled_inputs")
    assert verdict is None or verdict.severity == "suspected"


def test_columns_of_one_value(rng):
    X, y = blobs(rng)
    X[:, [1, 3]] = 0
    verdict = found(setup_of(X, y))["constant_columns"]
    assert verdict.severity == "note"
    assert "2 columns of 5 have the same value in all rows, columns 1, 3" in verdict.evidence
    X[:, [1, 3]] = 20
    assert found(setup_of(X, y))["constant_columns"].severity == "warning"


def test_a_column_that_tells_the_target(rng):
    X, y = blobs(rng, n=600)
    X += 2 * rng.standard_normal(X.shape)
    X[:, 2] = y + 0.1 * rng.standard_normal(600)
    assert found(setup_of(X, y))["leaking_feature"].where == "column 2"
    t = X[:, 0] - X[:, 1] + rng.standard_normal(600)
    X[:, 4] = t + 0.2 * rng.standard_normal(600)
    assert found(setup_of(X, t))["leaking_feature"].where == "column 4"
    iris, species = load_iris(return_X_y=True)  # of which each column knows much, honestly
    assert "leaking_feature" not in found(setup_of(iris, species))


def test_knowledge_of_a_column():
    y = np.repeat([0, 1], 50)
    numbers, constant = parts_of(np.arange(100.0)), parts_of(np.zeros(100))
    ids = parts_of(np.tile([7, 9], 50))
    assert (knowledge(numbers, y), knowledge(constant, y), knowledge(ids, y)) == (1, 0, 0)
    t = np.repeat([3.0, 5.0], 50)
    assert (knowledge(numbers, t), knowledge(constant, t), knowledge(ids, t)) == (1, 0, 0)
    assert knowledge(ids, np.tile([2, 0], 50)) == 1
    assert parts_of(np.arange(100)).max() == 0  # too many ids


@pytest.mark.parametrize(("scale", "offset"), [(100, 0), (1, 50), (0.001, 0)])
def test_targets_of_another_size(scale, offset, rng):
    X, _ = blobs(rng)
    y = scale * X[:, 0] + offset
    verdict = found(setup_of(X, y))["unscaled_target"]
    assert verdict.severity == "serious"
    names: dict[str, Any] = {"y": y, "validation": (X, y)}
    exec(verdict.code, names)
    assert abs(names["y"].mean()) < 0.01
    assert abs(names["y"].std() - 1) < 0.01


def test_rare_classes(rng):
    X, y = blobs(rng, n=500)
    kept = (y == 0) | (rng.random(500) < 0.03)
    verdict = found(setup_of(X[kept], y[kept]))["imbalanced_classes"]
    assert 'class_weight="balanced"' in verdict.code.replace("'", '"')
    share = np.mean(y[kept] == 0)
    assert f"{share:.1%}" in verdict.evidence


def test_labels_in_order(rng):
    X, y = blobs(rng)
    order = np.argsort(y)
    assert "sorted_labels" not in found(setup_of(X[order], y[order]))  # train shuffles
    verdict = found(setup_of(X[order], y[order], shuffle=False))["sorted_labels"]
    assert verdict.severity == "serious"
    assert "shuffle=True" in verdict.code
    assert "sorted_labels" not in found(setup_of(X, y, shuffle=False))
    t = np.sort(X[:, 0])
    assert "sorted_labels" in found(setup_of(X, t, shuffle=False))


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_labels_that_were_mixed_up(share, rng):
    X, y = load_digits(return_X_y=True)
    X, y = X[:900] / 16, y[:900].copy()
    assert "shuffled_labels" not in found(setup_of(X, y))
    rows = rng.permutation(900)[: int(share * 900)]
    y[rows] = y[rng.permutation(rows)]
    assert "shuffled_labels" in found(setup_of(X, y))


def test_classes_that_overlap_are_not_mixed_up(rng):
    y = rng.integers(0, 3, 600)
    X = np.eye(3)[y] + rng.standard_normal((600, 3))
    assert "shuffled_labels" not in found(setup_of(X, y))


# --- validation -----------------------------------------------------------------------------------


def test_rows_on_both_sides(rng):
    X, y = blobs(rng)
    V = np.concatenate([X[:20], X[250:] + 0])
    w = np.concatenate([y[:20], y[250:]])
    setup = setup_of(X[:250], y[:250], validation=(V.astype(np.float32), w))
    verdict = found(setup)["shared_rows"]
    assert "20 rows of 70" in verdict.evidence
    names = {"X": setup.X, "validation": setup.validation}
    exec(verdict.code, names)
    assert len(names["validation"][1]) == 50


def test_rows_that_repeat_by_chance_are_not_shared(rng):
    X = rng.integers(0, 3, (400, 3)).astype(float)
    y = rng.integers(0, 2, 400)
    setup = setup_of(X[:300], y[:300], validation=(X[300:], y[300:]))
    assert "shared_rows" not in found(setup)


def test_rows_measured_once_more(rng):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    V = X[:100] + 0.02 * rng.standard_normal((100, 64))
    assert "too_good_validation" in found(setup_of(X[:600], y[:600], validation=(V, y[:100])))
    fair = found(setup_of(X[:600], y[:600], validation=(X[600:800], y[600:800])))
    assert fair.keys() <= {"constant_columns", "unscaled_inputs", "shifted_validation"}


def test_validation_rows_from_elsewhere(rng):
    X, y = make_moons(600, noise=0.1, random_state=0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    setup = setup_of(X[:400], y[:400], validation=(X[400:], y[400:]))
    assert "shifted_validation" not in found(setup)
    for V in (X[400:] + np.array([0.8, 0]), X[400:] + 0.7 * rng.standard_normal((200, 2))):
        setup = setup_of(X[:400], y[:400], validation=(V, y[400:]))
        assert "shifted_validation" in found(setup)


# --- what they are made of ------------------------------------------------------------------------


def test_ids_as_numbers():
    X = np.array([[0, 2], [1, 2]])
    assert flat(X).tolist() == [[1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1]]
    many = np.zeros((2, 3000), int)
    many[1, :5] = 2
    assert flat(many).tolist() == [[3000, 0, 0], [2995, 0, 5]]
    assert flat(np.ones((2, 3, 4))).shape == (2, 12)


def test_distances(rng):
    A, B = rng.standard_normal((4, 3)), rng.standard_normal((5, 3))
    for i, a in enumerate(A):
        for j, b in enumerate(B):
            assert distances(A, B)[i, j] == pytest.approx(np.sqrt(((a - b) ** 2).sum()))


def test_kolmogorov(rng):
    stats = pytest.importorskip("scipy.stats")
    for n, m in ((30, 40), (7, 100)):
        a, b = rng.standard_normal(n), rng.standard_normal(m) + 0.5
        assert kolmogorov(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)
    a = rng.integers(0, 3, 50)
    assert kolmogorov(a, a) == 0


def test_copies_and_neighbours(rng):
    X = rng.standard_normal((200, 4))
    assert copies(X, X[:50] + 1e-4, 0.25)[0] == 1
    assert copies(X, rng.standard_normal((50, 4)), 0.25)[0] < 0.2
    y = (X[:, 0] > 0).astype(int)
    near = disagreement(X, y)
    assert near.agreement > 0.3
    by_chance = disagreement(X, rng.permutation(y))
    assert abs(by_chance.agreement) < 5 * by_chance.error
