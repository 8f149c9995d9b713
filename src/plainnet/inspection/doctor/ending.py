"""What a trained network shows: on its training rows, on others, and in its history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.code import as_new, enlarged, linear_of
from plainnet.inspection.doctor.data import guessed, is_class
from plainnet.inspection.doctor.references import LINEAR, guessing, loss_of, plain_networks
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.signs import weights_of
from plainnet.inspection.doctor.thresholds import (
    BEHIND,
    CALIBRATION,
    FALLS,
    GAP,
    JUMPS,
    RISEN,
    TEMPERATURES,
    WIDE_GAP,
)
from plainnet.inspection.doctor.trials import relative_loss
from plainnet.inspection.doctor.verdicts import Severity, Verdict
from plainnet.layers import Dense
from plainnet.losses import EachOutput
from plainnet.network import Network

Array = npt.NDArray[Any]

BINS = 10
MOSTLY = 0.95
"""With so much of what there is to learn, it does not matter that more would have been learned."""
USUAL_SMOOTHING = 0.2
"""Who smooths labels so far wants a network that is less sure."""
NARROW = 16
"""A network without a wider layer is made wider before it is trained for longer."""
SAMPLES = 200
"""Labels drawn by the network's own probabilities, to see which calibration error is chance."""


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
        off = list(of_calibration(setup.network, *setup.validation))
        # What has learned too little is not sure of it either.
        is_early = any(verdict.name == "underfitting" for verdict in fit)
        yield from (each.as_severe_as("warning") if is_early else each for each in off)


# --- what is learned ------------------------------------------------------------------------------


def learned(network: Network, X: Any, y: Any, most: float | None) -> tuple[float, str]:
    """The share of what there is to learn that is learned, and the measure in words.

    Of classes, of the errors that are made by always saying the most frequent, which has the share
    `most` of the training rows; of numbers, where it is None, of the loss of guessing.
    """
    if most is not None:
        accuracy = network.evaluate(X, y)["accuracy"]
        return (accuracy - most) / max(1 - most, 1e-12), f"the accuracy is {accuracy:.3f}"
    left = relative_loss(network, X, y)
    return 1 - left, f"{left:.0%} of the loss of guessing is left"


def of_fit(setup: Setup, history: Mapping[str, list[float]], seed: int) -> Iterator[Verdict]:
    """Training rows known by heart, or learned less than a plain reference learns them."""
    network = setup.network
    ids, most = guessed(network, setup.y), None
    if ids is not None and is_class(ids):
        most = np.unique(ids, return_counts=True)[1].max() / len(ids)
    own, said = learned(network, setup.X, setup.y, most)
    other, said_val = own, ""
    if setup.validation is not None:
        other, said_val = learned(network, *setup.validation, most)
    best = None
    for what, model, fit, held in plain_networks(setup, seed):
        theirs, _ = learned(model, *fit, most)
        theirs_val = theirs if held is None else learned(model, *held, most)[0]
        if best is None or theirs_val > best[2]:
            best = what, theirs, theirs_val
    n = 0 if setup.validation is None else len(setup.validation[1])
    behind = best is not None and best[2] > other + max(BEHIND, 2 * _error(other, most, n))
    too_little = best is not None and best[1] > own + WIDE_GAP
    gap = own - other
    if gap > GAP and not (behind and too_little):
        rises = list(of_rise(setup, history))
        severity: Severity = "serious" if gap > 2 * WIDE_GAP or rises or behind else "warning"
        more = ""
        if behind and best is not None:
            name = best[0][0].upper() + best[0][1:]
            more = f" {name} on standardised columns learns {best[2]:.0%} of what there is there."
        yield Verdict(
            "overfitting", severity, "",
            f"On the training rows {said}, on the validation rows {said_val}.{more}",
            "Take more rows, a smaller network, weight decay or dropout, or stop earlier.",
            _early_stopping(setup, linear=behind and best is not None and best[0] == LINEAR),
        )  # fmt: skip
        return
    if best is not None and behind and best[1] > own + BEHIND:
        yield Verdict(
            "underfitting", "serious" if best[2] > other + 2 * BEHIND else "warning", "",
            f"On the training rows {said}"
            + (f", on the validation rows {said_val}" if said_val else "")
            + f". That is {own:.0%} of what there is to learn; {best[0]} on standardised columns "
            f"learns {best[1]:.0%}" + (f" and {best[2]:.0%}." if said_val else "."),
            *_more(setup, history),
        )  # fmt: skip
    elif own < MOSTLY and _still_falls(history):
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


