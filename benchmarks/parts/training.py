"""A training step with Adam in float32, written for each library as its users write it.

All train the same network on the same data. A measurement is a few shuffled epochs, divided by
their number of steps. The loss is read once a step where the library's loops do so (plainnet,
scikit-learn and PyTorch) and once an epoch in JAX's scan and in Keras.
"""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from timing import Call, LeftOut, in_turns, made, seconds, table, times_as_fast

import plainnet
from plainnet.layers import Dense, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import Adam

EPSILON, BETAS, RATE = 1e-8, (0.9, 0.999), 0.001


@dataclass(frozen=True)
class Row:
    sizes: tuple[int, ...]
    batch_size: int
    steps: int
    epochs: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch_size}"

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        m = self.batch_size * self.steps
        X = rng.standard_normal((m, self.sizes[0]), dtype=np.float32)
        return X, rng.integers(0, self.sizes[-1], m)


ROWS = (
    Row((2, 16, 16, 3), 32, 200, 6),
    Row((64, 128, 64, 10), 64, 100, 3),
    Row((784, 256, 128, 10), 128, 60, 2),
    Row((1024, 1024, 1024, 10), 256, 20, 1),
)


def plainnet_network(sizes: tuple[int, ...]) -> plainnet.Network:
    layers = [layer for units in sizes[1:-1] for layer in (Dense(units), ReLU())]
    return plainnet.Network(
        [*layers, Dense(sizes[-1])], loss=SoftmaxCrossEntropy(), input_shape=sizes[0], seed=0
    )


def plainnet_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    network = plainnet_network(row.sizes)
    return lambda: plainnet.train(
        network,
        X,
        y,
        optimizer=Adam(),
        epochs=row.epochs,
        batch_size=row.batch_size,
        progress=False,
    )


def sklearn_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    from sklearn.neural_network import MLPClassifier

    # partial_fit is one epoch, shuffled as in fit, without building the network anew.
    classifier = MLPClassifier(row.sizes[1:-1], batch_size=row.batch_size)
    classifier.partial_fit(X, y, classes=np.arange(row.sizes[-1]))
    return lambda: [classifier.partial_fit(X, y) for _ in range(row.epochs)]


# --- PyTorch --------------------------------------------------------------------------------------


def torch_network(sizes: tuple[int, ...]) -> Any:
    from torch import nn

    modules: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes[:-1]):
        modules += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(*sizes[-2:]))


def torch_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    return _torch_epochs(row, X, y, torch_network(row.sizes), fused=None)


def torch_fused_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    return _torch_epochs(row, X, y, torch_network(row.sizes), fused=True)


def torch_compiled_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    """The compiled network and the fused optimizer."""
    import torch

    torch.compiler.reset()
    epochs = _torch_epochs(row, X, y, torch.compile(torch_network(row.sizes)), fused=True)
    try:
        epochs()
    except Exception as error:  # whatever its compiler's search and runs can raise
        raise LeftOut(f"cannot compile here: {str(error).strip().splitlines()[0]}") from error
    return epochs


def _torch_epochs(row: Row, X: np.ndarray, y: np.ndarray, network: Any, fused: bool | None) -> Call:
    import torch

    optimizer = torch.optim.Adam(network.parameters(), fused=fused)
    loss_of = torch.nn.CrossEntropyLoss()
    X_all, y_all = torch.from_numpy(X), torch.from_numpy(y)

    def epochs() -> None:
        for _ in range(row.epochs):
            order = torch.randperm(len(X_all))
            for rows in order.split(row.batch_size):
                optimizer.zero_grad()
                loss = loss_of(network(X_all[rows]), y_all[rows])
                loss.backward()
                optimizer.step()
                loss.item()

    return epochs


# --- JAX ------------------------------------------------------------------------------------------


def jax_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    """An epoch is one compiled call: a scan over its steps, with the buffers donated.

    NumPy draws the permutation, which is twice as fast for the smallest network as to sort with
    `jax.random.permutation`; the rows are gathered once an epoch.
    """
    import jax
    from jax import numpy as jnp

    def logits(parameters: Any, A: Any) -> Any:
        for W, b in parameters[:-1]:
            A = jax.nn.relu(A @ W + b)
        W, b = parameters[-1]
        return A @ W + b

    def loss_of(parameters: Any, A: Any, ids: Any) -> Any:
        log_p = jax.nn.log_softmax(logits(parameters, A))
        return -jnp.take_along_axis(log_p, ids[:, None], 1).mean()

    def step(state: Any, batch: Any) -> Any:
        parameters, m, v, t = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, *batch)
        t, (beta1, beta2) = t + 1, BETAS
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, gradients)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, gradients)
        c1, c2 = 1 - beta1**t, 1 - beta2**t
        parameters = jax.tree.map(
            lambda p, m, v: p - RATE * (m / c1) / (jnp.sqrt(v / c2) + EPSILON), parameters, m, v
        )
        return (parameters, m, v, t), loss

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, order: Any, X: Any, y: Any) -> Any:
        return jax.lax.scan(step, state, (X[order], y[order]))

    rng = np.random.default_rng(0)
    parameters = [
        (jnp.asarray(rng.normal(0, (2 / n_in) ** 0.5, (n_in, n_out)), np.float32), jnp.zeros(n_out))
        for n_in, n_out in pairwise(row.sizes)
    ]
    zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    state: Any = (parameters, *zeros, jnp.zeros(()))
    X_all, y_all = jnp.asarray(X), jnp.asarray(y, np.int32)

    def epochs() -> None:
        nonlocal state
        for _ in range(row.epochs):
            order = rng.permutation(len(X)).reshape(-1, row.batch_size)
            state, losses = epoch(state, order, X_all, y_all)
            float(losses.mean())

    return epochs


def keras_epochs(row: Row, X: np.ndarray, y: np.ndarray) -> Call:
    import keras

    if keras.backend.backend() != "jax":
        raise LeftOut(f"KERAS_BACKEND is {keras.backend.backend()}")
    layers = [keras.layers.Dense(units, activation="relu") for units in row.sizes[1:-1]]
    network = keras.Sequential(
        [keras.Input((row.sizes[0],)), *layers, keras.layers.Dense(row.sizes[-1])]
    )
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return lambda: network.fit(X, y, batch_size=row.batch_size, epochs=row.epochs, verbose=0)


CONTENDERS = {
    "plainnet": plainnet_epochs,
    "scikit-learn": sklearn_epochs,
    "PyTorch": torch_epochs,
    "PyTorch, fused Adam": torch_fused_epochs,
    "torch.compile": torch_compiled_epochs,
    "JAX, jit and scan": jax_epochs,
    "Keras on JAX": keras_epochs,
}


def measure(rounds: int) -> dict[str, Any]:
    rows, missing = [], []
    for row in ROWS:
        contenders, left_out = made(CONTENDERS, row, *row.data())
        times = in_turns(contenders, rounds, seconds=0)
        ours = [s / (row.epochs * row.steps) for s in times["plainnet"]]
        others = [
            times_as_fast(times[name], times["plainnet"]) if name in times else None
            for name in CONTENDERS
            if name != "plainnet"
        ]
        rows.append([str(row), seconds(ours), *others])
        missing += left_out
    return table(["network", *CONTENDERS], rows, missing)
