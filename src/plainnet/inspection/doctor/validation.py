"""Checks for validation rows that are also training rows, or come from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import counted
from plainnet.inspection.doctor.neighbors import apart_by_chance, copies, flat, kolmogorov, nearest
from plainnet.inspection.doctor.sequences import usual
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.thresholds import NEAR, SHARED_ROWS, SHIFT
from plainnet.inspection.doctor.verdicts import Verdict

Array = npt.NDArray[Any]

FEWEST = 20
"""With fewer rows, nothing is said."""


def of_validation(setup: Setup) -> Iterator[Verdict]:
    """Compare training rows with validation rows."""
    if setup.validation is None:
        return
    network = setup.network
    own, others = network.inputs(setup.X), network.inputs(setup.validation[0])
    if not isinstance(own, np.ndarray) or own.shape[1:] != others.shape[1:]:
        return  # several inputs, or sequences of another length
    X = np.ascontiguousarray(own.reshape(len(own), -1))
    V = np.ascontiguousarray(others.reshape(len(others), -1))
    shared = list(_shared(X, V))
    yield from shared
    if min(len(X), len(V)) >= FEWEST and not shared:
        both = flat(np.concatenate([own, others]))  # ids of either have their places
        numbers = both[: len(X)], both[len(X) :]
        near = list(_near(*numbers)) if X.dtype.kind == "f" else []
        yield from near or _shifted(X, V, numbers)


def _shared(X: Array, V: Array) -> Iterator[Verdict]:
    known = {row.tobytes() for row in X}
    is_known = np.array([row.tobytes() in known for row in V])
    again = 1 - len(known) / len(X)  # what repeats within the training rows
    share = float(is_known.mean())
    if share > 2 * again + SHARED_ROWS:
        yield Verdict(
            "shared_rows", "serious", "validation",
            f"{counted(int(is_known.sum()), 'row')} of {len(V)} validation rows ({share:.0%}) are "
            f"training rows too; within the training rows {again:.1%} repeat another.",
            "Split so that no row is on both sides: what is measured on them flatters.",
            "import numpy as np\nknown = {row.tobytes() for row in np.asarray(X)}\n"
            "new = np.array([row.tobytes() not in known for row in np.asarray(validation[0])])\n"
            "validation = validation[0][new], validation[1][new]",
        )  # fmt: skip


def _near(X: Array, V: Array) -> Iterator[Verdict]:
    share, chance = copies(X, V, NEAR)
    if share > 2 * chance + 2 * SHARED_ROWS:
        yield Verdict(
            "too_good_validation", "serious", "validation",
            f"{share:.0%} of the validation rows lie next to a training row, within {NEAR:g} of "
            f"the usual distance; of the training rows, {chance:.0%} do so.",
            "They look like training rows that were measured once more, such as frames of one "
            "video or visits of one patient: split by where rows come from.",
        )  # fmt: skip


def _shifted(X: Array, V: Array, numbers: tuple[Array, Array]) -> Iterator[Verdict]:
    n, m = len(X), len(V)
    columns = np.flatnonzero(X.std(axis=0) + V.std(axis=0) > 0)
    if not len(columns):
        return
    apart = np.array([kolmogorov(X[:, c], V[:, c]) for c in columns])
    worst = int(columns[apart.argmax()])
    chance = apart_by_chance(n, m, len(columns))
    where, off, said = "", 0.0, ""
    if apart.max() > max(SHIFT, chance):
        a, b = X[:, worst], V[:, worst]
        where, off = f"column {worst}", float(apart.max()) / max(SHIFT, chance)
        said = (
            f"Its distributions in the training and the validation rows are {apart.max():.2f} "
            f"apart (Kolmogorov-Smirnov; chance stays below {chance:.2f}): means {a.mean():.3g} "
            f"and {b.mean():.3g}, deviations {a.std():.3g} and {b.std():.3g}."
        )
    for among, between in nearest(*numbers) if X.dtype.kind == "f" else ():
        chance = apart_by_chance(len(among), len(between))
        farther = kolmogorov(among, between)
        is_far = np.median(between) > np.median(among)
        if is_far and farther / max(SHIFT, chance) > max(off, 1):
            where, off = "validation", farther / max(SHIFT, chance)
            said = (
                f"From a validation row to the nearest training row it is {np.median(between):.2g} "
                f"in the median, and from one training row to the next {np.median(among):.2g}."
            )
    if X.dtype.kind in "iu" and X.shape[1] > 1:  # ids have an order, and no distance
        before, after = usual(X, V)
        chance = apart_by_chance(n, m)
        farther = kolmogorov(before, after) / max(SHIFT, chance)
        if farther > max(off, 1):
            where, off = "validation", farther
            said = (
                f"By what follows what in training rows, an id of a validation row surprises by "
                f"{after.mean():.2f} nats, and one of another training row by {before.mean():.2f}."
            )
    if off > 1:
        yield Verdict(
            "shifted_validation", "serious" if off > 1.5 else "warning", where, said,
            "Draw both from the same rows at random, unless the difference is what is to be "
            "measured.",
        )  # fmt: skip
