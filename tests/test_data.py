"""One-hot rows, splits, checks and mini-batches."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from plainnet.data import (
    Batches,
    Streams,
    Windows,
    check_features,
    check_weights,
    one_hot,
    split,
    weigh_classes,
)
from plainnet.errors import DataError, SettingError, ShapeError

same_every_time = settings(deadline=None, derandomize=True)


# --- one_hot --------------------------------------------------------------------------------------


def test_one_hot_has_a_one_at_the_class():
    assert one_hot([2, 0], 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


def test_one_hot_takes_the_largest_class_for_the_last():
    assert one_hot(np.array([1, 0, 2])).shape == (3, 3)
    assert one_hot(np.array([], int)).shape == (0, 0)
    assert one_hot(np.array([], int), 3).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int, bool])
def test_one_hot_has_the_dtype_that_was_asked_for(dtype):
    rows = one_hot(np.array([1, 0], np.uint8), 2, dtype)
    assert rows.dtype == dtype
    assert rows.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.0, 1.0], r"integers; got shape \(2,\), dtype float64"),
        ([[0], [1]], r"1-D array of integers; got shape \(2, 1\)"),
        (["a", "b"], "integers"),
        ([True, False], "dtype bool"),
        (3, r"got shape \(\)"),
        ([0, 3], "between 0 and 2; got 0 to 3"),
        ([-1, 1], "between 0 and 2; got -1 to 1"),
    ],
)
def test_one_hot_refuses_what_is_no_class(y, message):
    with pytest.raises(DataError, match=message):
        one_hot(y, 3)


def test_one_hot_refuses_negative_classes_also_without_a_number_of_classes():
    with pytest.raises(DataError, match="got -2 to 1"):
        one_hot([1, -2])


# --- split ----------------------------------------------------------------------------------------


@same_every_time
@given(st.integers(2, 200), st.floats(0.01, 0.99), st.integers(0, 5))
def test_a_split_has_every_row_once_and_none_is_empty(n, fraction, seed):
    rest, part = split(n, fraction, seed=seed)
    assert sorted([*rest, *part]) == list(range(n))
    assert len(part) >= 1
    assert len(rest) >= 1
    assert abs(len(part) - n * fraction) <= 1
    assert (np.diff(rest) > 0).all()
    assert (np.diff(part) > 0).all()


@same_every_time
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=80), st.floats(0.05, 0.95))
def test_a_stratified_split_gives_each_class_its_share(labels, fraction):
    labels = np.array(labels)
    rest, part = split(len(labels), fraction, seed=0, stratify=labels)
    assert sorted([*rest, *part]) == list(range(len(labels)))
    for label in set(labels):
        count, taken = (labels == label).sum(), (labels[part] == label).sum()
        assert abs(taken - count * fraction) <= 1
        if count > 1:
            assert 0 < taken < count


def test_a_split_is_random_and_repeats_with_its_seed():
    first, again, other = (split(100, 0.3, seed=seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert first != list(range(30))


def test_every_row_is_as_likely_as_any_other(rng):
    counts = np.zeros(10)
    for _ in range(2000):
        counts[split(10, 0.3, seed=rng)[1]] += 1
    np.testing.assert_allclose(counts, 600, atol=100)  # five standard deviations


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2, float("nan")])
def test_a_fraction_lies_between_0_and_1(fraction):
    with pytest.raises(SettingError, match="fraction must be > 0 and < 1"):
        split(10, fraction)


def test_labels_to_stratify_by_are_one_a_row():
    with pytest.raises(ShapeError, match=r"stratify must have the shape \(3,\); got \(2,\)"):
        split(3, 0.5, stratify=["a", "b"])


# --- check_features -------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_that_is_not_finite_is_named_with_row_and_column(bad, dtype):
    X = np.zeros((5, 4), dtype)
    X[3, 1] = X[4, 1] = X[4, 2] = bad
    message = rf"got {bad} in row 3, column 1 \(3 such numbers in 2 of its columns\)"
    with pytest.raises(DataError, match=message):
        check_features(X)
    with pytest.raises(DataError, match="in row 1003, column 1 "):
        check_features(X, first_row=1000)
    with pytest.raises(DataError, match=r"column 1 \(2 such numbers in this column\): fill"):
        check_features(X[:, :2])
    with pytest.raises(DataError, match="column 1: fill"):
        check_features(X[:4])


def test_infinities_that_cancel_are_found():
    with pytest.raises(DataError, match="row 0, column 0"):
        check_features(np.array([[np.inf, -np.inf]]))


def test_a_place_in_an_image_has_all_its_coordinates():
    X = np.zeros((3, 4, 5))
    X[2, 1, 3] = np.nan
    with pytest.raises(DataError, match="row 2, column 1, 3: fill"):
        check_features(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_numbers_pass_even_if_their_sum_does_not(dtype):
    check_features(np.full((4, 3), np.finfo(dtype).max, dtype))
    check_features(np.zeros((1, 2), dtype))


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="X has no rows"):
        check_features(np.zeros((0, 3)))


# --- weights --------------------------------------------------------------------------------------


def test_weights_become_an_array_of_the_dtype():
    weights = check_weights([1, 0, 2.5], 3, np.float32)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, [0.4, 0, 1])  # shares of the largest


@pytest.mark.parametrize("weights", [[1, 2], [[1], [2], [3]], 1, [1, 2, 3, 4]])
def test_weights_are_one_a_row(weights):
    with pytest.raises(ShapeError, match=r"sample_weight must have the shape \(3,\); got"):
        check_weights(weights, 3, np.float32)


@pytest.mark.parametrize("weights", [[1, -1, 1], [0, 0, 0], [1, np.nan, 1], [1, np.inf, 1]])
def test_weights_that_make_no_mean_are_refused(weights):
    with pytest.raises(DataError, match="sample_weight must be finite, >= 0 and not zero"):
        check_weights(weights, 3, np.float32)


Y = np.array([0, 2, 2, 2, 0, 2])


@pytest.mark.parametrize("y", [Y, Y[:, None].astype(np.float32)], ids=["ids", "column"])
@pytest.mark.parametrize(
    "class_weight", ["balanced", {0: 3.0, 2: 0.5}, {2: 4.0}, {np.int64(0): 2.0}]
)
def test_class_weights_are_those_of_scikit_learn(class_weight, y):
    theirs = class_weight
    if isinstance(class_weight, dict):
        theirs = {k: class_weight.get(k, 1.0) for k in (0, 2)}
    expected = compute_sample_weight(theirs, Y)
    weights = weigh_classes(class_weight, y, 3, None, np.float64)
    np.testing.assert_allclose(weights, expected / expected.max(), rtol=1e-15)
    sample_weight = np.arange(1.0, 7)
    weights = weigh_classes(class_weight, y, 3, sample_weight, np.float64)
    products = [e * w for e, w in zip(expected, range(1, 7), strict=True)]
    np.testing.assert_allclose(weights, [product / max(products) for product in products])


@pytest.mark.parametrize(
    ("class_weight", "y", "error", "message"),
    [
        ("auto", Y, SettingError, "dict or \"balanced\"; got 'auto'"),
        ([1, 2, 3], Y, SettingError, 'dict or "balanced"'),
        ({"cat": 2.0}, Y, SettingError, "keyed by class ids, 0 to 2; got 'cat'"),
        ({-1: 2.0}, Y, SettingError, "keyed by class ids, 0 to 2; got -1"),
        ("balanced", np.eye(3), ShapeError, r"one class id per example; got targets \(3, 3\)"),
        ({0: -1.0}, Y, SettingError, r"class_weight\[0\] must be >= 0; got -1"),
        ("balanced", np.array([[0.7], [0.3]]), DataError, "between two classes"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(class_weight, y, error, message):
    with pytest.raises(error, match=message):
        weigh_classes(class_weight, y, 3, None, np.float64)


# --- batches --------------------------------------------------------------------------------------


class OnDisk:
    """Slices like an HDF5 data set: rows only in ascending order."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        assert (np.diff(rows) > 0).all(), "rows out of order"
        return self.array[rows]


