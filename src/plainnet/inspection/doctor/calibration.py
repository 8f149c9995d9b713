"""Whether a trained network's probabilities match the frequencies of the classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.inspection.doctor.data import guessed, is_class
from plainnet.inspection.doctor.labels import standard_error
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.signs import weights_of
from plainnet.inspection.doctor.thresholds import CALIBRATION, ERRORS, TEMPERATURES
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.network import Network

Array = npt.NDArray[Any]

BINS = 10
USUAL_SMOOTHING = 0.2
"""Label smoothing of this size makes a network less confident on purpose."""
SAMPLES = 200
"""Samples of labels drawn from the network's probabilities, to measure chance errors."""
FEWEST = 50
"""The fewest rows on which probabilities are judged."""
ODDS = 2.0
"""The largest factor by which a class's odds may be overestimated."""
ROUNDS = 50
"""Rounds of adjusting the biases until the shares agree."""


def of_probabilities(setup: Setup) -> Iterator[Verdict]:
    """How confident the network is, and how often it predicts each class."""
    if setup.validation is None or not setup.network.loss.gives_probabilities:
        return
    off = list(of_calibration(setup.network, *setup.validation))
    yield from off or of_shares(setup)


def of_shares(setup: Setup) -> Iterator[Verdict]:
    """A class that is predicted more often than it occurs, on training rows and on others.

    Calibration in the large (Van Calster et al. 2019): training makes the two agree on its rows,
    unless it weighs the classes or draws some of them more often.
    """
    if setup.validation is None:
        return
    network = setup.network
    known, new = surplus(network, setup.X, setup.y), surplus(network, *setup.validation)
    if known is None or new is None:
        return
    some, _, many = ERRORS
    errors, errors_new = (each.mean(axis=0) / _standard_errors(each) for each in (known, new))
    worst = int(np.abs(errors).argmax())
    off, shift = new[:, worst].mean(), _shift(network, setup)
    again = errors_new[worst] * np.sign(errors[worst])
    if abs(errors[worst]) > many and again > some and np.ptp(shift) > np.log(ODDS):
        biases = [name for name in network.tensors if name.rpartition(".")[2] == "b"]
        moved = shift[1:] - shift[0] if network.output_shape[-1] == 1 else shift
        yield Verdict(
            "miscalibrated", "warning", "",
            f"On validation rows the probability of class {worst} is "
            f"{abs(off):.1%} {'above' if off > 0 else 'below'} its share on average, "
            f"{abs(errors_new[worst]):.1f} standard errors, and on training rows "
            f"{abs(errors[worst]):.1f}: classes that are weighed, or drawn more often, are "
            "expected more often too.",
            "Train without weights where probabilities are wanted, or move the last biases.",
            f'network["{biases[-1]}"] += {np.round(moved, 3).tolist()}' if biases else "",
        )  # fmt: skip


def surplus(network: Network, X: Any, y: Any) -> Array | None:
    """The probability of each class, minus 1 for the true one, (rows, classes); or None."""
    ids = guessed(network, y)
    if ids is None or not is_class(ids) or len(ids) < FEWEST:
        return None
    P = _of_each_class(np.asarray(network.predict_proba(X), np.float64))
    if P.ndim != 2 or not np.isfinite(P).all():
        return None
    P[np.arange(len(P)), ids] -= 1
    return P


def _standard_errors(columns: Array) -> Array:
    return np.asarray(np.maximum([standard_error(column) for column in columns.T], 1e-12))


def _shift(network: Network, setup: Setup) -> Array:
    """The change of log-odds that makes mean probabilities of training rows their shares."""
    P = _of_each_class(np.asarray(network.predict_proba(setup.X), np.float64))
    shares = np.bincount(np.asarray(guessed(network, setup.y)), minlength=P.shape[1]) / len(P)
    shift = np.zeros(P.shape[1])
    for _ in range(ROUNDS):
        moved = P * np.exp(shift)
        means = (moved / moved.sum(axis=1, keepdims=True)).mean(axis=0)
        shift += np.log(np.maximum(shares, 1e-6) / np.maximum(means, 1e-6))
    return np.asarray(shift - shift.mean())


def of_calibration(network: Network, X: Any, y: Any) -> Iterator[Verdict]:
    """Whether the probabilities are those with which the classes come."""
    loss, ids = network.loss, guessed(network, y)
    if not loss.gives_probabilities or ids is None or not is_class(ids) or len(ids) < FEWEST:
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
    severe = (beyond > much or (then < 0.5 * now and best > 1)) and not is_wanted
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
    """The mean gap between confidence and accuracy in bins of confidence.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence, right = P.max(axis=1), P.argmax(axis=1) == ids
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    off = np.bincount(bins, right - confidence, minlength=BINS)
    return float(np.abs(off).sum() / len(ids))


def _log_losses(P: Array, ids: Array) -> Array:
    return np.asarray(-np.log(np.maximum(P[np.arange(len(P)), ids], 1e-15)))


def _log_loss(P: Array, ids: Array) -> float:
    return float(_log_losses(P, ids).mean())
