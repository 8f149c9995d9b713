"""Checks for what keeps a network from learning however long it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.recording import Window
from plainnet.errors import DivergedError, PlainnetError, counted
from plainnet.inspection.doctor.code import DRAW, rebuilt, redrawn, weights_below, with_units
from plainnet.inspection.doctor.data import OF_NUMBERS, guessed
from plainnet.inspection.doctor.references import floor_of, guessing
from plainnet.inspection.doctor.setups import Setup, taken
from plainnet.inspection.doctor.signs import (
    Signal,
    begins_in_training,
    over_time,
    signals_of,
    weights_of,
)
from plainnet.inspection.doctor.thresholds import (
    ALIKE,
    DEAD,
    DROPPED,
    FITTED,
    FORGOTTEN,
    LONG_AGO,
    OUT_OF_REACH,
    REMEMBERED,
    SEEN,
)
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.inspection.gradients import check_gradients
from plainnet.layers import (
    RNN,
    BatchNorm,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    Graph,
    Identity,
    Layer,
    ReLU,
    Reshape,
    Scale,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from plainnet.layers.recurrence.recurrent import Recurrent
from plainnet.network import Network
from plainnet.optimizers import Adam
from plainnet.training.steps import Step

Array = npt.NDArray[Any]

LINEAR = Dense, Conv1d, Conv2d, ConvTranspose2d
PASSING = Dropout, Flatten, Reshape, Identity, Scale, BatchNorm
"""Layers whose output is linear in their input during prediction."""
RANGES: dict[type[Layer], tuple[float, float]] = {
    Sigmoid: (0, 1), Softmax: (0, 1), Tanh: (-1, 1), ReLU: (0, inf), Softplus: (0, inf),
}  # fmt: skip
"""The range of a layer's outputs."""
BATCH, BATCH_STEPS = 12, 300
"""How many rows are to be memorized, and in how many steps."""


def of_structure(
    setup: Setup, signals: list[Signal], layers: list[tuple[str, Window]]
) -> Iterator[Verdict]:
    """All checks of what a network can learn at all."""
    network = setup.network
    yield from of_symmetry(network)
    yield from of_recurrence(network, layers)
    yield from of_input(network, signals)
    yield from of_shape(setup)
    wrong = list(of_own_layers(setup))
    yield from wrong or of_one_batch(setup)


def of_symmetry(network: Network) -> Iterator[Verdict]:
    """Units that start out equal get the same gradient and stay equal."""
    found = []
    for name in weights_of(network)[:-1]:  # of the last, the targets tell outputs apart
        W = network.tensors[name]
        if len(W) > 1 and name.rpartition(".")[2] == "W":
            W = W.reshape(len(W), -1).astype(np.float64)
            left = float(np.linalg.norm(W - W.mean(axis=0)) / (np.linalg.norm(W) or 1.0))
            if left < ALIKE:
                found.append((name, left))
    if not found:
        return
    name, left = found[0]
    lines = [f'network["{each}"] = HeNormal()(rng, {network[each].shape})' for each, _ in found]
    yield Verdict(
        "symmetric_units", "serious" if left < ALIKE / 10 else "warning", name.rpartition(".")[0],
        f"Without what the {len(network[name])} units of {name} have in common, {left:.2g} of the "
        "norm of its weights is left; with weights drawn at random it is about 1. Units that "
        "compute the same learn the same.",
        "Draw the weights at random.",
        "\n".join([DRAW.format(kind="HeNormal"), *lines]),
    )  # fmt: skip


def of_recurrence(network: Network, layers: list[tuple[str, Window]]) -> Iterator[Verdict]:
    """Recurrent steps that scale the memory until distant steps no longer affect each other."""
    low, high = REMEMBERED
    for path, layer, ratio in over_time(layers):
        largest = float(np.linalg.norm(layer.U.astype(np.float64), 2))
        is_usual = low <= largest <= high
        if not isinstance(layer, RNN) or (is_usual and LONG_AGO[0] <= ratio <= LONG_AGO[1]):
            continue
        grows = ratio > 1 if is_usual else largest > 1
        drawn = f'network["{path}.U"] = Orthogonal()(rng, {layer.U.shape})'
        verdict = Verdict(
            "exploding_gradients" if grows else "vanishing_gradients",
            "warning" if ratio < FORGOTTEN else "suspected", path,
            f"At the first step the gradient is {ratio:.3g} of that at the last; the norm of U, by "
            f"which a step multiplies what is remembered, is {largest:.3g}.",
            "Start with orthogonal recurrent weights, or take a GRU or an LSTM.",
            _with_gates(network) if is_usual else f"{DRAW.format(kind='Orthogonal')}\n{drawn}",
        )  # fmt: skip
        yield verdict
        pooled = _pooled(network) if ratio < LONG_AGO[0] else ""
        if pooled:
            said = "Let the output see all steps rather than the last alone, by their maximum."
            yield replace(verdict, remedy=said, code=pooled)


