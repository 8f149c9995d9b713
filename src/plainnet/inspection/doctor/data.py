"""Checks of the training rows before any training."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import counted
from plainnet.inspection.doctor.code import rebuilt
from plainnet.inspection.doctor.neighbors import disagreement, explained, flat
from plainnet.inspection.doctor.setups import Setup, feature_arrays
from plainnet.inspection.doctor.thresholds import (
    AGAINST,
    DEVIATIONS,
    EVENNESS,
    LARGE_MEAN,
    MANY_TIMES,
    RARE,
    TELLING,
    TELLING_ALL,
    TELLING_ALONE,
    TELLING_GAP,
    UNEVEN,
)
from plainnet.inspection.doctor.verdicts import Severity, Verdict
from plainnet.layers import BatchNorm, LayerNorm
from plainnet.losses import Huber, MeanAbsoluteError, MeanSquaredError, Quantile
from plainnet.network import Network

Array = npt.NDArray[Any]

OF_NUMBERS = MeanSquaredError, MeanAbsoluteError, Huber, Quantile
"""Losses whose outputs are the targets themselves."""
BINS = 10
"""Number of equal parts into which a column is cut, to see how well it predicts the target."""
MOST_IDS = 50
"""A column with more distinct ids is not checked, since each id is too rare."""
MOST_COLUMNS = 2000
"""With more columns, none is checked by itself."""
ALIKE = 0.9
"""Columns with this correlation carry the same information."""
MOSTLY = 0.7
"""If one class has this share of the rows, neighbours add no information."""
FAR_OFF = 3.0
"""A column beyond its bounds by this factor is serious."""


def of_rows(setup: Setup) -> Iterator[Verdict]:
    """All checks of the training rows."""
    network = setup.network
    arrays = feature_arrays(network.inputs(setup.X))
    for name, X in arrays.items():
        yield from of_columns(setup, X, name)
    y = guessed(network, setup.y)
    if y is None:
        return
    yield from of_numbers(setup, y)
    yield from of_classes(setup, y)
    yield from of_order(setup, y)
    X = network.inputs(setup.X)
    if isinstance(X, np.ndarray):
        yield from of_labels(X, y)
        if prod(X.shape[1:]) <= MOST_COLUMNS:
            yield from of_telling(X, y)


def guessed(network: Network, y: Any) -> Array | None:
    """The targets as one class or one number per row; None if there are several."""
    if isinstance(y, dict):
        return None
    targets = network.loss.targets(y, np.float64)
    if not isinstance(targets, np.ndarray) or targets.ndim > 2:
        return None
    if targets.ndim == 2:
        if targets.shape[1] != 1:
            return None
        targets = targets[:, 0]
    return targets.astype(int) if network.loss.is_classifier else targets


def is_class(y: Array) -> bool:
    """Whether the targets are class ids."""
    return bool(np.issubdtype(y.dtype, np.integer))


# --- inputs ---------------------------------------------------------------------------------------


def of_columns(setup: Setup, X: Array, name: str) -> Iterator[Verdict]:
    """Columns that weights of the usual size cannot use, and uninformative columns."""
    where = f"X[{name!r}]" if name else "X"
    columns = X.reshape(-1, X.shape[-1]).astype(np.float64)
    mean, deviation = columns.mean(axis=0), columns.std(axis=0)
    largest = np.abs(columns).max(axis=0)
    varies = deviation > 1e-9 * (1e-30 + largest)
    if not varies.any():
        return
    yield from _constant(setup, where, mean, deviation, varies)
    first = next((layer for layer in setup.network.body.walk() if layer.declared), None)
    if not isinstance(first, BatchNorm | LayerNorm):
        yield from _unscaled(setup, where, mean, deviation, largest, varies)


def _constant(
    setup: Setup, where: str, mean: Array, deviation: Array, varies: Array
) -> Iterator[Verdict]:
    """Columns that act as one more bias, or, if there are many, as a very large one."""
    n, d = int((~varies).sum()), len(varies)
    if not n:
        return
    heavy = np.square(mean[~varies]).sum() > np.square(deviation[varies]).sum()
    yield Verdict(
        "constant_columns", "warning" if heavy else "note", where,
        f"{counted(n, 'column')} of {d} {'has' if n == 1 else 'have'} the same value in all rows, "
        f"{listed(np.flatnonzero(~varies))}."
        + (" Together they weigh more than those that vary." if heavy else ""),
        "They teach nothing; leave them out.",
        _without_constant(setup, int(varies.sum())) if heavy and where == "X" else "",
    )  # fmt: skip


def _unscaled(
    setup: Setup, where: str, mean: Array, deviation: Array, largest: Array, varies: Array
) -> Iterator[Verdict]:
    low, high = DEVIATIONS
    off = np.where(varies, np.maximum(np.abs(mean) / LARGE_MEAN, deviation / high), 0)
    spread = deviation[varies]
    # What is rare, such as a class that is one-hot, has a small deviation and is well scaled.
    is_small = varies & (deviation < low) & (largest < 3 * low)
    severity: Severity
    if off.max() > 1:
        worst, severity = int(off.argmax()), "serious" if off.max() > FAR_OFF else "warning"
    elif is_small.sum() > varies.sum() / 2:
        worst = int(np.where(varies, deviation, np.inf).argmin())
        severity = "serious" if deviation[worst] * FAR_OFF < low else "warning"
    elif spread.max() > UNEVEN * np.median(spread) or np.median(spread) > UNEVEN * spread.min():
        worst, severity = int(np.where(varies, deviation, 0).argmax()), "suspected"
    elif np.abs(mean[varies]).max() > 1 or not 0.5 < np.sqrt(np.square(spread).mean()) < 2:
        worst, severity = int(np.where(varies, np.abs(mean), -1).argmax()), "suspected"
    else:
        return
    yield Verdict(
        "unscaled_inputs", severity, where,
        f"The columns are not of the size that weights start for. Their standard deviations go "
        f"from {spread.min():.3g} to {spread.max():.3g}; column {worst} has the mean "
        f"{mean[worst]:.4g} and the deviation {deviation[worst]:.4g}.",
        "Standardise the columns, by what the training rows have.",
        _standardized(setup, where),
    )  # fmt: skip


def _axes(setup: Setup) -> str:
    ndim = np.ndim(setup.X)
    return "axis=0" if ndim == 2 else f"axis={tuple(range(ndim - 1))}"


def _without_constant(setup: Setup, n: int) -> str:
    if np.ndim(setup.X) != 2:
        return ""
    network = rebuilt(setup.network, lambda i, layer: repr(layer), input_shape=n)
    return network and (
        "varies = X.std(axis=0) > 1e-9 * abs(X).max()\nX = X[:, varies]\n"
        f"validation = validation[0][:, varies], validation[1]\n{network}"
    )


def _standardized(setup: Setup, where: str) -> str:
    if where != "X":
        return ""
    axes = _axes(setup)
    return (
        f"import numpy as np\nmean, deviation = X.mean({axes}), X.std({axes})\n"
        "deviation = np.where(deviation > 1e-6 * abs(X).max(), deviation, 1)\n"
        "X = (X - mean) / deviation\n"
        "validation = (validation[0] - mean) / deviation, validation[1]"
    )


def of_telling(X: Array, y: Array) -> Iterator[Verdict]:
    """A column, pixel or step that predicts the target by itself, far ahead of the next one."""
    columns = X.reshape(len(X), -1)
    if columns.shape[1] < 2 or len(y) < 10 * BINS:
        return
    known = np.array([knowledge(parts_of(column), y) for column in columns.T])
    best = int(known.argmax())
    others = known.copy()
    others[np.abs(_correlation(columns, best)) > ALIKE] = 0  # which say the same, such as pixels
    second = int(others.argmax())
    if not is_telling(known[best], others[second]):
        return
    place, other = (
        ", ".join(map(str, np.unravel_index(each, X.shape[1:]))) for each in (best, second)
    )
    yield Verdict(
        "leaking_feature", "serious" if known[best] > TELLING_ALL else "warning", f"column {place}",
        f"It tells {known[best]:.0%} of what there is to guess of the target by itself; the next, "
        f"column {other}, tells {others[second]:.0%}.",
        "Make sure that it is known before the target is. If it is not, leave it out: here it is "
        "set to zero.",
        f"import numpy as np\nkept = np.ones(X.shape[1:], bool)\nkept[{place}] = False\n"
        "X = X * kept\nvalidation = validation[0] * kept, validation[1]",
    )  # fmt: skip


def is_telling(best: float, second: float) -> bool:
    """Whether a column predicts suspiciously well, compared with the next one."""
    ahead = best - second
    return ahead >= TELLING_ALONE or (best >= TELLING and ahead >= TELLING_GAP)


def _correlation(columns: Array, which: int) -> Array:
    """Of each column with one of them; 0 for what does not vary."""
    centred = columns - columns.mean(axis=0, dtype=np.float64)
    lengths = np.linalg.norm(centred, axis=0)
    lengths[lengths == 0] = np.inf
    return np.asarray((centred.T @ centred[:, which]) / lengths / lengths[which])


def parts_of(column: Array) -> Array:
    """In which part of a column each row lies: a part for each id, or ten of as many numbers."""
    if column.dtype.kind in "iu":
        ids = np.unique(column, return_inverse=True)[1]
        return np.asarray(ids if ids.max() < MOST_IDS else np.zeros(len(ids), int))
    edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, column, side="right")


def knowledge(parts: Array, y: Array) -> float:
    """How much knowing a row's part of a column improves on guessing, as a share.

    For classes, the share of the errors of always predicting the commonest class; for numbers, of
    the variance.
    """
    k = int(parts.max()) + 1
    if is_class(y):
        classes, ids = np.unique(y, return_inverse=True)
        table = np.zeros((k, len(classes)))
        np.add.at(table, (parts, ids), 1)
        errors = len(y) - table.sum(axis=0).max()
        return float(1 - (len(y) - table.max(axis=1).sum()) / errors) if errors else 0.0
    count, sums = np.bincount(parts, minlength=k), np.bincount(parts, y, minlength=k)
    total = np.square(y - y.mean()).sum()
    between = (np.square(sums) / np.maximum(count, 1)).sum() - y.sum() ** 2 / len(y)
    return float(between / total) if total else 0.0


# --- targets --------------------------------------------------------------------------------------


def of_numbers(setup: Setup, y: Array) -> Iterator[Verdict]:
    """Targets whose size differs from that of a new network's outputs."""
    if not isinstance(setup.network.loss, OF_NUMBERS):
        return
    mean, deviation = float(y.mean()), float(y.std())
    low, high = DEVIATIONS
    badness = max(abs(mean) / LARGE_MEAN, deviation / high, low / (deviation or low))
    if badness > 0.5:
        severity: Severity = "suspected"
        if badness > 1:
            severity = "serious" if badness > FAR_OFF else "warning"
        yield Verdict(
            "unscaled_target", severity, "y",
            f"The targets have the mean {mean:.4g} and the standard deviation {deviation:.4g}; the "
            "outputs of a new network have about 0 and 1.",
            "Standardise them, and turn predictions back with the same two numbers.",
            f"mean, deviation = {mean:.6g}, {deviation or 1:.6g}\ny = (y - mean) / deviation\n"
            "validation = validation[0], (validation[1] - mean) / deviation",
        )  # fmt: skip