def _still_falls(history: Mapping[str, list[float]]) -> bool:
    losses = np.array(history.get("val_loss", history.get("loss", ())), float)
    tail = max(len(losses) // 5, 1)
    return len(losses) > 1 and bool(losses[-1] < 0.9 * losses[-1 - tail])


def _more(setup: Setup, history: Mapping[str, list[float]]) -> tuple[str, str]:
    """What to do where too little is learned, and the code: longer, or with more units."""
    losses = np.array(history.get("loss", ()), float)
    tail = max(len(losses) // 5, 1)
    still_falls = len(losses) < 3 or losses[-1] < 0.95 * losses[-1 - tail]
    epochs = setup.settings.get("epochs") or max(len(losses), 10)
    widths = [layer.units for layer in setup.network.body.walk() if isinstance(layer, Dense)]
    if still_falls and max(widths[:-1], default=0) >= NARROW:
        said = "The loss is still falling: train for longer."
        return said, setup.train_call(epochs=5 * epochs)
    return "Take a wider or deeper network.", enlarged(setup.network)


def _error(share: float, most: float | None, n: int) -> float:
    """The standard error of what is learned, by the accuracy on n rows."""
    if most is None or not n or most == 1:
        return 0.0
    accuracy = share * (1 - most) + most
    return float(np.sqrt(max(accuracy * (1 - accuracy), 0) / n) / (1 - most))


class Name(str):
    """Code that stands for itself where it is printed."""

    def __repr__(self) -> str:
        return str(self)


# --- history --------------------------------------------------------------------------------------


def of_jumps(setup: Setup, history: Mapping[str, list[float]]) -> Iterator[Verdict]:
    """A loss that jumps, or that does not move."""
    losses = np.array(history.get("loss", ()), float)
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
            f"The loss began at {losses[0]:.4g}, and its lowest is {losses.min():.4g}.",
            "Nothing is learned: see the other findings, and the learning rate.",
        )  # fmt: skip


def of_rise(setup: Setup, history: Mapping[str, list[float]]) -> Iterator[Verdict]:
    """A validation loss that has been lower for long."""
    val = np.array(history.get("val_loss", ()), float)
    if len(val) < 5 or not np.isfinite(val).all() or val.min() <= 0:
        return
    at = int(val.argmin())
    now = val[-1]
    if setup.validation is not None:  # the best epoch may have been restored
        now = min(now, loss_of(setup.network, *setup.validation))
        prior = guessing(setup.network.loss, setup.validation[1], setup.network.dtype)
        if now - val[at] < GAP * prior:
            return
    if at > 0.8 * len(val) or now < RISEN * val[at]:
        return
    said = (
        f"The validation loss was lowest, {val[at]:.4g}, in epoch {at + 1} of {len(val)}, and is "
        f"{now:.4g} now"
    )
    accuracy = np.array(history.get("val_accuracy", ()), float)
    if len(accuracy) == len(val) and accuracy[-1] >= accuracy[at] - 0.01:
        yield Verdict(
            "loss_and_metric_disagree", "serious" if now > 2 * val[at] else "warning", "",
            f"{said}; the accuracy went from {accuracy[at]:.3f} to {accuracy[-1]:.3f}. The "
            "network is ever surer of its mistakes.",
            "Stop by the measure that counts; where it is the probabilities, smooth the labels or "
            "stop by the loss.",
            _early_stopping(setup),
        )  # fmt: skip
    else:
        yield Verdict(
            "overfitting", "serious" if now > 1.5 * val[at] else "warning", "", f"{said}.",
            "Stop earlier, or regularize.", _early_stopping(setup),
        )  # fmt: skip


# --- classes and probabilities --------------------------------------------------------------------


def of_recall(setup: Setup) -> Iterator[Verdict]:
    """Rare classes that are hardly ever found."""
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
    recalls = np.array([np.mean(predicted[ids == c] == c) for c in classes])
    most, accuracy = counts.argmax(), float(np.mean(predicted == ids))
    rest = float(recalls[np.arange(len(classes)) != most].mean()) if len(classes) > 1 else 1.0
    if recalls[most] - rest > 0.25 and counts.max() > 2 * np.median(counts):
        yield Verdict(
            "imbalanced_classes", "serious", "y",
            f"On the validation rows, where the accuracy is {accuracy:.3f}, {recalls[most]:.0%} of "
            f"the most frequent class are found, and of the others {rest:.0%} on average.",
            "Weigh the classes, and look at each class's recall.",
            f"{as_new(network)}\n{setup.train_call(class_weight='balanced')}".lstrip(),
        )  # fmt: skip


def of_calibration(network: Network, X: Any, y: Any) -> Iterator[Verdict]:
    """Whether the probabilities are those with which the classes come."""
    loss, ids = network.loss, guessed(network, y)
    if not loss.gives_probabilities or ids is None or not is_class(ids) or len(ids) < 50:
        return
    Z = network.outputs(X).astype(np.float64)
    if Z.ndim != 2 or not np.isfinite(Z).all():
        return
    P = _of_each_class(loss.probabilities(Z))
    error = calibration_error(P, ids)
    rng = np.random.default_rng(0)
    draws = (P.cumsum(axis=1)[:, None] > rng.random((len(P), SAMPLES, 1))).argmax(axis=2)
    by_chance = np.array([calibration_error(P, column) for column in draws.T])
    beyond = error - float(by_chance.mean())
    temperatures = np.geomspace(0.1, 20, 60)
    losses = [_log_loss(_of_each_class(loss.probabilities(Z / T)), ids) for T in temperatures]
    best, now, then = float(temperatures[np.argmin(losses)]), _log_loss(P, ids), min(losses)
    some, much = CALIBRATION
    low, high = TEMPERATURES
    if error < np.quantile(by_chance, 0.99) or beyond < some or low <= best <= high:
        return
    last = weights_of(network)[-1].rpartition(".")[0]
    tensors = [name for name in network.tensors if name.rpartition(".")[0] == last]
    is_wanted = best < 1 and 0 < getattr(loss, "label_smoothing", 0.0) <= USUAL_SMOOTHING
    severe = (beyond > much or then < 0.5 * now) and not is_wanted
    yield Verdict(
        "miscalibrated", "serious" if severe else "warning", "",
        f"The probabilities are off by {error:.1%} on average (expected calibration error on "
        f"{len(ids)} validation rows; {by_chance.mean():.1%} would be chance): the network is "
        f"{'too sure' if best > 1 else 'not sure enough'}. With its outputs divided by the "
        f"temperature {best:.2g} the log-loss is {then:.4g} instead of {now:.4g}.",
        "Divide the outputs by the temperature, or stop training earlier.",
        "\n".join(f'network["{name}"] /= {best:.3g}' for name in tensors),
    )  # fmt: skip


def _of_each_class(P: Array) -> Array:
    """Of two classes, a network may give the probability of the second alone."""
    return np.hstack([1 - P, P]) if P.shape[1] == 1 else P


def calibration_error(P: Array, ids: Array) -> float:
    """The mean distance of confidence and accuracy in bins of confidence.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence, right = P.max(axis=1), P.argmax(axis=1) == ids
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    off = np.bincount(bins, right - confidence, minlength=BINS)
    return float(np.abs(off).sum() / len(ids))


def _log_loss(P: Array, ids: Array) -> float:
    return float(-np.log(np.maximum(P[np.arange(len(P)), ids], 1e-15)).mean())
