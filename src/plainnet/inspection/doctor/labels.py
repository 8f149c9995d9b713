"""Whether labels belong to their rows, judged by short trainings on other rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.inspection.doctor.data import guessed, is_class
from plainnet.inspection.doctor.references import network_of_kind
from plainnet.inspection.doctor.setups import Pair, Setup, taken
from plainnet.inspection.doctor.thresholds import AGAINST, ERRORS
from plainnet.inspection.doctor.trials import Trials
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.losses import EachOutput
from plainnet.losses.classification import OneOfK
from plainnet.network import Network

Array = npt.NDArray[Any]

FEWEST, FEWEST_IDS = 30, 200
"""The fewest rows for a mean, and for checking the labels of id sequences."""
FOLDS = 4
"""Number of folds, each predicted by a model trained on the others."""
UNLIKE = 2.0
"""How many times as large validation loss may be as the loss on held-out training rows."""
SURE, KNOWING = 0.65, 0.9
"""The surest third errs more than SURE times as often as all; all err less than guessing."""


def of_mixed_up(trials: Trials, validation: Pair | None) -> Iterator[Verdict]:
    """All label checks that need training; `validation` has rows unlike the training rows."""
    if isinstance(trials.setup.network.loss, EachOutput):
        return
    yield from of_ids(trials.whole, trials.seed)
    if not trials.base.course.failed:
        yield from of_certain_rows(trials)
        if validation is not None:
            yield from of_others(trials, validation)


def of_others(trials: Trials, validation: Pair) -> Iterator[Verdict]:
    """Held-out training rows that are predicted worse than validation rows.

    The model was trained on neither, so the labels of the training rows fit their rows less well.
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
    if errors < -much and others.mean() > UNLIKE * own.mean():
        yield Verdict(
            "shifted_validation", "serious", "validation",
            f"After a short training the loss is {own.mean():.3g} on training rows that were held "
            f"out, and {others.mean():.3g} on validation rows, {-errors:.0f} standard errors above "
            "it.",
            "See that both are prepared alike: the order of the columns, their scale, the numbers "
            "of the classes. Otherwise they come from elsewhere, and tell of that.",
        )  # fmt: skip
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
    """The loss of each row that the short training held out."""
    if trials.setup.validation is None:
        return np.zeros(0)
    return losses_of(trials.base.network, *trials.setup.validation)


def losses_of(network: Network, X: Any, y: Any) -> Array:
    """The loss of each row."""
    loss, Z = network.loss, network.outputs(X)
    with np.errstate(all="ignore"):
        return np.array(loss.forward(Z, loss.targets(y, network.dtype), Cache()), np.float64)


def standard_error(a: Array) -> float:
    """The standard error of the mean."""
    return float(a.std() / np.sqrt(len(a)))


def apart(a: Array, b: Array) -> float:
    """By how many standard errors the mean of the first is above that of the second (Welch)."""
    if min(len(a), len(b)) < FEWEST or not np.isfinite(a).all() or not np.isfinite(b).all():
        return 0.0
    error = np.hypot(standard_error(a), standard_error(b))
    return float((a.mean() - b.mean()) / error) if error else 0.0


def of_certain_rows(trials: Trials) -> Iterator[Verdict]:
    """Labels that contradict confident predictions as often as uncertain ones."""
    setup, network = trials.setup, trials.base.network
    if setup.validation is None or not has_classes(network):
        return
    X, y = setup.validation
    ids, Z = guessed(network, y), network.outputs(X).astype(np.float64)
    if ids is None or not is_class(ids) or Z.ndim != 2 or Z.shape[1] < 2 or len(ids) < 60:
        return
    share, top, guess = errors_of(Z, ids)
    if AGAINST < share < 0.8 * guess and top > 0.85 * share:
        yield _mixed_up("of those of which the network is surest", share, top)


def of_ids(setup: Setup, seed: int) -> Iterator[Verdict]:
    """Labels of id sequences, against the predictions of a linear model trained on other rows.

    As in Northcutt et al. 2021, "Confident Learning", the most confident out-of-sample predictions
    are compared with the labels.
    """
    X, ids = setup.network.inputs(setup.X), guessed(setup.network, setup.y)
    is_asked = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind != "f"
    if not is_asked or ids is None or not is_class(ids) or len(ids) < FEWEST_IDS:
        return
    fold = np.random.default_rng(seed).permutation(len(ids)) % FOLDS
    Z = np.zeros((len(ids), max(setup.network.output_shape[-1], 2)))
    for k in range(FOLDS):
        own, others = (taken(setup.X, rows) for rows in (fold != k, fold == k))
        held = others, taken(setup.y, fold == k)
        split = replace(setup, X=own, y=taken(setup.y, fold != k), validation=held)
        for _, model, _, tested in network_of_kind(split, seed):
            scores = model.outputs(tested[0]) if tested is not None else Z[fold == k]
            Z[fold == k] = scores if scores.shape[1] > 1 else np.hstack([0 * scores, scores])
    share, top, guess = errors_of(Z, ids)
    if AGAINST < top and SURE * share < top and share < KNOWING * guess:
        yield _mixed_up("of those of which a linear model is surest", share, top)


def errors_of(Z: Array, ids: Array) -> tuple[float, float, float]:
    """Error rates of the scores: of all rows, of the most confident third, and of guessing."""
    gaps = np.sort(Z, axis=1)
    sure = gaps[:, -1] - gaps[:, -2]
    wrong = Z.argmax(axis=1) != ids
    top = wrong[sure >= np.quantile(sure, 2 / 3)]
    return float(wrong.mean()), float(top.mean()), float(1 - np.bincount(ids).max() / len(ids))


def _mixed_up(surest: str, share: float, top: float) -> Verdict:
    return Verdict(
        "shuffled_labels", "warning", "y",
        f"On rows that were held out, {share:.0%} of the answers are wrong, and {top:.0%} "
        f"{surest}.",
        "That is so with labels that were mixed up, or with a target of which the data tell "
        "little: look at these rows.",
    )  # fmt: skip


def has_classes(network: Network) -> bool:
    """Whether it has a score for each class."""
    return isinstance(network.loss, OneOfK)
