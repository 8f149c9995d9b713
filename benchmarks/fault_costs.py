"""What each planted fault costs, on the average of three seeds.

    OPENBLAS_NUM_THREADS=1 python benchmarks/fault_costs.py [part of a name]

The cost is the share of the way from guessing to the healthy network that is lost on the test rows.
Where a fault deceives about the score instead, it is what validation promises too much or too
little; where it spoils the probabilities, the log-loss as a multiple of the healthy network's.
A loss that is not finite costs everything at each strength: a stronger fault ends training earlier.
Of agents, the score is the mean return of new episodes.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from faults.agents import AgentCase
from faults.cases import CASES, HEALTHY
from faults.setting import Case, Setting, guessing_score, score_on, trained

SEEDS = (1000, 1001, 1002)
DECEIVE = {"shared_rows", "leaking_feature", "shifted_validation", "too_good_validation"}
"""Validation minus test score, beside that of the twin."""
SPOIL_PROBABILITIES = {"loss_and_metric_disagree", "miscalibrated"}
"""Test loss as a multiple of the twin's."""

Measure = Callable[[Setting], float]


def score(setting: Setting) -> float:
    network, finite = trained(setting)
    return score_on(network, setting.test) if finite else guessing_score(setting)


def gap(setting: Setting) -> float:
    network, _ = trained(setting)
    return score_on(network, setting.validation) - score_on(network, setting.test)


def loss(setting: Setting) -> float:
    """Log-loss of the probabilities, whatever loss the training had."""
    network, _ = trained(setting)
    X, y = setting.test
    y = np.asarray(y)
    P = network.predict_proba(X)
    P = P[np.arange(len(y)), y] if P.ndim == 2 and P.shape[1] > 1 else np.where(y, P.T, 1 - P.T)
    return float(-np.log(np.maximum(P, 1e-12)).mean())


TWINS: dict[tuple[str, Measure, int], float] = {}
"""What was measured of the healthy networks, by the recipe's name."""


def of_twin(case: Case, measure: Measure, seed: int) -> float:
    key = (case.name.partition("/")[0], measure, seed)
    if key not in TWINS:
        TWINS[key] = measure(case.make(None, seed))
    return TWINS[key]


def cost(case: Case, strength: Any, seed: int) -> float:
    setting = case.make(strength, seed)
    if case.fault in DECEIVE:
        return abs(gap(setting) - of_twin(case, gap, seed))
    if case.fault in SPOIL_PROBABILITIES:
        return loss(setting) / of_twin(case, loss, seed)
    best, guessing = of_twin(case, score, seed), guessing_score(case.make(None, seed))
    return (best - score(setting)) / (best - guessing)


def measured_agent(case: AgentCase) -> str:
    """A line of the table, of an agent."""
    rows = [
        [case.reached_once(strength, seed) for seed in SEEDS]
        for strength in (None, *case.strengths)
    ]
    best, *scores = np.mean(rows, axis=1)
    missed = "!" if best < case.score else " "
    numbers = "".join(f"{(best - each) / (best - case.guessing):9.3f}" for each in scores)
    return f"{case.name:55} {best:7.3f}{missed}{numbers}".rstrip()


def measured(case: Case | AgentCase) -> str:
    """A line of the table; ! says that a healthy network misses its score."""
    if isinstance(case, AgentCase):
        return measured_agent(case)
    scores = [of_twin(case, score, seed) for seed in SEEDS]
    costs = [np.mean([cost(case, each, seed) for seed in SEEDS]) for each in case.strengths]
    missed = "!" if min(scores) < case.score else " "
    unit = "gap" if case.fault in DECEIVE else "loss" if case.fault in SPOIL_PROBABILITIES else ""
    numbers = "".join(f"{each:9.3f}" for each in costs)
    return f"{case.name:55} {np.mean(scores):7.3f}{missed}{numbers}  {unit}".rstrip()


def main() -> None:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{'':55} healthy      weak   medium   strong")
    for case in [*HEALTHY, *CASES]:
        if part in case.name:
            print(measured(case), flush=True)


if __name__ == "__main__":
    main()
