"""The tabular estimators' time and memory beside scikit-learn's MLP and gradient boosting.

    python benchmarks/tabular_speed.py [--rounds 3]

On 1,000 rows of 10 numbers, of classes and of numbers: seconds to fit, milliseconds to predict one
row, seconds to predict 10,000; and the megabytes by which fitting 1,000 x 1,000 raises a process
above its level after a small fit. The models take turns, and behind each time stands the median of
its ratios to plainnet's in the same round. All have their defaults; the MLP stands behind
StandardScaler. For one thread set OPENBLAS_NUM_THREADS=1.
"""

import argparse
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plainnet.estimators.tabular import TabularClassifier, TabularRegressor

Make = Callable[[], Any]
MODELS: dict[str, tuple[Make, Make]] = {
    "plainnet": (
        lambda: TabularClassifier(random_state=0),
        lambda: TabularRegressor(random_state=0),
    ),
    "scikit-learn MLP": (
        lambda: make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
        lambda: make_pipeline(StandardScaler(), MLPRegressor(random_state=0)),
    ),
    "HistGradientBoosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
}
DATA: dict[str, Callable[[int], Any]] = {
    "classes": lambda n: make_classification(n, 10, n_informative=6, random_state=0),
    "numbers": lambda n: make_friedman1(n, 10, noise=1, random_state=0),
}
MEASURES = {"fit, s": 1, "one row, ms": 1000, "10,000 rows, s": 1}


def seconds(call: Callable[[], object], times: int = 1) -> float:
    begun = perf_counter()
    for _ in range(times):
        call()
    return (perf_counter() - begun) / times


def times_of(make: Make, X: np.ndarray, y: np.ndarray, more: np.ndarray) -> list[float]:
    """Of each of MEASURES, in seconds."""
    model = make()
    fit = seconds(lambda: model.fit(X, y))
    model.predict(more[:1])  # what the first prediction makes and later ones use
    one = seconds(lambda: model.predict(more[:1]), times=50)
    return [fit, one, seconds(lambda: model.predict(more), times=3)]


def compare(task: str, rounds: int) -> None:
    X, y = DATA[task](1000)
    more, _ = DATA[task](10_000)
    makes = {name: pair[task == "numbers"] for name, pair in MODELS.items()}
    spent: dict[str, list[list[float]]] = {name: [] for name in makes}
    for _ in range(rounds):
        for name, make in makes.items():
            spent[name].append(times_of(make, X, y, more))
    for name in makes:
        cells = []
        for i, scale in enumerate(MEASURES.values()):
            pairs = zip(spent["plainnet"], spent[name], strict=True)
            ratio = median(each[i] / own[i] for own, each in pairs)
            cells.append(f"{scale * median(times[i] for times in spent[name]):.3g} ({ratio:.2g})")
        print(f"| {task} | {name} | " + " | ".join([*cells, str(megabytes(name, task))]) + " |")


def megabytes(name: str, task: str) -> int:
    """What a fit of 1,000 x 1,000 needs, in a process of its own."""
    command = [sys.executable, __file__, "--memory", name, task]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def measure_memory(name: str, task: str) -> None:
    make = MODELS[name][task == "numbers"]
    X = np.random.default_rng(0).standard_normal((1000, 1000))
    target = X[:, 0] + X[:, 1] * X[:, 2]
    y = target > 0 if task == "classes" else target
    make().fit(X[:100, :5], y[:100])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    make().fit(X, y)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    warnings.simplefilter("ignore")  # that the MLP's 200 iterations were not enough
    if chosen.memory:
        measure_memory(*chosen.memory)
        return
    print("| task | model | " + " | ".join(MEASURES) + " | fit 1,000 x 1,000, MB |")
    print("|---|---|---|---|---|---|")
    for task in DATA:
        compare(task, chosen.rounds)


if __name__ == "__main__":
    main()
