"""ImageClassifier beside scikit-learn's MLP and SVC, on the same images.

Expected (2026-11-28), one thread of an AMD EPYC that had other work too:

    digits, means of five seeds,                accuracy  log-loss  seconds of a core
    a stratified fifth held out
        ImageClassifier, default                  0.9950     0.027               24.5
        ImageClassifier, fast                     0.9844     0.057                5.5
        MLPClassifier, defaults                   0.9794                          1.1
        MLPClassifier (512, 256), early stopping  0.9717                          1.2
        SVC, defaults                             0.9883                          0.1
        SVC, C=10                                 0.9911                          0.1

    Fashion-MNIST, its own 10,000 test images
        ImageClassifier, default                  0.9334     0.196                817
        ImageClassifier, fast                     0.9088     0.258                150

    python benchmarks/images.py digits [--seeds 5]
    python benchmarks/images.py fashion-mnist [--images 60000] [--only NAME]
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from plainnet import datasets
from plainnet.estimators import ImageClassifier

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Rows:
    """One of scikit-learn's, which take rows of pixels from 0 to 1."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.largest = X.max()
        self.model.fit(self._rows(X), y)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.model.predict(self._rows(X))

    def _rows(self, X: np.ndarray) -> np.ndarray:
        return X.reshape(len(X), -1) / self.largest


def theirs(seed: int) -> dict[str, Callable[[], Any]]:
    mlp = {"random_state": seed, "early_stopping": True}
    return {
        "MLPClassifier, defaults": lambda: Rows(MLPClassifier(random_state=seed)),
        "MLPClassifier (512, 256), early stopping": lambda: Rows(
            make_pipeline(StandardScaler(), MLPClassifier((512, 256), **mlp))
        ),
        "SVC, defaults": lambda: Rows(SVC()),
        "SVC, C=10": lambda: Rows(SVC(C=10)),
    }


def ours(seed: int, **settings: Any) -> dict[str, Callable[[], Any]]:
    return {
        f"ImageClassifier, {preset}": lambda preset=preset: ImageClassifier(
            preset, random_state=seed, **settings
        )
        for preset in ("default", "fast")
    }


def measured(make: Callable[[], Any], split: Split) -> tuple[float, float, float, float]:
    """(accuracy, log-loss or NaN, seconds, seconds of the processor)."""
    X, X_test, y, y_test = split
    model = make()
    begun, worked = time.perf_counter(), time.process_time()
    model.fit(X, y)
    seconds, work = time.perf_counter() - begun, time.process_time() - worked
    accuracy = float(np.mean(model.predict(X_test) == y_test))
    loss = np.nan
    if hasattr(model, "predict_proba"):
        loss = log_loss(y_test, model.predict_proba(X_test))
    return accuracy, loss, seconds, work


def digits(seeds: int) -> Iterator[tuple[str, list[tuple[float, float, float, float]]]]:
    data = load_digits()
    results: dict[str, list[tuple[float, float, float, float]]] = {}
    for seed in range(seeds):
        split = train_test_split(
            data.images, data.target, test_size=0.2, stratify=data.target, random_state=seed
        )
        for name, make in {**ours(seed), **theirs(seed)}.items():
            results.setdefault(name, []).append(measured(make, split))
    yield from results.items()


def fashion_mnist(
    images: int, names: list[str]
) -> Iterator[tuple[str, list[tuple[float, float, float, float]]]]:
    data = datasets.load("fashion-mnist")
    kept = np.random.default_rng(0).permutation(len(data.X))[:images]
    X, X_test = (rows.astype(np.uint8).reshape(-1, 28, 28) for rows in (data.X, data.test[0]))
    split = X[kept], X_test, data.y[kept], data.test[1]
    for name, make in {**ours(0, flip=True), **theirs(0)}.items():
        if not names or name in names:
            yield name, [measured(make, split)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=["digits", "fashion-mnist"])
    parser.add_argument("--seeds", type=int, default=5, help="of digits")
    parser.add_argument("--images", type=int, default=60_000, help="of Fashion-MNIST, to learn")
    parser.add_argument("--only", action="append", default=[], help="a name in the table")
    arguments = parser.parse_args()
    print(f"{'':<42}{'accuracy':>10}{'log-loss':>10}{'seconds':>10}{'of a core':>10}")
    if arguments.data == "digits":
        rows = digits(arguments.seeds)
    else:
        rows = fashion_mnist(arguments.images, arguments.only)
    for name, results in rows:
        accuracy, loss, seconds, work = np.mean(results, axis=0)
        shown = "" if np.isnan(loss) else f"{loss:.3f}"
        print(f"{name:<42}{accuracy:>10.4f}{shown:>10}{seconds:>10.1f}{work:>10.1f}", flush=True)


if __name__ == "__main__":
    main()
