"""Data on its way into a network: checks, one-hot rows, splits, mini-batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, as_dtype, as_generator, as_labels, as_numbers
from plainnet.arguments.parts import Parts, arrays_of, like
from plainnet.arguments.sparse import SparseRows
from plainnet.engine.memory import zeros
from plainnet.errors import (
    DataError,
    SettingError,
    ShapeError,
    require_integer,
    require_number,
    shown,
)

Array = npt.NDArray[Any]
WRONG_WEIGHTS = "sample_weight must be finite, >= 0 and not zero everywhere"
MANY = 2**17
"""Numbers in an array above which a check takes no memory in proportion to it."""


def one_hot(y: npt.ArrayLike, n_classes: int | None = None, dtype: npt.DTypeLike = float) -> Array:
    """Class ids, shape (m,), as rows of zeros with a one at the class, shape (m, n_classes).

    The textbook class takes a column per example: `one_hot(y, K).T`.

    >>> one_hot([0, 2, 1], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    y = as_array("y", y)
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        raise DataError(
            f"class ids must be a 1-D array of integers; got shape {y.shape}, dtype {y.dtype}"
        )
    K = int(y.max()) + 1 if y.size else 0
    if n_classes is not None:
        K = require_integer("n_classes", n_classes, at_least=0)
    if y.size and not (0 <= y.min() and y.max() < K):
        raise DataError(f"class ids must lie between 0 and {K - 1}; got {y.min()} to {y.max()}")
    dtype = as_dtype("dtype", dtype, "biuf", "a dtype of real numbers")
    rows = zeros("rows of n_classes numbers", (len(y), K), dtype)
    rows[np.arange(len(y)), y] = 1
    return rows


def split(
    n: int,
    fraction: float,
    *,
    seed: int | np.random.Generator | None = None,
    stratify: npt.ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Indices of a random split of n rows: the rest, and `fraction` of them, each sorted.

    With `stratify`, labels of shape (n,), each class contributes the same share of its rows. A
    class with two or more rows appears on both sides, so that many small classes make the second
    side larger than asked for, up to half of the rows; a class with one row goes into the rest.
    """
    n = require_integer("n, the number of rows,", n, at_least=0)
    fraction = require_number("fraction", fraction, above=0, below=1)
    rng = as_generator(seed)
    if stratify is None:
        groups = [np.arange(n)]
    else:
        labels = as_labels("stratify", stratify)
        if labels.shape != (n,):
            raise ShapeError(f"stratify must have the shape ({n},); got {labels.shape}")
        _, ids = np.unique(labels, return_inverse=True)
        groups = [np.flatnonzero(ids == k) for k in range(ids.max(initial=-1) + 1)]
    taken = []
    for group in groups:
        count = min(max(round(len(group) * fraction), 1), len(group) - 1)
        taken.append(rng.permutation(group)[:count])
    second = np.sort(np.concatenate(taken)) if taken else np.arange(0)
    return np.setdiff1d(np.arange(n), second), second


# --- checks ---------------------------------------------------------------------------------------


def check_features(X: Any, first_row: int = 0, name: str = "X") -> None:
    """Refuse an X that is empty or holds NaN or infinity, naming the column.

    If X is a slice of the data, `first_row` is the index of its first row there.
    """
    if isinstance(X, Parts):
        for part, array in X.arrays.items():
            check_features(array, first_row, f"X[{part!r}]")
        return
    if isinstance(X, SparseRows):  # the estimators have checked all of it
        return
    if len(X) == 0:
        raise DataError(f"{name} has no rows")
    if X.size > MANY:  # a finite sum means finite numbers, and needs no memory; it may overflow
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(X.sum()):
                return
    finite = np.isfinite(X)
    if np.count_nonzero(finite) == X.size:
        return
    bad = ~finite
    row, *column = np.argwhere(bad)[0]
    n, columns = int(bad.sum()), int(bad.reshape(len(X), -1).any(axis=0).sum())
    where = "this column" if columns == 1 else f"{columns:,} of its columns"
    more = f" ({n:,} such numbers in {where})" if n > 1 else ""
    raise DataError(
        f"{name} must be finite; got {X[(row, *column)]} in row {first_row + row}, column "
        f"{', '.join(map(str, column))}{more}: fill in missing values or drop the rows first"
    )


def check_weights(
    sample_weight: npt.ArrayLike, m: int, dtype: npt.DTypeLike, positions: tuple[int, ...] = ()
) -> Array:
    """Sample weights as an array of this dtype: finite, >= 0, not all zero.

    They are divided by the largest, which changes no weighted mean and keeps their sum in range.
    The shape is (m,), or (m, *positions) where each position of an example may have its own.
    """
    weights = real_weights(sample_weight, m, positions)
    if not weights.any():
        raise DataError(f"{WRONG_WEIGHTS}; all {weights.size} are 0")
    weights /= weights.max()
    return weights.astype(dtype)


def real_weights(sample_weight: npt.ArrayLike, m: int, positions: tuple[int, ...] = ()) -> Array:
    """Sample weights of one batch of many, unscaled, in float64; all of them may be zero."""
    weights = as_numbers("sample_weight", sample_weight)
    if weights.shape not in ((m,), (m, *positions)):
        shapes = f"({m},)" + (f" or {(m, *positions)}" if positions else "")
        raise ShapeError(f"sample_weight must have the shape {shapes}; got {weights.shape}")
    with np.errstate(over="ignore"):
        weights = weights.astype(np.float64)
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        raise DataError(
            f"{WRONG_WEIGHTS}; got {weights[wrong][0]} in row {np.argwhere(wrong)[0, 0]}"
        )
    return weights


def weigh_classes(
    class_weight: dict[int, float] | str,
    y: Array,
    n_classes: int,
    sample_weight: Array | None,
    dtype: npt.DTypeLike,
) -> Array:
    """Each example's class weight, times its sample weight if it has one.

    "balanced" gives class k the weight m / (K m_k), where K is the number of classes that occur, so
    that these count equally.
    """
    ids = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if ids.ndim != 1:
        raise ShapeError(f"class_weight needs one class id per example; got targets {y.shape}")
    if ids.dtype.kind == "f" and (ids != np.rint(ids)).any():
        raise DataError("class_weight needs class ids; got targets between two classes")
    if ids.size and not (0 <= ids.min() and ids.max() < n_classes):
        raise DataError(
            f"class ids must lie between 0 and {n_classes - 1}; got {ids.min()} to {ids.max()}"
        )
    ids = ids.astype(np.intp)
    counts = np.bincount(ids, minlength=n_classes)
    if isinstance(class_weight, str) and class_weight == "balanced":
        present = counts > 0
        table = np.where(present, len(ids) / (present.sum() * np.maximum(counts, 1)), 0)
    elif isinstance(class_weight, dict):
        table = np.ones(n_classes)
        for label, weight in class_weight.items():
            if not (isinstance(label, int | np.integer) and 0 <= label < n_classes):
                raise SettingError(
                    f"class_weight is keyed by class ids, 0 to {n_classes - 1}; got {label!r}"
                )
            require_number(f"class_weight[{label}]", weight, at_least=0)
            table[label] = weight
    else:
        raise SettingError(f'class_weight must be a dict or "balanced"; got {shown(class_weight)}')
    weights = table[ids] if sample_weight is None else table[ids] * sample_weight
    if not weights.any():
        raise DataError(f"class_weight gives every example the weight 0; got {shown(class_weight)}")
    return check_weights(weights, len(ids), dtype)


# --- mini-batches ---------------------------------------------------------------------------------


class Batches:
    """Mini-batches of arrays, reshuffled for each epoch, in the same memory at every step.

    One pass over it is one epoch. Its order depends on the state of `rng`, not on the epoch before,
    so that a new `Batches` with this `rng` continues as this one would. `X` is anything that slices
    like an array; if it is not a NumPy array, rows are fetched in ascending order, as HDF5 and Zarr
    require. `dtype` is the dtype of X's batches, for an X whose own dtype NumPy does not know. X
    and y may be several arrays, as `Network.examples` and a loss of several outputs return them.
    """

    def __init__(
        self,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        batch_size: int,
        rng: np.random.Generator,
        dtype: npt.DTypeLike | None = None,
        *,
        shuffle: bool = True,
    ) -> None:
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.batch_size = min(batch_size, len(X))
        self.rng, self.shuffle = rng, shuffle
        self._order = np.arange(len(X))
        self._sparse = X if type(X) is SparseRows else None
        if self._sparse is not None:  # its batches are new matrices; an array of no columns
            X = np.empty((len(X), 0), X.dtype)  # stands in for it among those that are filled
        weights = () if sample_weight is None else (sample_weight,)
        sources = [*arrays_of(X), *arrays_of(y), *weights]
        self.in_memory = all(
            type(source) is np.ndarray or isinstance(source, SparseRows) for source in sources
        )
        # take() copies the whole of an array that is not contiguous, at every call.
        self.sources = [
            np.ascontiguousarray(source) if type(source) is np.ndarray else source
            for source in sources
        ]
        dtypes = [source.dtype for source in sources]
        if dtype is not None:
            dtypes[: len(arrays_of(X))] = arrays_of(dtype)
        self._buffers = [
            np.empty((self.batch_size, *source.shape[1:]), kind)
            for source, kind in zip(sources, dtypes, strict=True)
        ]

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.X) // self.batch_size)

    def shuffled(self) -> Array:
        """The rows in the order of a new epoch; the next one's is written over it."""
        order = self._order
        if self.shuffle:
            # Each epoch shuffles 0, 1, 2 ..., which a running sum of ones makes in place.
            order.fill(1)
            order[:1] = 0
            order.cumsum(out=order)
            self.rng.shuffle(order)
        return order

    def __iter__(self) -> Iterator[tuple[Any, Any, Array | None]]:
        order = self.shuffled()
        buffers, batch = self._buffers, self._batch(self._buffers)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            if len(rows) < len(buffers[0]):
                buffers = [buffer[: len(rows)] for buffer in buffers]
                batch = self._batch(buffers)
            if not self.in_memory:
                rows = np.sort(rows)  # the order of the epoch stays shuffled
            for source, buffer in zip(self.sources, buffers, strict=True):
                if type(source) is np.ndarray:
                    # mode="clip" spares NumPy a second buffer; the rows are in range.
                    source.take(rows, axis=0, out=buffer, mode="clip")
                else:
                    buffer[:] = source[rows]
            if self._sparse is None:
                yield batch
            else:  # in their order, rows are a slice, which SciPy does not copy
                some = rows if self.shuffle else slice(start, start + self.batch_size)
                yield self._sparse[some], *batch[1:]

    def _batch(self, buffers: list[Array]) -> tuple[Any, Any, Array | None]:
        """X, targets and weights, which may be Parts, from all arrays of a batch."""
        n, k = len(arrays_of(self.X)), len(arrays_of(self.y))
        X, y = like(self.X, tuple(buffers[:n])), like(self.y, tuple(buffers[n : n + k]))
        return X, y, None if self.sample_weight is None else buffers[-1]


# --- sequences ------------------------------------------------------------------------------------


class Windows:
    """Batches of windows of a long sequence, at random places: each epoch draws new ones.

    Parameters
    ----------
    sequence : array of shape (n,) or (n, features)
        Ids of tokens, for example.
    length : int
        Steps in a window. The target of a step is the sequence's next element.
    batch_size : int
        Windows in a batch.
    n : int
        Batches in an epoch.
    seed : int, numpy.random.Generator or None

    Examples
    --------
    >>> X, y = next(iter(Windows(np.arange(100), length=5, batch_size=2, n=1, seed=0)))
    >>> X.shape, bool((y == X + 1).all())
    ((2, 5), True)
    """

    def __init__(
        self,
        sequence: npt.ArrayLike,
        *,
        length: int,
        batch_size: int,
        n: int,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.length = require_integer("length", length, at_least=1)
        self.batch_size = require_integer("batch_size", batch_size, at_least=1)
        self.sequence = _long_enough(sequence, 1, self.length)
        # Refused here, not in the middle of an epoch; nothing is written, so it costs nothing.
        zeros(f"batch_size={batch_size} windows", (self.batch_size, self.length), np.intp)
        self.n = require_integer("n", n, at_least=1)
        self.rng = as_generator(seed)

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        steps = np.arange(self.length)
        for _ in range(self.n):
            starts = self.rng.integers(0, len(self.sequence) - self.length, self.batch_size)
            places = starts[:, None] + steps
            yield self.sequence[places], self.sequence[places + 1]

    def resume_state(self) -> dict[str, Any]:
        """The state of its random generator, for `resume`; `Checkpoint` saves it."""
        return dict(self.rng.bit_generator.state)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue with the windows that would have followed `resume_state`."""
        self.rng.bit_generator.state = state


class Streams:
    """Batches that read a long sequence from beginning to end, at several places at once.

    Row i of a batch continues where row i of the one before ended, so that `train(..., carry=True)`
    can pass on the state: truncated backpropagation through time.

    Parameters
    ----------
    sequence : array of shape (n,) or (n, features)
    length : int
        Steps in a batch. The target of a step is the sequence's next element.
    batch_size : int
        The number of equal parts into which the sequence is cut; a remainder is not used.
    """

    def __init__(self, sequence: npt.ArrayLike, *, length: int, batch_size: int) -> None:
        self.length = require_integer("length", length, at_least=1)
        self.batch_size = require_integer("batch_size", batch_size, at_least=1)
        self.sequence = _long_enough(sequence, self.batch_size, self.length)

    def __len__(self) -> int:
        return (len(self.sequence) - 1) // self.batch_size // self.length

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        part = (len(self.sequence) - 1) // self.batch_size
        starts = np.arange(self.batch_size)[:, None] * part
        for step in range(0, len(self) * self.length, self.length):
            places = starts + np.arange(step, step + self.length)
            yield self.sequence[places], self.sequence[places + 1]


def _long_enough(sequence: npt.ArrayLike, parts: int, length: int) -> Array:
    sequence, needed = as_numbers("sequence", sequence), parts * length + 1
    if sequence.ndim not in (1, 2) or len(sequence) < needed:
        raise DataError(
            f"the sequence, for length={length} and batch_size={parts}, must have the shape (n,) "
            f"or (n, features), with n >= {needed}; got {sequence.shape}"
        )
    return sequence
