"""Predicting one row, as a server does: the probabilities of the classes, as a NumPy array."""

from itertools import pairwise
from typing import Any

import numpy as np
from timing import Call, in_turns, made, seconds, table, times_as_fast

from parts.training import plainnet_network, torch_network

SIZES = ((2, 16, 16, 3), (64, 128, 64, 10), (784, 256, 128, 10))
Sizes = tuple[int, ...]


def plainnet_row(sizes: Sizes, X: np.ndarray) -> Call:
    network = plainnet_network(sizes)
    return lambda: network.predict_proba(X)


def fitted(classifier: Any, sizes: Sizes) -> Any:
    rng = np.random.default_rng(0)
    y = np.arange(10 * sizes[-1]) % sizes[-1]
    return classifier.fit(rng.standard_normal((len(y), sizes[0]), dtype=np.float32), y)


def plainnet_estimator_row(sizes: Sizes, X: np.ndarray) -> Call:
    from plainnet.estimators import MLPClassifier

    classifier = fitted(MLPClassifier(sizes[1:-1], max_iter=2), sizes)
    return lambda: classifier.predict_proba(X)


def sklearn_row(sizes: Sizes, X: np.ndarray) -> Call:
    from sklearn.neural_network import MLPClassifier

    classifier = fitted(MLPClassifier(sizes[1:-1], max_iter=2), sizes)
    return lambda: classifier.predict_proba(X)


def torch_row(sizes: Sizes, X: np.ndarray) -> Call:
    import torch

    network = torch_network(sizes).eval()

    @torch.inference_mode()
    def predict() -> np.ndarray:
        return network(torch.from_numpy(X)).softmax(-1).numpy()

    return predict


def jax_row(sizes: Sizes, X: np.ndarray) -> Call:
    import jax

    rng = np.random.default_rng(0)
    parameters = [
        (rng.standard_normal(pair, np.float32), np.zeros(pair[1], np.float32))
        for pair in pairwise(sizes)
    ]
    parameters = jax.tree.map(jax.numpy.asarray, parameters)

    @jax.jit
    def probabilities(parameters: Any, A: Any) -> Any:
        for W, b in parameters[:-1]:
            A = jax.nn.relu(A @ W + b)
        W, b = parameters[-1]
        return jax.nn.softmax(A @ W + b)

    return lambda: np.asarray(probabilities(parameters, X))


def keras_row(sizes: Sizes, X: np.ndarray) -> Call:
    """By `network.predict`, which is compiled and takes less time than calling the network."""
    import keras

    layers = [keras.layers.Dense(units, activation="relu") for units in sizes[1:-1]]
    last = keras.layers.Dense(sizes[-1], activation="softmax")
    network = keras.Sequential([keras.Input((sizes[0],)), *layers, last])
    return lambda: network.predict(X, verbose=0)


OURS = {"Network": plainnet_row, "MLPClassifier": plainnet_estimator_row}
PEERS = {
    "scikit-learn": sklearn_row,
    "PyTorch": torch_row,
    "JAX, jit": jax_row,
    "Keras on JAX": keras_row,
}


def measure(rounds: int) -> dict[str, Any]:
    rows, missing = [], []
    for sizes in SIZES:
        X = np.random.default_rng(0).standard_normal((1, sizes[0]), dtype=np.float32)
        contenders, left_out = made({**OURS, **PEERS}, sizes, X)
        missing += left_out
        times = in_turns(contenders, rounds, seconds=0.1)
        for name in OURS:
            if name in times:
                own = times[name]
                others = [times_as_fast(times[n], own) if n in times else None for n in PEERS]
                rows.append([f"{name}, {'-'.join(map(str, sizes))}", seconds(own), *others])
    return table(["plainnet's", "time", *PEERS], rows, missing)
