"""Peak memory and time of training on a sparse matrix, beside scikit-learn's.

    python benchmarks/sparse.py

Each run is a process of its own: its largest resident set, less that before fit, when the data are
made. 10,000 rows of 20,000 features, of which 0.5% are not zero.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
import warnings

import numpy as np
from scipy import sparse

ROWS, FEATURES, DENSITY, CLASSES = 10_000, 20_000, 0.005, 4
SETTINGS = {
    "lbfgs": {"solver": "lbfgs", "max_iter": 10},
    "adam": {"solver": "adam", "max_iter": 3},
    "adam, early stopping": {"solver": "adam", "early_stopping": True, "max_iter": 3},
}


def data() -> tuple[sparse.csr_array, np.ndarray]:
    """Features as of texts, and classes."""
    rng, each = np.random.default_rng(0), int(FEATURES * DENSITY)
    places = rng.integers(FEATURES, size=ROWS * each, dtype=np.int32)
    ends = np.arange(0, ROWS * each + 1, each, dtype=np.int32)
    X = sparse.csr_array((rng.random(ROWS * each), places, ends), shape=(ROWS, FEATURES))
    X.sum_duplicates()
    return X, rng.integers(CLASSES, size=ROWS)


def peak() -> float:
    """The largest resident set so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(library: str, settings: str) -> None:
    """Fit, predict, and print what it took."""
    if library == "plainnet":
        from plainnet.estimators import MLPClassifier
    else:
        from sklearn.neural_network import MLPClassifier
    warnings.simplefilter("ignore")
    X, y = data()
    MLPClassifier(4, max_iter=1).fit(X[:100, :10], y[:100])  # what is imported at the first fit
    before, began = peak(), time.perf_counter()
    model = MLPClassifier(32, random_state=0, **SETTINGS[settings]).fit(X, y)
    fitted, seconds = peak(), time.perf_counter() - began
    model.predict_proba(X)
    print(f"{fitted - before:9.0f} {peak() - before:9.0f} {seconds:9.1f}")


def main() -> None:
    """A line for each library and setting."""
    print(f"{'':32} {'fit, MiB':>9} {'+ predict':>9} {'fit, s':>9}")
    for settings in SETTINGS:
        for library in ("plainnet", "scikit-learn"):
            print(f"{settings + ', ' + library:32}", end=" ", flush=True)
            subprocess.run([sys.executable, __file__, library, settings], check=True)


if __name__ == "__main__":
    run(*sys.argv[1:]) if len(sys.argv) > 1 else main()