def _with_gates(network: Network) -> str:
    def changed(i: int, layer: Layer) -> str:
        if not isinstance(layer, RNN):
            return repr(layer)
        options = [name for name in ("return_sequences", "reverse") if getattr(layer, name)]
        return f"GRU({', '.join([str(layer.units), *(f'{name}=True' for name in options)])})"

    return rebuilt(network, changed)


def _pooled(network: Network) -> str:
    """Each step a short way from the output, as in Conneau et al. 2017, section 3.2."""

    def changed(i: int, layer: Layer) -> str:
        if not isinstance(layer, RNN) or layer.return_sequences:
            return repr(layer)
        return f"{repr(layer)[:-1]}, return_sequences=True), GlobalMaxPool1d()"

    code = rebuilt(network, changed)
    return code if "GlobalMaxPool1d" in code else ""


def of_input(network: Network, signals: list[Signal]) -> Iterator[Verdict]:
    """Outputs that do not depend on the input, or depend on only some of it."""
    for signal in signals:
        if signal.has_weights:
            break
        if isinstance(signal.layer, Dropout) and signal.layer.rate > DROPPED:
            rate = signal.layer.rate
            yield Verdict(
                "ignores_input", "suspected", signal.path,
                f"It drops {rate:.0%} of what comes in, before any layer has seen it.",
                "Drop less of the input.",
                f'network.layer("{signal.path}").rate = {min(rate / 5, 0.1):.2g}',
            )  # fmt: skip
    first = next((s for s in signals if s.has_weights), None)
    if first is not None and isinstance(first.layer, Dense | Embedding | EmbeddingBag):
        is_table = isinstance(first.layer, Embedding | EmbeddingBag)
        tensor = getattr(first.layer, "E" if is_table else "W")
        blind: Array = np.asarray(~tensor.any(axis=0))
        if blind.any():
            n = counted(int(blind.sum()), "column")
            yield Verdict(
                "ignores_input", "serious" if blind.all() else "warning", first.path,
                f"{n} of the {len(blind)} of its table are zero for all ids."
                if is_table else f"Its weights from {n} of {len(blind)} are all zero.",
                "Draw them at random, and let them learn.",
                redrawn(network, first.path, unfreeze=True),
            )  # fmt: skip
            return
    for signal in signals:
        Y = signal.Y.astype(np.float64)
        with np.errstate(invalid="ignore"):
            spread, size = float(Y.std(axis=0).max()), float(np.abs(Y).max())
        if signal.dead == 1:
            return  # which is said of dead units
        if np.isfinite(size) and spread <= SEEN * size:
            yield Verdict(
                "ignores_input", "serious", signal.path,
                f"What it gives varies by {spread:.2g} at most over the rows, with a size of "
                f"{size:.2g}: whatever comes in, the same comes out.",
                "Start with weights that are not zero, and biases that do not drown them.",
                redrawn(network, weights_below(network, signal.path), unfreeze=True),
            )  # fmt: skip
            return


def of_shape(setup: Setup) -> Iterator[Verdict]:
    """Layers that bound the outputs, layers that are too narrow, and layers that add nothing."""
    network = setup.network
    if not isinstance(network.body, Graph):
        yield from of_range(setup)
        yield from of_width(network)
        yield from of_linear_layers(network)


def of_range(setup: Setup) -> Iterator[Verdict]:
    """Layers after the last weights that limit the range of the outputs."""
    network, layers = setup.network, setup.network.layers
    last = max(i for i, layer in enumerate(layers) if has_tensors(layer))
    after = layers[last + 1 :]
    if after and layers[last].output_shape == network.output_shape:
        outside = _out_of_reach(setup, after[-1])
        said = f"; {outside:.0%} of the targets lie outside" if outside else ""
        yield Verdict(
            "cannot_fit_a_batch", "serious" if outside > OUT_OF_REACH else "suspected",
            after[0].name,
            f"After the last weights comes {after[0]!r}: the outputs cannot leave its range, "
            f"whatever {network.loss!r} asks for{said}.",
            "Leave it out; the loss has the activation that it needs.",
            f"from plainnet import Network\nnetwork = Network(network.layers[:-{len(after)}], "
            "loss=network.loss, input_shape=network.input_shape, seed=0)",
        )  # fmt: skip


def _out_of_reach(setup: Setup, last: Layer) -> float:
    """The share of targets, where outputs are these themselves, that the last layer cannot give."""
    y = guessed(setup.network, setup.y)
    bounds = next((bounds for kind, bounds in RANGES.items() if isinstance(last, kind)), None)
    if y is None or bounds is None or not isinstance(setup.network.loss, OF_NUMBERS):
        return 0.0
    return float(np.mean((y < bounds[0]) | (y > bounds[1])))


def has_tensors(layer: Layer) -> bool:
    """Whether the layer, or a layer inside it, declares tensors."""
    return bool(layer.declared) or any(map(has_tensors, layer.layers))


