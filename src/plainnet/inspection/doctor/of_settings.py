"""What a training shows of its settings: clipping, regularisation, the size of batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from plainnet.errors import counted
from plainnet.inspection.doctor.setups import Setup
from plainnet.inspection.doctor.thresholds import CLIPPED, OUTWEIGHED
from plainnet.inspection.doctor.verdicts import Verdict
from plainnet.inspection.doctor.watching import Moment
from plainnet.layers import BatchNorm
from plainnet.optimizers import Optimizer

FEW, SMALL = 4, 16
"""Smaller batches are too small for batch statistics, or may be."""


def of_clipping(setup: Setup, moments: Sequence[Moment]) -> Iterator[Verdict]:
    """Gradients that are shortened at nearly every step."""
    limit = setup.settings.get("clip_norm")
    if limit is None:
        return
    sizes = {s.name: s.stop - s.start for s in setup.network.segments}
    lengths = [
        float(np.sqrt(sum(sizes[n] * g**2 for n, g in moment.gradients.items())))
        for moment in moments
    ]
    share = float(np.mean([length > 0.99 * limit for length in lengths]))
    if share > 0.5:
        yield Verdict(
            "clipped_steps", "warning" if share >= CLIPPED else "suspected", "",
            f"The gradient was shortened to clip_norm={limit:g} in {share:.0%} of the steps that "
            "were looked at: these are all of the same length, whatever the loss is.",
            "Raise the limit to what only rare gradients reach, or leave it out.",
            setup.train_call(clip_norm=None),
        )  # fmt: skip


def of_regularization(setup: Setup, moments: Sequence[Moment]) -> Iterator[Verdict]:
    """Weight decay that outweighs the data."""
    optimizer = setup.optimizer
    decay = optimizer.weight_decay
    decaying = [
        s for s in setup.network.segments if s.weight_decay and s.name in moments[0].weights
    ]
    if not decay or not decaying:
        return
    ratios = []
    for moment in moments[: max(len(moments) // 3, 1)]:  # later, both are in balance
        for s in decaying:
            pull, push = decay * s.weight_decay * moment.weights[s.name], moment.gradients[s.name]
            if isinstance(optimizer, Optimizer) and optimizer.decoupled:
                pull *= optimizer.learning_rate * s.learning_rate
                push = max(moment.updates[s.name] - pull, 0.0)
            ratios.append(pull / push if push else np.inf)
    ratio, (some, much) = median(ratios), OUTWEIGHED
    if ratio > some:
        yield Verdict(
            "strong_regularization", "warning" if ratio > much else "suspected", "",
            f"weight_decay={decay:g} pulls {min(ratio, 1e6):.3g} times as hard at the weights as "
            "the data do.",
            "Lower it.", f"optimizer.weight_decay = {decay / 100:.2g}",
        )  # fmt: skip


def of_l1(setup: Setup, moments: Sequence[Moment]) -> Iterator[Verdict]:
    """L1 that leaves a tensor no weight."""
    l1 = setup.optimizer.l1 if isinstance(setup.optimizer, Optimizer) else 0.0
    if not l1 or len(moments) < 2:  # at first, weights may be 0 by their initializer
        return
    weights = moments[-1].weights
    shrinking = [s.name for s in setup.network.segments if s.weight_decay and s.learning_rate]
    emptied = [name for name in shrinking if name in weights and not weights[name]]
    if emptied:
        yield Verdict(
            "strong_regularization", "warning", emptied[0],
            f"With l1={l1:g}, every weight of {', '.join(emptied)} is 0.",
            "Lower it.", f"optimizer.l1 = {l1 / 100:.2g}",
        )  # fmt: skip


def of_batches(setup: Setup) -> Iterator[Verdict]:
    """Batch norm over too few rows."""
    size = setup.settings.get("batch_size")
    if size is None or size >= SMALL:
        return
    if any(isinstance(layer, BatchNorm) for layer in setup.network.body.walk()):
        yield Verdict(
            "small_batches", "suspected" if size >= FEW else "warning", "",
            f"Batch norm divides by the deviation within a batch, and a batch has "
            f"{counted(size, 'row')}.",
            "Take larger batches, or layer norm.", setup.train_call(batch_size=32),
        )  # fmt: skip
