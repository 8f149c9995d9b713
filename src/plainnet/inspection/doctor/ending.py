"""What a trained network shows: on its training rows, on others, and in its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.calibration import of_probabilities
from plainnet.inspection.doctor.code import as_new, enlarged, linear_of
from plainnet.inspection.doctor.data import guessed, is_class, times_the_others
from plainnet.inspection.doctor.learned import Rated, of_setup, rated, share_of_most
from plainnet.inspection.doctor.references import (
    LINEAR,
    floor_of,
    guessing,
    loss_of,
    network_of_kind,
    plain_networks,
)
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.thresholds import (
    BEHIND,
    ERRORS,
    FALLS,
    FAR_RISEN,
    GAP,
    JUMPS,
    MANY_TIMES,
    RISEN,
    WIDE_GAP,
)
from plainnet.inspection.doctor.verdicts import Severity, Verdict
from plainnet.layers import Dense
from plainnet.losses import EachOutput

Array = npt.NDArray[Any]

NOTABLY = 2.0
"""From this ratio of frequencies on, a common class may be recalled more often than others."""
MOSTLY = 0.95
"""If this share has been learned, it does not matter that more could be learned."""
NARROW = 16
"""A network with no layer wider than this is widened before it is trained for longer."""


def of_end(setup: Setup, history: Mapping[str, list[float]] | None, seed: int) -> Iterator[Verdict]:
    """All checks of a trained network."""
    if isinstance(setup.network.loss, EachOutput):
        return
    history = {} if history is None else history
    fit = list(of_fit(setup, history, seed))
    yield from fit
    yield from of_jumps(setup, history)
    if setup.validation is not None:
        yield from of_recall(setup)
        off = list(of_probabilities(setup))
        # What has learned too little is not sure of it either.
        is_early = any(verdict.name == "underfitting" for verdict in fit)
        yield from (each.as_severe_as("warning") if is_early else each for each in off)


# --- what is learned ------------------------------------------------------------------------------


def of_fit(setup: Setup, history: Mapping[str, list[float]], seed: int) -> Iterator[Verdict]:
    """Training rows that are memorized, or learned less well than by a plain reference."""
    most = share_of_most(setup.network, setup.y)
    own, other = of_setup(setup, most)
    said, said_val = own.said, "" if setup.validation is None else other.said
    known = (rated(each, most) for each in plain_networks(setup, seed) if other.share < 1 - BEHIND)
    best = max(known, key=lambda each: each.others.share, default=None)
    behind = best is not None and best.others.is_ahead(other, BEHIND)
    far = best if behind else None
    if other.share < 1 - GAP and (best is None or best.others.share < 1 - GAP):
        for each in network_of_kind(setup, seed):
            theirs = rated(each, most)
            if theirs.others.is_ahead(far.others if far else other, GAP):
                far = theirs
    too_little = far is not None and far.fit.is_ahead(own, WIDE_GAP)
    gap = own.share - other.share
    falls = far is not None and _falls(losses_in(setup, history, "val_loss"))
    if gap > max(GAP, ERRORS[0] * other.error) and not too_little and not falls:
        rises = list(of_rise(setup, history))
        severity: Severity = "serious" if gap > 2 * WIDE_GAP or rises or behind else "warning"
        more = ""
        if behind and best is not None:
            name, share = best.what[0].upper() + best.what[1:], best.others.share
            more = f" {name} on standardised columns learns {share:.0%} of what there is there."
        yield Verdict(
            "overfitting", severity, "",
            f"On the training rows {said}, on the validation rows {said_val}.{more}",
            "Take more rows, a smaller network, weight decay or dropout, or stop earlier.",
            _early_stopping(setup, linear=behind and best is not None and best.what == LINEAR),
        )  # fmt: skip
        return
    if far is not None and far.fit.is_ahead(own, BEHIND):
        half = far.others.share / 2
        much = far.others.is_ahead(other, 2 * BEHIND) if far is best else other.share < half
        yield Verdict(
            "underfitting", "serious" if much else "warning", "",
            f"On the training rows {said}"
            + (f", on the validation rows {said_val}" if said_val else "")
            + f". That is {own.share:.0%} of what there is to learn; {far.what} learns "
            f"{far.fit.share:.0%}" + (f" and {far.others.share:.0%}." if said_val else "."),
            *(_more(setup, history) if far is best else _of_kind(setup, history, far)),
        )  # fmt: skip
    elif own.share < MOSTLY and _falls(losses_in(setup, history, "val_loss", "loss")):
        yield Verdict(
            "underfitting", "warning", "",
            f"On the training rows {said}, and in the last fifth of the epochs the loss fell by a "
            f"tenth or more: training has ended too early.",
            *_more(setup, history),
        )  # fmt: skip
    elif -gap > GAP:
        yield Verdict(
            "too_good_validation", "note", "validation",
            f"On the validation rows {said_val}, on the training rows {said}: others are seldom "
            "easier than those that were trained on.",
            "See that validation rows are drawn from the same data, and hold no answer.",
        )  # fmt: skip
    yield from of_rise(setup, history)


def _early_stopping(setup: Setup, *, linear: bool = False) -> str:
    """Train from the beginning, a linear model if that is enough, and keep the best epoch."""
    network = setup.network
    new = linear_of(network) if linear else as_new(network)
    call = setup.train_call(
        validation_data=Name("validation"), callbacks=Name("[EarlyStopping(patience=5)]")
    )
    return new and f"{new}\nfrom plainnet.callbacks import EarlyStopping\n{call}"


def losses_in(setup: Setup, history: Mapping[str, list[float]], *names: str) -> Array:
    """The first of these losses in the history, minus the lowest possible loss."""
    for name in names:
        rows = setup.validation if name == "val_loss" else (setup.X, setup.y)
        if name in history and rows is not None:
            return np.array(history[name], float) - floor_of(setup.network.loss, rows[1])
    return np.zeros(0)


def _falls(losses: Array) -> bool:
    """Whether they fell by a tenth in the last fifth of the epochs."""
    tail = max(len(losses) // 5, 1)
    return len(losses) > 1 and bool(losses[-1] < 0.9 * losses[-1 - tail])


def _more(setup: Setup, history: Mapping[str, list[float]]) -> tuple[str, str]:
    """What to do where too little is learned, and the code: longer, or with more units."""
    losses = losses_in(setup, history, "loss")
    tail = max(len(losses) // 5, 1)
    still_falls = len(losses) < 3 or losses[-1] < 0.95 * losses[-1 - tail]
    epochs = setup.settings.get("epochs") or max(len(losses), 10)
    widths = [layer.units for layer in setup.network.body.walk() if isinstance(layer, Dense)]
    if still_falls and max(widths[:-1], default=0) >= NARROW:
        said = "The loss is still falling: train for longer."
        return said, setup.train_call(epochs=5 * epochs)
    return "Take a wider or deeper network.", enlarged(setup.network)


def _of_kind(setup: Setup, history: Mapping[str, list[float]], far: Rated) -> tuple[str, str]:
    """The same where a network that knows of places has learned more: take that one."""
    has_places = far.network.input_shape == setup.network.input_shape
    if not has_places or _falls(losses_in(setup, history, "val_loss", "loss")):
        return _more(setup, history)
    return "Take convolutions: a pattern counts wherever it is.", as_new(far.network)


class Name(str):
    """Code that is printed as it stands."""

    def __repr__(self) -> str:
        return str(self)


# --- history --------------------------------------------------------------------------------------


def of_jumps(setup: Setup, history: Mapping[str, list[float]]) -> Iterator[Verdict]:
    """A loss that jumps, or that does not move."""
    losses = losses_in(setup, history, "loss")
    losses = losses[np.isfinite(losses)]
    if len(losses) < 5:
        return
    jumps = float(np.mean(losses[1:] > 1.1 * losses[:-1]))
    if jumps > JUMPS:
        yield Verdict(
            "oscillating_loss", "note", "",
            f"In {jumps:.0%} of the epochs the loss rose by more than a tenth.",
            "Lower the learning rate towards the end, or take larger batches.",
        )  # fmt: skip
    elif losses[0] > 0 and 1 - losses.min() / losses[0] < FALLS:
        yield Verdict(
            "flat_loss", "warning", "",
            f"The loss began at {history['loss'][0]:.4g}, and its lowest is "
            f"{min(history['loss']):.4g}.",
            "Nothing is learned: see the other findings, and the learning rate.",
        )  # fmt: skip


def of_rise(setup: Setup, history: Mapping[str, list[float]]) -> Iterator[Verdict]:
    """A validation loss that has long been above its lowest value."""
    val = np.array(history.get("val_loss", ()), float)
    if len(val) < 5 or not np.isfinite(val).all() or val.min() <= 0:
        return
    at, is_large = int(val.argmin()), True
    now = val[-1]
    if at > 0.8 * len(val) or now < RISEN * val[at]:
        return
    if setup.validation is not None:
        now = min(now, loss_of(setup.network, *setup.validation))  # the best may be restored
        if now < RISEN * val[at]:
            return
        prior = guessing(setup.network.loss, setup.validation[1], setup.network.dtype)
        is_large = now - val[at] >= GAP * prior
        if not is_large and (now < FAR_RISEN * val[at] or now - val[at] < GAP / 3 * prior):
            return
    said = (
        f"The validation loss was lowest, {val[at]:.4g}, in epoch {at + 1} of {len(val)}, and is "
        f"{now:.4g} now"
    )
    accuracy = np.array(history.get("val_accuracy", ()), float)
    if len(accuracy) == len(val) and accuracy[-1] >= accuracy[at] - 0.01:
        yield Verdict(
            "loss_and_metric_disagree",
            "serious" if is_large and now > 2 * val[at] else "warning", "",
            f"{said}; the accuracy went from {accuracy[at]:.3f} to {accuracy[-1]:.3f}. The "
            "network is ever surer of its mistakes.",
            "Stop by the measure that counts; where it is the probabilities, smooth the labels or "
            "stop by the loss.",
            _early_stopping(setup),
        )  # fmt: skip
    else:
        yield Verdict(
            "overfitting", "serious" if is_large and now > FAR_RISEN * val[at] else "warning", "",
            f"{said}.",
            "Stop earlier, or regularize.", _early_stopping(setup),
        )  # fmt: skip


# --- classes --------------------------------------------------------------------------------------


def of_recall(setup: Setup) -> Iterator[Verdict]:
    """Rare classes that are hardly ever recalled."""
    if setup.validation is None:
        return
    network, (X, y) = setup.network, setup.validation
    ids = guessed(network, y)
    if ids is None or not is_class(ids):
        return
    predicted = np.asarray(network.predict(X)).reshape(-1)
    if predicted.shape != ids.shape:
        return
    classes, counts = np.unique(ids, return_counts=True)
    trained = np.array([np.sum(guessed(network, setup.y) == c) for c in classes])
    times = times_the_others(trained)
    if len(classes) < 2 or times < NOTABLY:
        return
    recalls = np.array([np.mean(predicted[ids == c] == c) for c in classes])
    most, accuracy = trained.argmax(), float(np.mean(predicted == ids))
    others = np.arange(len(classes)) != most
    rest, gap = float(recalls[others].mean()), float(recalls[most] - recalls[others].mean())
    error = np.sqrt((recalls * (1 - recalls) / counts)[others].sum()) / others.sum()
    if gap > max(GAP, ERRORS[1] * error):
        yield Verdict(
            "imbalanced_classes",
            "serious" if gap > WIDE_GAP and times > MANY_TIMES else "warning", "y",
            f"On the validation rows, where the accuracy is {accuracy:.3f}, {recalls[most]:.0%} of "
            f"the most frequent class are found, and of the others {rest:.0%} on average.",
            "Where each class counts the same, weigh them; probabilities are then no longer those "
            "with which classes come.",
            f"{as_new(network)}\n{setup.train_call(class_weight='balanced')}".lstrip(),
        )  # fmt: skip
