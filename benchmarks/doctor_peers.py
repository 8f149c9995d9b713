"""nnscope and neuroscope as detectors, on the faulty and the healthy networks of doctor.py.

    OPENBLAS_NUM_THREADS=1 python benchmarks/doctor_peers.py [part of a name] [--seed 0] [--jobs 2]

Needs Python 3.12, scikit-learn, gymnasium, nnscope 0.1.2 and neuroscope 0.2.2.

nnscope looks on while plainnet trains and gets all that its rules read: weights, gradients,
activations, both losses; once it logs every epoch, once every step. neuroscope has networks of its
own: those that it can express are built there with the same initial weights, seen by its analyzer
and trained with its monitor. A message counts for each fault that it names as a sign, as a cause
or by its remedy (`MEANS`), and for what says the same in another word (`SAME` of doctor.py).

Expected with seed 8, in about 20 minutes: nnscope names 0.171 (each epoch) and 0.202 (each step) of
519 faults and calls 4 of 52 healthy networks faulty; neuroscope names 0.645 of 183, and 5 of 21.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import nan
from typing import NamedTuple

import numpy as np
from doctor import SAME, STRENGTHS, by_name
from faults.cases import CASES, HEALTHY
from peers import Message
from peers.neuroscope import by_neuroscope, can_express
from peers.nnscope import by_nnscope

DIVERGES = {"not_finite", "learning_rate_too_high"}
MOVES_LITTLE = {"learning_rate_too_low", "never_changes", "clipped_steps"}
LEARNS_LITTLE = {*MOVES_LITTLE, "underfitting", "cannot_fit_a_batch"}
OVERFITS = {"overfitting", "loss_and_metric_disagree"}
MEANS = {
    # Insights of nnscope.
    "nan": DIVERGES, "lr_high": DIVERGES, "lr_low": MOVES_LITTLE, "overfit": OVERFITS,
    "exploding": {"exploding_gradients", *DIVERGES},
    "vanishing": {"vanishing_gradients", "saturated_units", "variance_gain", "never_changes"},
    "dead": {"dead_units", "learning_rate_too_high", "variance_gain"}, "inactive": {"dead_units"},
    "saturated": {"saturated_units", "unscaled_inputs", "variance_gain"},
    # Tests of neuroscope's analyzer, and what the last of them lists.
    "Initial Loss Check": {"large_start_loss", "unscaled_inputs", "unscaled_target"},
    "Initialization Validation": {"variance_gain", "symmetric_units"},
    "Layer Capacity Analysis": {"cannot_fit_a_batch", "underfitting"},
    "Architecture Sanity Check": {"vanishing_gradients"},
    "Capacity vs Data Ratio": {"overfitting"}, "High overfitting risk": {"overfitting"},
    "Inappropriate learning rate": {"learning_rate_too_high", "learning_rate_too_low"},
    "Invalid loss values": DIVERGES, "Non-finite predictions": DIVERGES,
    "Loss computation failed": DIVERGES, "Forward pass failed": DIVERGES,
    # Lights of neuroscope's monitor, and the warnings of its training.
    "dead_neurons": {"dead_units"}, "saturation": {"saturated_units", "variance_gain"},
    "vgp": {"vanishing_gradients"}, "egp": {"exploding_gradients", "not_finite"},
    "weight_health": {"variance_gain", "symmetric_units", "strong_regularization"},
    "wur": {*DIVERGES, *MOVES_LITTLE}, "snr": {"small_batches"},
    "progress": LEARNS_LITTLE, "plateau": LEARNS_LITTLE, "overfitting": OVERFITS,
    "warning": {*DIVERGES, "exploding_gradients", "unscaled_inputs"},
}  # fmt: skip
"""Which faults each message names."""
TOOLS = ("nnscope, each epoch", "nnscope, each step", "neuroscope")


class Result(NamedTuple):
    """Of one network and one tool that applies to it."""

    tool: str
    kind: str
    fault: str
    strength: str
    told: list[Message]
    """What is serious first, then in the order in which it was said."""

    def has(self, column: str) -> bool:
        names = {self.fault} | SAME.get(self.fault, set())
        right = [not names.isdisjoint(MEANS[message.says]) for message in self.told]
        serious = [message.is_serious for message in self.told]
        return {
            "any": bool(right), "named": any(right), "first": any(right[:1]),
            "serious": any(serious) and self.strength != "missed",
        }[column]  # fmt: skip


def answers(question: tuple[str, int | None], seed: int) -> list[Result]:
    """Of a case and a strength, or of a healthy network and None."""
    name, strength = question
    case = by_name()[name]
    setting = case.make(None if strength is None else case.strengths[strength], seed)
    told, score = by_nnscope(setting)
    if can_express(setting):
        told.append(by_neuroscope(setting))
    health = "healthy" if score >= case.score else "missed"  # what is said of it is no false alarm
    label = health if strength is None else STRENGTHS[strength]
    results = []
    for tool, messages in zip(TOOLS, told, strict=False):
        messages.sort(key=lambda message: not message.is_serious)
        results.append(Result(tool, case.kind, case.fault, label, messages))
    return results


def table(results: list[Result], keys: tuple[str, ...], columns: tuple[str, ...]) -> None:
    groups: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        for key in ("all", *[getattr(result, key) for key in keys]):
            groups[key, result.tool].append(result)
    head = f"{'n':>6}" + "".join(f"{column:>8}" for column in columns)
    print(f"\n{'':24}" + "".join(f"{tool:>{len(head)}}" for tool in TOOLS))
    print(f"{'':24}" + head * len(TOOLS))
    for key in dict.fromkeys(key for key, _ in groups):
        line = f"{key:24}"
        for group in [groups.get((key, tool), []) for tool in TOOLS]:
            shares = [
                np.mean([r.has(column) for r in group]) if group else nan for column in columns
            ]
            line += f"{len(group):6}" + "".join(f"{share:8.3f}" for share in shares)
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    asked = [(case.name, i) for case in CASES if case.kind != "agent" for i in range(3)]
    asked += [(case.name, None) for case in HEALTHY if case.kind != "agent"]
    asked = [question for question in asked if arguments.part in question[0]]
    results = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        found = pool.map(partial(answers, seed=arguments.seed), asked)
        for (name, _), several in zip(asked, found, strict=True):
            for tool, *_, strength, told in several:
                says = ", ".join(message.says + "!" * message.is_serious for message in told)
                print(f"{name} {strength}, {tool}: {says or '-'}", flush=True)
            results += several
    faulty = [result for result in results if result.fault]
    table(faulty, ("strength", "kind", "fault"), ("any", "named", "first"))
    table([result for result in results if not result.fault], ("kind",), ("any", "serious"))


if __name__ == "__main__":
    main()
