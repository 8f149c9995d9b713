"""How much of what can be learned has been learned, row by row, to compare networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.data import guessed, is_class
from plainnet.inspection.doctor.labels import losses_of, standard_error
from plainnet.inspection.doctor.references import WORST, Reference, floor_of, guessing
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.thresholds import ERRORS
from plainnet.network import Network

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Learned:
    """What a network has learned.

    Attributes
    ----------
    rows : array
        The share of what can be learned, for each row; the mean is the overall share.
    said : str
        The measure in words.
    """

    rows: Array
    said: str

    @property
    def share(self) -> float:
        """The share over all rows: 0 is guessing, 1 is everything."""
        return max(float(self.rows.mean()), 1 - WORST)

    @property
    def error(self) -> float:
        """The standard error of the share."""
        return standard_error(self.rows)

    def is_ahead(self, other: Learned, least: float) -> bool:
        """Whether it is ahead by this much on the same rows, and by more than chance explains."""
        error = standard_error(self.rows - other.rows)
        return self.share - other.share > max(least, ERRORS[0] * error)


class Rated(NamedTuple):
    """A reference, and what it learns on its training rows and on others."""

    what: str
    network: Network
    fit: Learned
    others: Learned


def share_of_most(network: Network, y: Any) -> float | None:
    """The share of the most frequent class; None for numbers."""
    ids = guessed(network, y)
    if ids is None or not is_class(ids):
        return None
    return float(np.unique(ids, return_counts=True)[1].max() / len(ids))


def learned(network: Network, X: Any, y: Any, most: float | None) -> Learned:
    """How much has been learned about these rows.

    For classes, it is relative to the errors made by always predicting the most frequent one, whose
    share of the training rows is `most`; for numbers (None), to the loss of guessing.
    """
    if most is not None:
        right = np.asarray(network.predict(X)).reshape(-1) == guessed(network, y)
        rows = (right - most) / max(1 - most, 1e-12)
        return Learned(rows, f"the accuracy is {right.mean():.3f}")
    floor = floor_of(network.loss, y)
    span = guessing(network.loss, y, network.dtype) - floor
    with np.errstate(all="ignore"):
        left = (losses_of(network, X, y) - floor) / span if span > 0 else np.full(len(y), WORST)
    rows = 1 - np.nan_to_num(left, nan=WORST, posinf=WORST)
    return Learned(rows, f"{min(1 - rows.mean(), WORST):.0%} of the loss of guessing is left")


def rated(reference: Reference, most: float | None) -> Rated:
    """What a reference learns."""
    fit = others = learned(reference.network, *reference.fit, most)
    if reference.held is not None:
        others = learned(reference.network, *reference.held, most)
    return Rated(reference.what, reference.network, fit, others)


def of_setup(setup: Setup, most: float | None) -> tuple[Learned, Learned]:
    """What the network itself has learned, on training rows and on validation rows if any."""
    own = learned(setup.network, setup.X, setup.y, most)
    if setup.validation is None:
        return own, own
    return own, learned(setup.network, *setup.validation, most)