def batches_of(m: int, batch_size: int, on_disk: bool = False, seed: int = 0) -> Batches:
    """Rows that say which row they are, in X, y and the weights."""
    X = np.arange(m, dtype=np.float32)[:, None] * [1, 10]
    X = X.astype(np.float32)
    return Batches(
        OnDisk(X) if on_disk else X,
        np.arange(m),
        np.arange(m) / 2,
        batch_size,
        np.random.default_rng(seed),
    )


@pytest.mark.parametrize("on_disk", [False, True], ids=["in memory", "on disk"])
@pytest.mark.parametrize(("m", "batch_size"), [(12, 4), (10, 4), (3, 8), (1, 1), (5, 5), (5, 1)])
def test_an_epoch_has_every_row_once_with_its_target_and_weight(m, batch_size, on_disk):
    batches = batches_of(m, batch_size, on_disk)
    for _ in range(3):
        seen = []
        for X, y, w in batches:
            assert len(X) == len(y) == len(w)
            assert X[:, 0].tolist() == y.tolist()
            assert X[:, 1].tolist() == [10 * row for row in y]
            assert w.tolist() == [row / 2 for row in y]
            seen.append(y.tolist())
        sizes = [len(rows) for rows in seen]
        assert len(sizes) == len(batches)
        assert all(size == min(batch_size, m) for size in sizes[:-1])
        assert sorted(itertools.chain(*seen)) == list(range(m))


