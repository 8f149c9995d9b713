"""Importing a package in a fresh Python: time, and the most memory that the process held.

plainnet imports its parts when they are first used; the others are compared with what a training
script imports.
"""

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from typing import Any

from timing import in_turns, seconds, table, times_as_fast

TRAINING = "from plainnet import Network, train; from plainnet import layers, losses, optimizers"
OURS = "plainnet, for training"
IMPORTS = {
    "Python alone": "pass",
    "NumPy": "import numpy",
    "plainnet": "import plainnet",
    OURS: f"{TRAINING}; layers.Dense, losses.SoftmaxCrossEntropy, optimizers.Adam",
    "scikit-learn": "import sklearn.neural_network",
    "PyTorch": "import torch",
    "JAX": "import jax.numpy",
    "Keras on JAX": "import keras",
}
PACKAGES = {"scikit-learn": "sklearn", "PyTorch": "torch", "JAX": "jax", "Keras on JAX": "keras"}
PEAK = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
UNIT = 1 if sys.platform == "darwin" else 1024


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def megabytes(code: str) -> dict[str, float] | None:
    if os.name != "posix":
        return None
    return {"megabytes": int(run(f"{code}\n{PEAK}")) * UNIT / 1e6}


def measure(rounds: int) -> dict[str, Any]:
    missing = [name for name, package in PACKAGES.items() if find_spec(package) is None]
    codes = {name: code for name, code in IMPORTS.items() if name not in missing}
    times = in_turns({name: partial(run, code) for name, code in codes.items()}, rounds, seconds=0)
    rows = [
        [name, seconds(taken), times_as_fast(taken, times[OURS]), megabytes(codes[name])]
        for name, taken in times.items()
    ]
    left_out = [f"{name} ({PACKAGES[name]} is not installed)" for name in missing]
    return table(["import", "time", "x plainnet, for training", "peak memory"], rows, left_out)
