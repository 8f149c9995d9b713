"""The tabular estimators' time and memory beside scikit-learn's MLP and gradient boosting.

On 1,000 rows of 10 numbers, of classes and of numbers: the time to fit, to predict one row, and to
predict 10,000; and by how much fitting 1,000 x 1,000 raises a process above its level after a small
fit. All have their defaults; the MLP stands behind StandardScaler.
"""

import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from timing import in_turns, seconds, table, times_as_fast

from plainnet.estimators.tabular import TabularClassifier, TabularRegressor

Make = Callable[[], Any]
MODELS: dict[str, tuple[Make, Make]] = {
    "plainnet": (
        lambda: TabularClassifier(random_state=0),
        lambda: TabularRegressor(random_state=0),
    ),
    "scikit-learn's MLP": (
        lambda: make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
        lambda: make_pipeline(StandardScaler(), MLPRegressor(random_state=0)),
    ),
    "HistGradientBoosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
}
DATA: dict[str, Callable[[int], Any]] = {
    "classes": lambda n: make_classification(n, 10, n_informative=6, random_state=0),
    "numbers": lambda n: make_friedman1(n, 10, noise=1, random_state=0),
}
MEASURES = ("fit", "one row", "10,000 rows")
UNIT = 1 if sys.platform == "darwin" else 1024


def times_of(task: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """For each of MEASURES, the seconds of each model in each round."""
    X, y = DATA[task](1000)
    more, _ = DATA[task](10_000)
    models = {name: pair[task == "numbers"]() for name, pair in MODELS.items()}
    calls = {
        "fit": {name: partial(model.fit, X, y) for name, model in models.items()},
        "one row": {name: partial(model.predict, more[:1]) for name, model in models.items()},
        "10,000 rows": {name: partial(model.predict, more) for name, model in models.items()},
    }
    return {name: in_turns(calls[name], rounds, 0.0 if name == "fit" else 0.1) for name in MEASURES}


def memory_of_fit(name: str, task: str) -> float:
    make = MODELS[name][task == "numbers"]
    X = np.random.default_rng(0).standard_normal((1000, 1000))
    target = X[:, 0] + X[:, 1] * X[:, 2]
    y = target > 0 if task == "classes" else target
    make().fit(X[:100, :5], y[:100])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    make().fit(X, y)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * UNIT / 1e6


def in_fresh_process(name: str, task: str) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return {"megabytes": pool.submit(memory_of_fit, name, task).result()}


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    for task in DATA:
        times = times_of(task, rounds)
        for name in MODELS:
            cells: list[Any] = [task, name]
            for each in times.values():
                own = name == "plainnet"
                faster = None if own else times_as_fast(each[name], each["plainnet"])
                cells += [seconds(each[name]), faster]
            rows.append([*cells, in_fresh_process(name, task)])
    measures = [title for name in MEASURES for title in (name, "x")]
    return table(["task", "model", *measures, "memory of 1,000 x 1,000"], rows)
