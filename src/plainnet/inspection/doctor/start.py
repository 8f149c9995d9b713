"""What a network shows before its first step."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.recording import Window
from plainnet.errors import counted
from plainnet.initializers import GlorotUniform, Initializer
from plainnet.inspection.doctor.data import OF_NUMBERS
from plainnet.inspection.doctor.references import guessing
from plainnet.inspection.doctor.setups import Setup, taken
from plainnet.inspection.doctor.signs import (
    Signal,
    begins_in_training,
    both_ways,
    mean_square,
    signals_of,
    steepest,
    weights_of,
)
from plainnet.inspection.doctor.structure import of_structure
from plainnet.inspection.doctor.thresholds import (
    GAINS,
    START_LOSS,
    STEEP,
    TOTAL_GAINS,
)
from plainnet.inspection.doctor.verdicts import Severity, Verdict
from plainnet.network import Network

Array = npt.NDArray[Any]

ROWS = 256


def of_start(setup: Setup) -> Iterator[Verdict]:
    """All checks of a network that is about to be trained."""
    network = setup.network
    X = taken(network.inputs(setup.X), slice(ROWS))
    signals = signals_of(network, X, new=True)
    layers = both_ways(network, X, taken(setup.y, slice(ROWS)))
    yield from of_first_loss(setup, layers)
    yield from of_gains(network, signals, X)
    yield from of_structure(setup, signals, layers)


def of_first_loss(setup: Setup, layers: list[tuple[str, Window]]) -> Iterator[Verdict]:
    """Checks that the loss before training is about that of guessing."""
    network = deepcopy(setup.network)
    X, y, _ = network.check(setup.X, setup.y)
    with np.errstate(all="ignore"):
        loss = network.step(X, y, Cache(training=begins_in_training(network), seed=0))
    prior = max(guessing(network.loss, setup.y, network.dtype), undecided(network, X, y))
    if prior <= 0:
        return
    names = weights_of(network)
    path, steep = steepest(layers)
    if not np.isfinite(loss) or not steep <= STEEP:
        yield Verdict(
            "not_finite", "serious", path,
            f"Before the first step the loss is {loss:.4g}, and the gradient grows by a factor of "
            f"{steep:.2g} on its way through {path}: infinity is near.",
            "Look for a logarithm, a division or a root of what may be zero, and keep it away from "
            "zero.",
        )  # fmt: skip
        return
    suspected, certain = START_LOSS
    # Of numbers, the scale of the targets decides, and a new network may be as far off as they are.
    allowed = certain if isinstance(network.loss, OF_NUMBERS) else suspected
    if loss > (1 + allowed) * prior and names:
        severity: Severity = (
            "serious"
            if loss > 3 * (1 + certain) * prior
            else ("warning" if loss > (1 + certain) * prior else "suspected")
        )
        yield Verdict(
            "large_start_loss", severity, names[-1].rpartition(".")[0],
            f"Before the first step the loss is {loss:.4g}, and guessing has {prior:.4g}. The "
            "network begins with answers that are wrong and sure.",
            "Start with a smaller last layer.",
            f'network["{names[-1]}"] *= {min(0.5, prior / loss / 2):.2g}',
        )  # fmt: skip


def undecided(network: Network, X: Any, y: Any) -> float:
    """The loss of outputs that are all zero."""
    own = deepcopy(network)
    names = [name for name in own.tensors if name.rpartition(".")[0] == own.layers[-1].name]
    for name in names:
        own[name][...] = 0
    with np.errstate(all="ignore"):
        return own.step(X, y, Cache(training=begins_in_training(own), seed=0)) if names else 0.0


def of_gains(network: Network, signals: list[Signal], X: Any) -> Iterator[Verdict]:
    """Whether the signal keeps its size from layer to layer, as with usual initial weights."""
    spans = list(_spans(signals))
    if not spans:
        return
    usual = [_gain(span) for span in _spans(signals_of(with_usual_weights(network), X, new=True))]
    gains = [_gain(span) for span in spans]
    with np.errstate(all="ignore"):
        ratios = np.array(gains) / np.maximum(usual, 1e-12)
        total, by_layer = float(ratios.prod()), float(ratios.prod() ** (1 / len(ratios)))
    low, high = GAINS
    if low <= by_layer <= high and TOTAL_GAINS[0] <= total <= TOTAL_GAINS[1]:
        return
    worst = int(np.abs(np.log(np.maximum(ratios, 1e-300))).argmax())
    verb = "shrinks" if total < 1 else "grows"
    yield Verdict(
        "variance_gain", "warning", spans[worst][0].path,
        f"Through {counted(len(gains), 'layer')} the mean square of the signal {verb} by a factor "
        f"of {np.prod(gains):.3g}; with the usual weights it is {np.prod(usual):.3g}. That of "
        f"{spans[worst][0].path} is {gains[worst]:.3g} instead of {usual[worst]:.3g}.",
        "Scale the weights so that each layer keeps the signal's size (He et al. 2015), or leave "
        "the initializer out: each layer's own does so.",
        _scaled(network, spans, usual, X),
    )  # fmt: skip


def with_usual_weights(network: Network) -> Network:
    """A copy whose weights are drawn by the rule for the activation that follows them."""
    own, rng = deepcopy(network), np.random.default_rng(0)
    rule: Initializer = GlorotUniform()
    for layer in reversed(list(own.body.walk())):
        rule = layer.weight_initializer or rule
        for name in layer.declared:
            tensor = own[f"{layer.name}.{name}"]
            if name == "W" and tensor.ndim > 1:
                tensor[...] = rule(rng, tensor.shape)
                rule = GlorotUniform()
            elif name == "b":
                tensor[...] = 0
    return own


def _spans(signals: list[Signal]) -> Iterator[list[Signal]]:
    """Each hidden layer with weights, and what follows it up to the next.

    The last is the output, whose size is the loss's affair.
    """
    span: list[Signal] = []
    for signal in signals:
        if signal.has_weights:
            if span:
                yield span
            span = [signal]
        elif span:
            span.append(signal)


def _gain(span: list[Signal]) -> float:
    """By how much the mean square grows."""
    return mean_square(span[-1].Y) / (mean_square(span[0].A) or 1.0)


def _scaled(network: Network, spans: list[list[Signal]], wanted: list[float], X: Any) -> str:
    """Code that brings each of these layers to its usual gain, from the input on."""
    own, lines = deepcopy(network), []
    for i, span in enumerate(spans):
        path = span[0].path
        weights = [name for name in weights_of(own) if name.rpartition(".")[0] == path]
        gain = _gain(list(_spans(signals_of(own, X, new=True)))[i])
        if not np.isfinite(gain) or gain <= 0 or len(weights) != 1:
            continue
        factor = float(np.clip((wanted[i] / gain) ** 0.5, 1e-6, 1e6))
        if not 0.8 <= factor <= 1.25:
            own[weights[0]][...] *= factor
            lines.append(f'network["{weights[0]}"] *= {factor:.3g}')
    return "\n".join(lines)