def of_classes(setup: Setup, y: Array) -> Iterator[Verdict]:
    """Classes of which some are rare."""
    if not is_class(y):
        return
    shares = np.unique(y, return_counts=True)[1] / len(y)
    k = len(shares)
    if k < 2:
        return
    entropy = -float((shares * np.log(shares)).sum())
    is_uneven = (np.exp(entropy) - 1) / (k - 1) < EVENNESS or shares.min() < RARE / k
    if is_uneven or times_the_others(shares) > MANY_TIMES:
        yield Verdict(
            "imbalanced_classes", "warning", "y",
            f"The most frequent of {k} classes has {shares.max():.1%} of the rows, the rarest "
            f"{shares.min():.1%}: always the same answer has an accuracy of {shares.max():.1%}.",
            "Weigh the classes, and look at each class's recall.",
            setup.train_call(class_weight="balanced"),
        )  # fmt: skip


def of_one_target(y: Array) -> Verdict:
    """Of rows that all have the same target."""
    what = f"class {y[0]}" if is_class(y) else f"the number {y[0]:.6g}"
    return Verdict(
        "constant_target", "serious", "y",
        f"The target of all {len(y):,} rows is {what}: there is nothing to learn.",
        "See that it was read from the right column, and that no filter has left one kind of rows.",
    )  # fmt: skip