@pytest.mark.parametrize(("m", "batch_size", "n"), [(12, 4, 3), (13, 4, 4), (3, 8, 1), (1, 1, 1)])
def test_length_is_the_number_of_batches(m, batch_size, n):
    assert len(batches_of(m, batch_size)) == n


@pytest.mark.parametrize("on_disk", [False, True], ids=["in memory", "on disk"])
def test_the_order_changes_from_epoch_to_epoch_and_repeats_with_the_seed(on_disk):
    def epochs(seed: int) -> list[list[int]]:
        batches = batches_of(40, 8, on_disk, seed)
        return [[row for _, y, _ in batches for row in y] for _ in range(3)]

    first = epochs(0)
    assert first[0] != first[1] != first[2] != first[0]
    assert first[0] != list(range(40))
    assert epochs(0) == first
    assert epochs(1) != first


def test_all_batches_lie_in_the_same_memory():
    batches = batches_of(10, 4)
    places = {tuple(array.ctypes.data for array in batch) for _ in range(2) for batch in batches}
    assert len(places) == 1


def test_the_data_stay_as_they_were():
    batches = batches_of(10, 4)
    kept = batches.X.copy(), batches.y.copy(), batches.sample_weight.copy()
    for X, y, w in batches:
        X[:], y[:], w[:] = -1, -1, -1
    for array, before in zip((batches.X, batches.y, batches.sample_weight), kept, strict=True):
        np.testing.assert_array_equal(array, before)


def test_without_weights_there_are_none():
    batches = Batches(np.zeros((5, 2)), np.zeros(5), None, 2, np.random.default_rng(0))
    assert [w for _, _, w in batches] == [None, None, None]


def test_images_and_several_targets_keep_their_shape():
    X, y = np.arange(24.0).reshape(4, 3, 2), np.arange(8).reshape(4, 2)
    for X_batch, y_batch, _ in Batches(X, y, None, 3, np.random.default_rng(0)):
        for image, targets in zip(X_batch, y_batch, strict=True):
            row = targets[0] // 2
            np.testing.assert_array_equal(image, X[row])
            np.testing.assert_array_equal(targets, y[row])


# --- sequences ------------------------------------------------------------------------------------


def test_windows_are_drawn_from_everywhere_and_targets_come_next():
    windows = Windows(np.arange(30), length=4, batch_size=8, n=50, seed=0)
    assert len(windows) == 50
    drawn = list(windows)
    assert len(drawn) == 50
    starts = {int(row[0]) for X, _ in drawn for row in X}
    assert starts == set(range(26))  # the last window ends at 28, and 29 is its last target
    for X, y in drawn:
        np.testing.assert_array_equal(np.diff(X, axis=1), 1)
        np.testing.assert_array_equal(y, X + 1)
    again = list(Windows(np.arange(30), length=4, batch_size=8, n=50, seed=0))
    np.testing.assert_array_equal(again[7][0], drawn[7][0])
    assert any((a[0] != b[0]).any() for a, b in zip(drawn, windows, strict=True))


def test_streams_go_on_where_they_ended():
    streams = Streams(np.arange(100), length=5, batch_size=3)
    drawn = list(streams)
    assert len(streams) == len(drawn) == 6
    rows = np.concatenate([X for X, _ in drawn], axis=1)
    np.testing.assert_array_equal(rows, np.arange(30) + np.array([[0], [33], [66]]))
    targets = np.concatenate([y for _, y in drawn], axis=1)
    np.testing.assert_array_equal(targets, rows + 1)


def test_a_sequence_that_is_too_short_is_refused():
    with pytest.raises(DataError, match=r"n >= 6; got \(5,\)"):
        Windows(np.arange(5), length=5, batch_size=1, n=1)
    with pytest.raises(DataError, match=r"n >= 11; got \(10,\)"):
        Streams(np.arange(10), length=5, batch_size=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.uint32, np.uint64, np.int64])
def test_class_ids_of_any_integer_dtype_become_rows(dtype):
    np.testing.assert_array_equal(one_hot(np.array([0, 2, 1], dtype)), np.eye(3)[[0, 2, 1]])
    assert one_hot(np.array([], dtype)).shape == (0, 0)
    largest = min(np.iinfo(dtype).max, 300)
    rows = one_hot(np.array([largest, 0], dtype))
    assert rows.shape == (2, largest + 1)
    assert rows[0, largest] == rows[1, 0] == 1
    assert rows.sum() == 2


@pytest.mark.parametrize("ids", [[0, 3], [-1, 0], np.array([1e30, 0], np.float32)])
def test_class_weights_need_classes_that_there_are(ids):
    with pytest.raises(DataError, match="class ids must lie between 0 and 2; got"):
        weigh_classes("balanced", np.array(ids), 3, None, np.float64)
