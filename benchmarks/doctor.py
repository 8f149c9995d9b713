"""The doctor as a detector: planted faults that it finds, healthy networks that it leaves alone.

    OPENBLAS_NUM_THREADS=1 python benchmarks/doctor.py [part of a name] [--seed 0] [--jobs 2]

Each network of `faults` has one planted fault, in three strengths, of which the weakest costs a
measurable share of what there is to learn (`fault_costs.py`). Faults that show in what is learned
are asked about after training, with the history, all others before it; healthy networks both before
and after. A fault counts as found if a warning or a serious finding names it, or says the same in
another word (`SAME`). Its remedy, if it comes first and has code, is run as it is printed, and the
network is trained and tested: it mends the fault if less than a third of the cost is left, or less
than a tenth of what there is to learn. Agents, `faults.agents`, are asked about after they have
learned, and a remedy is measured by the median of what agents with three seeds get.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from faults.agents import AgentCase
from faults.cases import CASES, HEALTHY
from faults.setting import Case, Setting, guessing_score, score_on

import plainnet
from plainnet import diagnose
from plainnet.errors import DivergedError, PlainnetError
from plainnet.inspection import Report

STRENGTHS = ("weak", "medium", "strong")
AFTER = {
    "imbalanced_classes", "loss_and_metric_disagree", "miscalibrated", "overfitting",
    "too_good_validation", "underfitting",
}  # fmt: skip
"""Faults that show once a network has been trained."""
OF_TRUST = {
    "leaking_feature", "shared_rows", "shifted_validation", "too_good_validation",
    "shuffled_labels", "miscalibrated", "loss_and_metric_disagree",
}  # fmt: skip
"""Faults whose remedy no test score shows."""
SAME = {
    "exploding_gradients": {"variance_gain", "large_start_loss"},
    "vanishing_gradients": {"variance_gain"},
    "variance_gain": {"exploding_gradients", "vanishing_gradients", "large_start_loss"},
    "saturated_units": {"variance_gain", "vanishing_gradients"},
    "not_finite": {"learning_rate_too_high"},
    "unscaled_rewards": {"entropy_collapse"},
    "shared_rows": {"too_good_validation"},
    "too_good_validation": {"shared_rows"},
    "loss_and_metric_disagree": {"overfitting", "miscalibrated"},
    "miscalibrated": {"loss_and_metric_disagree"},
}
"""What says the same of a network: weights that are too large make the signal grow, the first loss
large, units saturated and gradients explode, and one remedy mends all. Of A2C, entropy counts for
little where rewards are large."""


class Result(NamedTuple):
    """Of one question."""

    case: str
    kind: str
    fault: str
    strength: str
    names: list[str]
    """Of the findings, the first first; ! marks what is serious, and notes are left out."""
    is_found: bool
    is_first: bool
    is_mended: bool | None
    """None where there was nothing to run."""


def options_of(setting: Setting) -> dict[str, Any]:
    return {
        "batch_size": setting.batch_size,
        "epochs": setting.epochs,
        **{name: value for name, value in setting.options.items() if name != "seed"},
    }


def asked(setting: Setting, *, after: bool) -> Report:
    """Before training, or of the trained network with its history."""
    network, history = setting.network, None
    if after:
        network = deepcopy(network)
        history = plainnet.train(
            network, setting.X, setting.y, optimizer=deepcopy(setting.optimizer),
            validation_data=setting.validation, seed=setting.options["seed"], progress=False,
            **options_of(setting),
        )  # fmt: skip
    return diagnose(
        network, setting.X, setting.y, setting.optimizer, history, setting.validation,
        **options_of(setting),
    )  # fmt: skip


def of_fault(case: Case, strength: int, seed: int) -> Result:
    setting = case.make(case.strengths[strength], seed)
    try:
        report = asked(setting, after=case.fault in AFTER)
    except DivergedError:  # there is no trained network to ask about
        report = asked(setting, after=False)
    told = [verdict for verdict in report if verdict.severity != "note"]
    names = {case.fault} | SAME.get(case.fault, set())
    is_first = bool(told) and told[0].name in names
    mended = None
    if is_first and told[0].code and case.fault not in OF_TRUST:
        mended = is_mended(case, setting, told[0].code, seed)
    return Result(
        case.name, case.kind, case.fault, STRENGTHS[strength], marked(told),
        any(verdict.name in names for verdict in told), is_first, mended,
    )  # fmt: skip


def marked(told: list[Any]) -> list[str]:
    return [verdict.name + "!" * (verdict.severity == "serious") for verdict in told]


def is_mended(case: Case, setting: Setting, code: str, seed: int) -> bool:
    """Whether the code, run as it is printed, and a training bring the score back."""
    best, guess = _score(case.make(None, seed)), guessing_score(setting)
    before, after = _score(setting), _remedied(setting, code)
    lost, left = ((best - score) / (best - guess) for score in (before, after))
    return bool(left < max(lost / 3, 0.1))


def _score(setting: Setting) -> float:
    network = deepcopy(setting.network)
    try:
        _train(network, setting, options_of(setting))
    except DivergedError:
        return guessing_score(setting)
    return score_on(network, setting.test)


def _remedied(setting: Setting, code: str) -> float:
    """The test score; the test rows go through the code as validation rows do."""
    options = options_of(setting)
    names: dict[str, Any] = {
        "network": deepcopy(setting.network),
        "X": np.asarray(setting.X),
        "y": np.asarray(setting.y),
        "optimizer": deepcopy(setting.optimizer),
        "validation": tuple(map(np.asarray, setting.test)),
        "train": lambda *_, **changed: options.update(changed),
    }
    held = tuple(map(np.asarray, setting.validation))
    try:
        exec(code, names)
        test = names["validation"]
        options.pop("optimizer", None)
        if "validation_data" in options:
            names["validation"] = held
            options["validation_data"] = held
        after = replace(
            setting, network=names["network"], X=names["X"], y=names["y"], test=test,
            optimizer=names["optimizer"],
        )  # fmt: skip
        _train(after.network, after, options)
    except DivergedError:
        return guessing_score(setting)
    except PlainnetError:
        return guessing_score(setting)
    return score_on(after.network, test)


def _train(network: plainnet.Network, setting: Setting, options: dict[str, Any]) -> None:
    plainnet.train(
        network, setting.X, setting.y, optimizer=deepcopy(setting.optimizer), progress=False,
        seed=setting.options["seed"], **options,
    )  # fmt: skip


def of_healthy(case: Case, after: bool, seed: int) -> Result:
    setting = case.make(None, seed)
    report = asked(setting, after=after)
    if report.serious and _score(setting) < case.score:  # with this seed, it is not healthy
        return Result(case.name, case.kind, "", "missed", report.names, False, False, None)
    told = [verdict for verdict in report if verdict.severity != "note"]
    when = "after" if after else "before"
    return Result(case.name, case.kind, "", when, marked(told), False, bool(report.serious), None)


def of_faulty_agent(case: AgentCase, strength: int, seed: int) -> Result:
    changed = case.strengths[strength]
    agent, _ = case.learned(changed, seed)
    told = [verdict for verdict in diagnose(agent) if verdict.severity != "note"]
    names = {case.fault} | SAME.get(case.fault, set())
    is_first = bool(told) and told[0].name in names
    mended = None
    if is_first and told[0].code:
        best, before = case.reached(None, seed), case.reached(changed, seed)
        after = case.reached_with(told[0].code, agent, changed, seed)
        lost, left = ((best - each) / (best - case.guessing) for each in (before, after))
        mended = bool(left < max(lost / 3, 0.1))
    return Result(
        case.name, case.kind, case.fault, STRENGTHS[strength], marked(told),
        any(verdict.name in names for verdict in told), is_first, mended,
    )  # fmt: skip


def of_healthy_agent(case: AgentCase, seed: int) -> Result:
    agent, _ = case.learned(None, seed)
    report = diagnose(agent)
    if report.serious and case.returned(agent, None) < case.score:
        return Result(case.name, case.kind, "", "missed", report.names, False, False, None)
    told = [verdict for verdict in report if verdict.severity != "note"]
    return Result(
        case.name, case.kind, "", "after", marked(told), False, bool(report.serious), None
    )


@cache
def by_name() -> dict[str, Case | AgentCase]:
    return {case.name: case for case in [*CASES, *HEALTHY]}


def answer(question: tuple[str, int], seed: int) -> Result:
    """Of a case and a strength, or of a healthy one before (0) or after (1) training."""
    name, number = question
    case = by_name()[name]
    if isinstance(case, AgentCase):
        return of_faulty_agent(case, number, seed) if case.fault else of_healthy_agent(case, seed)
    return of_fault(case, number, seed) if case.fault else of_healthy(case, bool(number), seed)


def shown(result: Result) -> str:
    if not result.fault:
        mark = "!" if result.is_first else " "
    else:
        mark = "1" if result.is_first else "+" if result.is_found else "-"
    mended = "" if result.is_mended is None else " mended" if result.is_mended else " NOT mended"
    return f"{mark} {result.case} {result.strength}: {', '.join(result.names)}{mended}"


def table(results: list[Result]) -> None:
    counts: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        for key in ("all", result.strength, result.kind, result.fault):
            counts[key].append(result)
    print(f"\n{'':28} {'n':>4} {'found':>6} {'first':>6} {'mended':>7}")
    for key, group in counts.items():
        found = np.mean([result.is_found for result in group])
        first = np.mean([result.is_first for result in group])
        tried = [result.is_mended for result in group if result.is_mended is not None]
        mended = f"{np.mean(tried):7.3f} of {len(tried)}" if tried else ""
        print(f"{key:28} {len(group):4} {found:6.3f} {first:6.3f} {mended}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    faulty = [(case.name, i) for case in CASES for i in range(3) if arguments.part in case.name]
    healthy = [
        (case.name, i)
        for case in HEALTHY
        for i in ((1,) if isinstance(case, AgentCase) else (0, 1))
        if arguments.part in case.name
    ]
    results = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(partial(answer, seed=arguments.seed), [*faulty, *healthy]):
            print(shown(result), flush=True)
            results.append(result)
    table([result for result in results if result.fault])
    alarms = [f"{r.case} {r.strength}" for r in results if not r.fault and r.is_first]
    missed = sorted({r.case for r in results if r.strength == "missed"})
    print(f"\nhealthy networks that miss their score with this seed, and are told so: {missed}")
    print(f"serious findings in {len(healthy)} answers on healthy networks: {alarms or 'none'}")


if __name__ == "__main__":
    main()