def times_the_others(counts: Array) -> float:
    """The frequency of the first class relative to the median of the others."""
    ordered = np.sort(counts)
    return float(ordered[-1] / np.median(ordered[:-1])) if len(counts) > 1 else 1.0


def of_order(setup: Setup, y: Array) -> Iterator[Verdict]:
    """Batches with a single class, because rows are sorted by label."""
    if setup.settings.get("shuffle", True) or len(y) < 10:
        return
    if is_class(y):
        same = float(np.mean(y[1:] == y[:-1]))
        shares = np.unique(y, return_counts=True)[1] / len(y)
        chance = float(np.square(shares).sum())
        order = (same - chance) / max(1 - chance, 1e-12)
        said = f"{same:.0%} have the class of the row before, and {chance:.0%} would by chance"
    else:
        order = 1 - float(np.square(np.diff(y)).mean() / (2 * y.var() or 1.0))
        said = f"neighbours have {1 - order:.0%} of the difference that chance would give"
    if order > 0.1:
        yield Verdict(
            "sorted_labels", "serious" if order > 0.5 else "warning", "y",
            f"The rows are not shuffled, and {said}.",
            "Shuffle them, so that each batch is like the whole.",
            setup.train_call(shuffle=True),
        )  # fmt: skip


def of_labels(X: Array, y: Array) -> Iterator[Verdict]:
    """Labels that are hardly related to the rows, compared with permuted labels."""
    if len(y) < 200:
        return
    if not is_class(y):
        known, error = explained(flat(X), y)
        if known < 3 * error:
            yield Verdict(
                "shuffled_labels", "suspected", "y",
                f"The targets of a row and of its nearest neighbours have a correlation of "
                f"{known:.2f}, within what chance gives.",
                "See that rows and targets are in the same order.",
            )  # fmt: skip
        return
    if np.bincount(y - y.min()).max() > MOSTLY * len(y):
        return
    found = disagreement(flat(X), y)
    if found.agreement < 3 * found.error:
        yield Verdict(
            "shuffled_labels", "suspected", "y",
            f"The nearest neighbours of a row know its label as well as chance does: "
            f"{found.right:.0%} are right, and {found.chance:.0%} would be with the labels "
            "permuted.",
            "See that rows and labels are in the same order.",
        )  # fmt: skip
    elif found.against > AGAINST and (found.is_even or found.inside > 0.85 * found.against):
        # Inside a class, all labels are its own, however much classes overlap at their borders.
        yield Verdict(
            "shuffled_labels", "serious" if found.is_even and found.against > 2 * AGAINST
            else "warning", "y",
            f"Of the rows most of whose neighbours agree on a class, {found.against:.0%} have "
            f"another; where nearly all agree, {found.inside:.0%}"
            + (", and it is any of the others." if found.is_even else "."),
            "That is so with labels that were mixed up, or with a target of which the columns "
            "tell little: look at these rows.",
        )  # fmt: skip


def listed(columns: Array) -> str:
    """The positions of the first columns, as a list in words."""
    shown = ", ".join(str(column) for column in columns[:4])
    return f"column{'s' if len(columns) > 1 else ''} {shown}" + (" ..." if len(columns) > 4 else "")
