"""Which rows each network learns, and which it holds out."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is the extra `sklearn`")

from plainnet.estimators.held_out import LEAST_ROWS, best_epoch, drawn, folds, held_out_share
from plainnet.training.history import History


def test_every_row_is_held_out_by_one_of_the_networks_and_learned_by_the_others():
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "rare"], 203, p=[0.5, 0.47, 0.03])
    drawn = list(folds(203, 0.2, 5, rng, labels))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([out for _, out in drawn])), np.arange(203)
    )
    for learned, out in drawn:
        np.testing.assert_array_equal(np.sort([*learned, *out]), np.arange(203))
        assert abs(len(out) - 203 / 5) <= 3
        assert "rare" in labels[learned]


@pytest.mark.parametrize(("fraction", "count"), [(0.5, 3), (0.3, 7), (0.04, 2), (0.9, 2), (0.2, 6)])
def test_folds_of_any_size_have_rows_on_both_sides(fraction, count):
    drawn = list(folds(25, fraction, count, np.random.default_rng(0), np.arange(25) % 9))
    assert len(drawn) == count
    for learned, out in drawn:
        assert len(learned) > 0
        assert 0 < len(out)
        assert not set(learned) & set(out)


def test_classes_of_few_rows_do_not_empty_a_fold():
    labels = np.repeat(np.arange(10), 2)
    for learned, out in folds(20, 0.2, 5, np.random.default_rng(0), labels):
        assert len(learned) > 0
        assert len(out) > 0


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.2, 0.5, 0.9])
def test_folds_of_any_classes(seed, fraction):
    draw = np.random.default_rng(seed)
    n = int(draw.integers(12, 80))
    labels = draw.integers(draw.integers(1, n), size=n)
    alone = np.isin(labels, np.flatnonzero(np.bincount(labels) == 1))
    if np.count_nonzero(~alone) < 10:
        return
    for learns, holds in folds(n, fraction, 5, draw, labels):
        np.testing.assert_array_equal(np.sort(np.r_[learns, holds]), np.arange(n))
        assert set(labels[learns]) == set(labels)
        assert 1 <= len(holds) <= 1.5 * fraction * n + 1
        assert not alone[holds].any()


def test_nothing_is_held_out_of_few_rows():
    """Nor of many, if most of them are the only ones of their class."""
    rng, few = np.random.default_rng(0), LEAST_ROWS - 1
    assert drawn(few, 0.2, 5, rng, None) == drawn(30, 0.0, 5, rng, None) == []
    assert drawn(30, 0.2, 5, rng, np.arange(30)) == []
    assert drawn(30, 0.2, 5, rng, np.r_[np.zeros(few), np.arange(1, 31 - few)]) == []
    assert len(drawn(few + 1, 0.2, 5, rng, np.zeros(few + 1))) == 5


def test_large_data_need_smaller_shares():
    assert [held_out_share(n) for n in (10, 15_000, 30_000)] == [0.2, 0.2, 0.1]
    assert [held_out_share(n, 0.1) for n in (10, 30_000, 60_000)] == [0.1, 0.1, 0.05]


def test_the_epoch_with_the_least_measure_is_the_best():
    history = History({"loss": [4, 3, 2, 1], "val_loss": [2, np.nan, 1, 3]})
    assert best_epoch(history, "val_loss") == 2
    assert best_epoch(history, "val_refined_loss") == 3  # nothing was held out
    assert best_epoch(History(), "val_loss") == -1  # Ctrl-C
