"""What a training shows while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.errors import counted
from plainnet.inspection.doctor.code import (
    each_layer,
    rebuilt,
    redrawn,
    weights_below,
    with_rate,
)
from plainnet.inspection.doctor.of_settings import (
    of_batches,
    of_clipping,
    of_l1,
    of_regularization,
)
from plainnet.inspection.doctor.references import WORST, floor_of, guessing
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.signs import weights_of
from plainnet.inspection.doctor.thresholds import (
    DEAD,
    EXPLODING,
    FADING,
    HELPS,
    NOTHING,
    SATURATED,
    SLOW_MOMENTUM,
    UPDATES,
    VANISHING,
    WORTH,
)
from plainnet.inspection.doctor.trials import Outcome, Trials, measured
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.inspection.doctor.watching import Course, Moment
from plainnet.layers import BatchNorm, Dropout, Layer, Sigmoid, Tanh
from plainnet.network import Network
from plainnet.optimizers import Optimizer

UNLEARNED = 0.3
"""Below this share of the loss of guessing, missing a better rate is no serious fault."""
AS_GOOD = 1.2
"""A loss up to this many times the lowest is about as good."""
USUAL_MOMENTUM = 0.9
"""With more momentum, running statistics are measured again, to see if they lag behind."""
BEYOND = 3.0
"""A loss this many times that of guessing means that numbers have diverged."""
LEAPT, LATEST = 2.0, 20
"""How many times the first loss the mean of the latest is after a step that was far too long."""


def of_course(setup: Setup, course: Course) -> Iterator[Verdict]:
    """All that one training shows."""
    if course.moments:
        yield from of_units(setup, course.moments)
        yield from of_gradients(setup, course.moments)
        yield from of_tensors(setup, course.moments)
        yield from of_clipping(setup, course.moments)
        yield from of_regularization(setup, course.moments)
        yield from of_l1(setup, course.moments)
    yield from of_batches(setup)
    if course.failed:
        yield Verdict(
            "not_finite", "serious", "", f"{course.failed[0].upper()}{course.failed[1:]}.",
            "Lower the learning rate; if that does not help, look at the layer that is named.",
            lowered(setup, course.moments),
        )  # fmt: skip


# --- units ----------------------------------------------------------------------------------------


def of_units(setup: Setup, moments: Sequence[Moment]) -> Iterator[Verdict]:
    """Units that give the same for every row."""
    late = moments[len(moments) // 2 :]
    for kind, (some, many) in (("dead", DEAD), ("saturated", (SATURATED, SATURATED))):
        shares = {
            layer.name: median([getattr(moment, kind).get(layer.name, 0.0) for moment in late])
            for layer in setup.network.body.walk()
        }
        path, share = max(shares.items(), key=lambda each: each[1])  # of equals, the first
        if share < some:
            continue
        before = getattr(moments[0], kind).get(path, 0.0)
        what = "give the same for every row" if kind == "dead" else "are at an end of their range"
        if before >= 0.5 * share and not is_leap(setup, moments[0]):
            remedy = "Start with smaller weights, and biases of zero."
            code = redrawn(setup.network, weights_below(setup.network, path))
        else:
            remedy = "Lower the learning rate: a step that was too long put them there."
            code = lowered(setup, moments)
        yield Verdict(
            f"{kind}_units", "warning" if share >= many else "suspected", path,
            f"{share:.0%} of its units {what}; at the first step it was {before:.0%}. Next to no "
            "gradient passes through them.",
            remedy, code,
        )  # fmt: skip


# --- gradients ------------------------------------------------------------------------------------


def of_gradients(
    setup: Setup, moments: Sequence[Moment], *, can_try: bool = True
) -> Iterator[Verdict]:
    """Compares the gradient of the first weights with that of the last.

    Without a trial of the remedy to come, clear signs are enough for a warning.
    """
    names = [name for name in weights_of(setup.network) if name in moments[0].gradients]
    if len(names) < 2:
        return
    first, last = names[0], names[-1]
    early = moments[: max(len(moments) // 3, 1)]
    size = median([moment.gradients[first] for moment in early])
    ratio = median(
        [moment.gradients[first] / (moment.gradients[last] or np.inf) for moment in early]
    )
    if ratio < FADING and size:  # without any gradient, units are dead
        certain = ratio < VANISHING[0] and size < VANISHING[1]
        code = rebuilt(setup.network, _relu) if _has_flat(setup.network) else ""
        yield Verdict(
            "vanishing_gradients", "warning" if certain and not (code and can_try) else "suspected",
            first,
            f"Its gradient is {size:.2g}, {ratio:.2g} of that of {last}: the first layers hardly "
            "learn.",
            "Use activations that do not flatten the signal, such as ReLU, normalise between the "
            "layers, or add residual connections.",
            code,
        )  # fmt: skip
    elif ratio > EXPLODING:
        yield Verdict(
            "exploding_gradients", "warning", first,
            f"Its gradient is {size:.2g}, {ratio:.3g} times that of {last}.",
            "Start with smaller weights, and shorten the gradient.",
            setup.train_call(clip_norm=1.0),
        )  # fmt: skip


def _has_flat(network: Network) -> bool:
    return any(isinstance(layer, Sigmoid | Tanh) for layer in network.layers)


def _relu(i: int, layer: Layer) -> str:
    return "ReLU()" if isinstance(layer, Sigmoid | Tanh) else repr(layer)


# --- tensors --------------------------------------------------------------------------------------


def of_tensors(setup: Setup, moments: Sequence[Moment]) -> Iterator[Verdict]:
    """Tensors that stay as they are."""
    network = setup.network
    frozen = [s.name for s in network.segments if s.learning_rate == 0]
    still = [
        name
        for name in moments[0].updates
        if not any(moment.updates[name] for moment in moments)
        and any(moment.gradients[name] for moment in moments)
    ]
    names = frozen or still
    if names:
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        verb = "is" if len(names) == 1 else "are"
        why = "frozen" if frozen else "not moved by the optimizer, although they have a gradient"
        yield Verdict(
            "never_changes", "note" if frozen else "serious", names[0],
            f"{counted(len(names), 'tensor')} of {len(network.tensors)} {verb} {why}: {shown}.",
            "Let them learn, unless they are to stay as they are."
            if frozen else "Raise the learning rate.",
            'network.unfreeze("*")' if frozen else "optimizer.learning_rate = 0.001",
        )  # fmt: skip


def usual_update(setup: Setup, moments: Sequence[Moment]) -> float:
    """The median ratio of the updates of weights to the weights, after the first third."""
    late = moments[len(moments) // 3 :]
    names = [name for name in weights_of(setup.network) if late and name in late[0].updates]
    ratios = [moment.ratio(name) for moment in late for name in names if moment.weights[name]]
    return median(ratios) if ratios else float("nan")


def of_updates(setup: Setup, moments: Sequence[Moment]) -> Iterator[Verdict]:
    """Updates of an unusual size; `of_rate` is more reliable, but costs more."""
    ratio, (low, high) = usual_update(setup, moments), UPDATES
    rate = getattr(setup.optimizer, "learning_rate", None)
    if not ratio or np.isnan(ratio) or low <= ratio <= high or rate is None:
        return  # zero: nothing changes at all; not a number: all weights are zero
    too = "low" if ratio < low else "high"
    yield Verdict(
        f"learning_rate_too_{too}", "warning", "",
        f"An update is {ratio:.2g} of the weights (usual: 1e-3).",
        "Raise the learning rate." if ratio < low else "Lower the learning rate.",
        with_rate(setup.optimizer, 10 if ratio < low else 0.1),
    )  # fmt: skip


def of_leap(setup: Setup, course: Course) -> Iterator[Verdict]:
    """A first step so long that the loss is still a multiple of what it was before.

    After such a step the weights are so large that later updates look small beside them.
    """
    ratio, late = usual_update(setup, course.moments[:1]), course.losses[1:][-LATEST:]
    if not ratio > UPDATES[1] or not late:
        return
    before, now = course.losses[0], float(np.mean(late))
    if now > LEAPT * before:
        yield Verdict(
            "learning_rate_too_high", "serious", "",
            f"The first update was {float(f'{ratio:.2g}'):,g} times as large as the weights "
            f"(usual: 1e-3), and the loss has gone from {before:.4g} to {now:.4g}.",
            "Lower the learning rate, and start again.",
            lowered(setup, course.moments),
        )  # fmt: skip


def lowered(setup: Setup, moments: Sequence[Moment]) -> str:
    """Code for a tenth of the learning rate, or for the power of ten that the first update asks."""
    ratio = usual_update(setup, moments[:1])
    powers = np.log10(ratio / UPDATES[1]) if ratio > 0 else 1.0
    return with_rate(setup.optimizer, 10.0 ** -int(np.clip(np.ceil(powers), 1, 6)))


def is_leap(setup: Setup, moment: Moment) -> bool:
    """Whether the update was larger than the weights."""
    return usual_update(setup, [moment]) > 1


# --- the learning rate ----------------------------------------------------------------------------


def of_rate(trials: Trials, *, whole: bool) -> Iterator[Verdict]:
    """Whether a lower learning rate does better, or a higher one does far better.

    `whole` says that the short training is as long as the real one; otherwise, a rate that has
    learned little so far may still learn the rest.
    """
    setup, base = trials.setup, trials.base
    if not isinstance(setup.optimizer, Optimizer) or not setup.optimizer.learning_rate:
        return
    rate, usual = setup.optimizer.learning_rate, usual_update(setup, base.course.moments)
    said = f"With learning_rate={rate:g}, {_left(base)}"
    if np.isfinite(usual):
        said += f"; an update is {usual:.2g} of the weights (usual: 1e-3)"
    floor = floor_of(setup.network.loss, setup.y)
    lower = _best(trials, [10.0**-i for i in range(1, 7)])
    by_heart = base.fitted < WORTH and base.left < BEYOND  # a rate that is too high learns nothing
    if lower is not None and not by_heart and lower[1].helps(base):
        factor, outcome = lower
        if _late(outcome, floor) < (1 - HELPS) * _late(base, floor):  # which prediction may hide
            yield Verdict(
                "learning_rate_too_high", "serious" if outcome.helps_much(base) else "warning", "",
                f"{said}; with {rate * factor:.2g}, {_left(outcome)}.",
                "Lower it.", with_rate(setup.optimizer, factor), outcome.gain_over(base),
            )  # fmt: skip
            return
    factors = [10.0**i for i in range(1, 7) if not usual * 10.0**i > 5 * UPDATES[1]]
    higher = _best(trials, factors)
    if higher is None or not higher[1].helps_much(base):
        return
    factor, outcome = higher
    slow, gain = usual < 3 * UPDATES[0], outcome.gain_over(base)
    if (gain > 0.5 or (slow and whole)) and (whole or (slow and base.left > 0.9)):
        yield Verdict(
            "learning_rate_too_low", "serious" if base.left > UNLEARNED else "warning", "",
            f"{said}; with {rate * factor:.2g}, {_left(outcome)}.",
            "Raise it, or train for longer.", with_rate(setup.optimizer, factor), gain,
        )  # fmt: skip


def _late(outcome: Outcome, floor: float) -> float:
    """The mean loss of the last tenth of the steps, above the lowest that there can be."""
    losses = outcome.course.losses
    if outcome.course.failed or not losses:
        return float("inf")
    return float(np.mean(losses[-max(len(losses) // 10, 1) :])) - floor


def _best(trials: Trials, factors: Sequence[float]) -> tuple[float, Outcome] | None:
    """Of these factors of the learning rate the best, or the nearest that is about as good.

    Each next is tried while they do better, on training rows or on others. Where nothing is
    learned, all are tried.
    """
    tried: list[tuple[float, Outcome]] = []
    lowest, fitted = min(trials.base.left, NOTHING), trials.base.fitted
    for factor in factors:
        outcome = trials.remedied(with_rate(trials.setup.optimizer, factor))
        if outcome is None:
            continue
        tried.append((factor, outcome))
        if outcome.left > lowest and outcome.fitted > fitted and lowest < NOTHING:
            break
        lowest, fitted = min(lowest, outcome.left), min(fitted, outcome.fitted)
    good = [each for each in tried if each[1].left <= AS_GOOD * lowest + WORTH]
    return good[0] if good else min(tried, key=lambda each: each[1].left, default=None)


def _left(outcome: Outcome) -> str:
    if outcome.course.failed:
        return "training diverges"
    if outcome.left > 1:
        many = f"{outcome.left:.2g}" if outcome.left < WORST else f"{WORST:g} or more"
        return f"the loss is {many} times that of guessing after a short training"
    return f"{outcome.left:.0%} of the loss of guessing is left after a short training"


# --- training and prediction ----------------------------------------------------------------------


def of_modes(trials: Trials) -> Iterator[Verdict]:
    """Whether prediction mode behaves like training mode."""
    setup, base = trials.setup, trials.base
    if base.course.failed:
        return
    layers = list(setup.network.body.walk())
    trained, predicted = _in_training(base.network, setup), base.fitted
    said = (
        f"On the same rows, {trained:.0%} of the loss of guessing is left in training and "
        f"{predicted:.0%} in prediction"
    )
    norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
    slow = max((layer.momentum for layer in norms), default=0.0)
    if norms and slow > USUAL_MOMENTUM:
        yield from of_statistics(trials, norms, said)
    if norms and (slow > SLOW_MOMENTUM or predicted > 1.5 * trained + 0.1):
        yield Verdict(
            "mode_mismatch", "suspected", norms[0].name,
            f"{said}: with a momentum of {slow:g}, the running statistics follow too slowly.",
            "Lower the momentum of batch norm.", each_layer("layer.momentum = 0.9", norms),
        )  # fmt: skip
    first = next((i for i, layer in enumerate(layers) if layer.declared), 0)
    dropping = [layer for layer in layers[first:] if isinstance(layer, Dropout)]
    rate = max((layer.rate for layer in dropping), default=0.0)
    if rate >= 0.2 and predicted > 0.1:
        yield Verdict(
            "mode_mismatch", "suspected", dropping[0].name,
            f"{said}, after a short one with a dropout of {rate:g}.",
            "Drop less.", each_layer(f"layer.rate = {rate / 5:.2g}", dropping),
        )  # fmt: skip


def of_statistics(trials: Trials, norms: list[BatchNorm], said: str) -> Iterator[Verdict]:
    """Whether the statistics of all rows, measured anew, would predict better."""
    base, own = trials.base, deepcopy(trials.base.network)
    X, y, _ = own.check(trials.setup.X, trials.setup.y)
    for layer in norms:
        own.layer(layer.name).momentum = 0.0
    with np.errstate(all="ignore"):
        own.step(X, y, Cache(training=True, seed=0))
    after = measured(replace(trials.setup, network=own), base.course)
    if after.helps(base):
        slow = max(layer.momentum for layer in norms)
        yield Verdict(
            "mode_mismatch", "serious" if after.helps_much(base) else "warning", norms[0].name,
            f"{said}. With the means and variances of all training rows instead of running ones, "
            f"{after.left:.0%} is left on others rather than {base.left:.0%}: with a momentum of "
            f"{slow:g} they follow too slowly.",
            "Lower the momentum of batch norm.", each_layer("layer.momentum = 0.9", norms),
            after.gain_over(base),
        )  # fmt: skip


def _in_training(network: Network, setup: Setup) -> float:
    """What is left of the loss of guessing in the mode of training."""
    own: Any = deepcopy(network)
    X, y, _ = own.check(setup.X, setup.y)
    with np.errstate(all="ignore"):
        loss = own.step(X, y, Cache(training=True, seed=0))
    floor = floor_of(network.loss, setup.y)
    span = guessing(network.loss, setup.y, network.dtype) - floor
    return (loss - floor) / span if span > 0 else 0.0