def of_linear_layers(network: Network) -> Iterator[Verdict]:
    """Two linear maps one after the other are one."""
    before: Layer | None = None
    for place, layer in enumerate(network.layers):

        def activated(i: int, layer: Layer, place: int = place) -> str:
            return "ReLU(), " * (i == place) + repr(layer)

        if isinstance(layer, LINEAR):
            if before is not None:
                yield Verdict(
                    "missing_activation", "note", layer.name,
                    f"Between {before.name} and {layer.name} there is no activation: together they "
                    "are one linear map.",
                    "Put an activation between them.",
                    rebuilt(network, activated),
                )  # fmt: skip
                return
            before = layer
        elif not isinstance(layer, PASSING):
            before = None


def of_width(network: Network) -> Iterator[Verdict]:
    """A layer that is narrower than what comes before and after it."""
    layers = network.layers
    wide = [(i, layer) for i, layer in enumerate(layers) if isinstance(layer, Dense | Recurrent)]
    for (i, layer), (_, after) in pairwise(wide):
        narrow, before, least = layer.units, layer.W.shape[1], max(after.units, 2)
        # A state has to hold what it remembers beside what it gives.
        is_narrow = (
            narrow <= least if isinstance(layer, Recurrent) else narrow < min(before, least) / 2
        )
        if is_narrow or narrow == 1:
            yield Verdict(
                "cannot_fit_a_batch", "suspected", layer.name,
                f"It has {counted(narrow, 'unit')}, between {before} and {after.units}: all that "
                "is learned has to pass through them.",
                "Make it wider.",
                _widened(network, i, max(16, after.units)),
            )  # fmt: skip
            return


def _widened(network: Network, place: int, units: int) -> str:
    def changed(i: int, layer: Layer) -> str:
        return with_units(layer, units) if i == place else repr(layer)

    return rebuilt(network, changed)


def of_own_layers(setup: Setup) -> Iterator[Verdict]:
    """Whether the backward pass of layers and losses that are not plainnet's is right."""
    network = setup.network
    own = [
        part
        for part in (*network.body.walk(), network.loss)
        if not type(part).__module__.startswith("plainnet.")
    ]
    if not own:
        return
    X, y = taken(network.inputs(setup.X), slice(5)), taken(setup.y, slice(5))
    try:
        checked = check_gradients(network.astype(np.float64), X, y)
    except PlainnetError:
        return  # what it is refused for, such as no float64, is no fault
    if not checked.passed:
        names = ", ".join(dict.fromkeys(type(part).__name__ for part in own))
        yield Verdict(
            "cannot_fit_a_batch", "serious", names,
            f"The gradient is not the derivative of the loss: their relative difference is "
            f"{max(checked.errors.values()):.2g}.",
            f"Mend the backward pass of {names}; plainnet.check_gradients(layer) shows where it is "
            "wrong.",
        )  # fmt: skip


def of_one_batch(setup: Setup) -> Iterator[Verdict]:
    """Checks that the network can memorize a few rows, as nearly any correct network can."""
    network = deepcopy(setup.network)
    network.unfreeze("*")
    n = len(network.inputs(setup.X))
    rows = np.linspace(0, n - 1, min(BATCH, n)).astype(int)
    X, y = taken(network.inputs(setup.X), rows), taken(setup.y, rows)
    prior = guessing(network.loss, y, network.dtype)
    batch = network.check(X, y)
    losses: list[float] = []
    step = Step(network, Adam(0.01), Cache(training=begins_in_training(network), seed=0))
    step.diverged = lambda what: DivergedError(what, step=len(losses), layer="")
    try:
        with np.errstate(all="ignore"):
            for _ in range(BATCH_STEPS):
                loss, *_ = step.gradient(batch)
                losses.append(loss)
                step.update()
    except DivergedError:
        return  # which a short training says better
    floor = floor_of(network.loss, y)
    if prior <= floor or min(losses) - floor <= FITTED * (prior - floor):
        return
    dead = [signal for signal in signals_of(setup.network, X, new=True) if signal.dead >= DEAD[1]]
    if dead:
        path = dead[0].path
        yield Verdict(
            "dead_units", "warning", path,
            f"On {counted(len(rows), 'row')}, {dead[0].dead:.0%} of its units give the same for "
            f"every row, and {BATCH_STEPS} steps do not teach these rows: no gradient comes "
            "through.",
            "Start with smaller weights, and biases of zero.",
            redrawn(network, weights_below(network, path)),
        )  # fmt: skip
        return
    yield Verdict(
        "cannot_fit_a_batch", "warning", "",
        f"After {BATCH_STEPS} steps on the same {counted(len(rows), 'row')} the loss is "
        f"{min(losses):.4g}; it began at {losses[0]:.4g}, and a constant reaches {prior:.4g}.",
        "Look for what limits it: an activation before the loss, a layer that is too narrow.",
    )  # fmt: skip
