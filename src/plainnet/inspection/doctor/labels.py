"""Whether labels belong to their rows, by what a short training makes of others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.inspection.doctor.data import guessed, is_class
from plainnet.inspection.doctor.setups import Pair
from plainnet.inspection.doctor.thresholds import AGAINST, ERRORS
from plainnet.inspection.doctor.trials import Trials
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.losses import EachOutput
from plainnet.losses.classification import OneOfK
from plainnet.network import Network

Array = npt.NDArray[Any]

FEWEST = 30
"""Rows of which a mean is taken."""


def of_mixed_up(trials: Trials, validation: Pair | None) -> Iterator[Verdict]:
    """All checks of labels that need a training; `validation` has rows unlike those trained on."""
    if not trials.base.course.failed and not isinstance(trials.setup.network.loss, EachOutput):
        yield from of_certain_rows(trials)
        if validation is not None:
            yield from of_others(trials, validation)


def of_others(trials: Trials, validation: Pair) -> Iterator[Verdict]:
    """Training rows that were held out, and are predicted worse than validation rows.

    What was trained on knows neither; so the labels of one kind have less to do with their rows.
    """
    some, certain, much = ERRORS
    own, others = losses_of_held_out(trials), losses_of(trials.base.network, *validation)
    if some < apart(own, others) < much:
        again = trials.with_others_held_out()
        if again.base.course.failed:
            return
        own = np.concatenate([own, losses_of_held_out(again)])
        others = (others + losses_of(again.base.network, *validation)) / 2
    errors = apart(own, others)
    if errors > certain:
        yield Verdict(
            "shuffled_labels", "serious" if errors > much else "warning", "y",
            f"After a short training the loss is {own.mean():.3g} on training rows that were held "
            f"out, and {others.mean():.3g} on validation rows; {errors:.1f} standard errors lie "
            "between the two.",
            "Labels of training rows may belong to other rows: look at those that are predicted "
            "otherwise. Or the validation rows are easier, or known.",
        )  # fmt: skip


def losses_of_held_out(trials: Trials) -> Array:
    """The loss of each row that the short training did not see."""
    if trials.setup.validation is None:
        return np.zeros(0)
    return losses_of(trials.base.network, *trials.setup.validation)


def losses_of(network: Network, X: Any, y: Any) -> Array:
    """The loss of each row."""
    loss, Z = network.loss, network.outputs(X)
    with np.errstate(all="ignore"):
        return np.array(loss.forward(Z, loss.targets(y, network.dtype), Cache()), np.float64)


def standard_error(a: Array) -> float:
    """Of the mean."""
    return float(a.std() / np.sqrt(len(a)))


def apart(a: Array, b: Array) -> float:
    """By how many standard errors the mean of the first is above that of the second (Welch)."""
    if min(len(a), len(b)) < FEWEST or not np.isfinite(a).all() or not np.isfinite(b).all():
        return 0.0
    error = np.hypot(standard_error(a), standard_error(b))
    return float((a.mean() - b.mean()) / error) if error else 0.0


def of_certain_rows(trials: Trials) -> Iterator[Verdict]:
    """Labels that are wrong as often where the network is sure as where it is not."""
    setup, network = trials.setup, trials.base.network
    if setup.validation is None or not has_classes(network):
        return
    X, y = setup.validation
    ids, Z = guessed(network, y), network.outputs(X).astype(np.float64)
    if ids is None or not is_class(ids) or Z.ndim != 2 or Z.shape[1] < 2 or len(ids) < 60:
        return
    gaps = np.sort(Z, axis=1)
    sure = gaps[:, -1] - gaps[:, -2]
    wrong = Z.argmax(axis=1) != ids
    guess = 1 - np.bincount(ids).max() / len(ids)
    top = wrong[sure >= np.quantile(sure, 2 / 3)].mean()
    share = float(wrong.mean())
    if AGAINST < share < 0.8 * guess and top > 0.85 * share:
        yield Verdict(
            "shuffled_labels", "warning", "y",
            f"On rows that were held out, {share:.0%} of the answers are wrong, and {top:.0%} of "
            "those of which the network is surest.",
            "That is so with labels that were mixed up, or with a target of which the data tell "
            "little: look at these rows.",
        )  # fmt: skip


def has_classes(network: Network) -> bool:
    """Whether it has a score for each class."""
    return isinstance(network.loss, OneOfK)
