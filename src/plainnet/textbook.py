"""The textbook network: the forward pass, backpropagation and gradient descent, with nothing else.

A column of `X` is an example, so `X` has the shape (input_size, m), and `Y` holds one-hot columns,
shape (output_size, m). Layers are counted from 1; layer L + 1 is the output.

    Z[l] = W[l] A[l-1] + b[l]          A[l] = ReLU(Z[l])          A[L+1] = softmax(Z[L+1])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from plainnet.network import Network

Array = npt.NDArray[Any]


class NeuralNetwork:
    """A classifier of dense layers: ReLU inside, softmax at the end, cross-entropy as its loss.

    >>> network = NeuralNetwork(2, [16, 16], 3, learning_rate=0.1, seed=0)
    >>> network.parameters["W1"].shape, network.parameters["b1"].shape
    ((16, 2), (16, 1))

    Weights start by He's rule, W ~ N(0, 2 / n), n the inputs of the layer (He et al. 2015, equation
    10): randn * sqrt(2 / n), which keeps the mean square of the signal the same from layer to
    layer. Without the square root, as the guide's listing has it, the mean square shrinks by 2 / n
    in every layer: after 10 layers of 100 units to 1.3e-17 of what came in, instead of 1.3 times.

    `hidden_layers=[]` is softmax regression. `seed` is for the first weights; NumPy's global random
    state is neither read nor set.
    """

    def __init__(
        self,
        input_size: int,
        hidden_layers: Sequence[int],
        output_size: int,
        learning_rate: float = 0.01,
        *,
        seed: int | None = None,
    ) -> None:
        self.L = len(hidden_layers)
        self.parameters: dict[str, Array] = {}
        self.learning_rate = learning_rate
        rng = np.random.default_rng(seed)

        layer_dims = [input_size, *hidden_layers, output_size]
        if not all(isinstance(n, int | np.integer) and n >= 1 for n in layer_dims):
            raise ValueError(f"every layer needs 1 unit or more, a whole number; got {layer_dims}")
        if not learning_rate >= 0:
            raise ValueError(f"learning_rate must be a number >= 0; got {learning_rate}")
        for l in range(1, len(layer_dims)):
            n_out, n_in = layer_dims[l], layer_dims[l - 1]
            self.parameters[f"W{l}"] = rng.standard_normal((n_out, n_in)) * np.sqrt(2 / n_in)
            self.parameters[f"b{l}"] = np.zeros((n_out, 1))

    def relu(self, Z: Array) -> Array:
        """max(0, z)."""
        return np.maximum(0, Z)

    def relu_derivative(self, Z: Array) -> Array:
        """1 where z > 0, else 0."""
        return np.where(Z > 0, 1, 0)

    def softmax(self, Z: Array) -> Array:
        """e^z_j / sum_k e^z_k in each column; without the maximum, e^z could overflow."""
        exp_Z = np.exp(Z - np.max(Z, axis=0, keepdims=True))
        A: Array = exp_Z / np.sum(exp_Z, axis=0, keepdims=True)
        return A

    def forward_propagation(self, X: Array) -> dict[str, Array]:
        """All Z[l] and A[l] of one pass, as a dictionary: the cache. A0 is X."""
        self._check_inputs(X)
        cache = {"A0": X}
        A_prev = X
        for l in range(1, self.L + 2):
            W, b = self.parameters[f"W{l}"], self.parameters[f"b{l}"]
            Z = np.dot(W, A_prev) + b  # Z[l] = W[l] A[l-1] + b[l]
            A = self.relu(Z) if l <= self.L else self.softmax(Z)  # A[l] = g(Z[l])
            cache[f"Z{l}"], cache[f"A{l}"] = Z, A
            A_prev = A
        return cache

    def compute_loss(self, AL: Array, Y: Array) -> float:
        """The mean cross-entropy, L = -1/m sum_i sum_j y_ij log a_ij."""
        self._check_targets(Y, AL.shape[1])
        m = Y.shape[1]
        return float(-np.sum(Y * np.log(AL + 1e-8)) / m)  # 1e-8: log(0) is not a number

    def backward_propagation(self, cache: dict[str, Array], Y: Array) -> dict[str, Array]:
        """The gradient of the loss for every W[l] and b[l]: dW1, db1 and so on."""
        self._check_targets(Y, cache["A0"].shape[1])
        grads: dict[str, Array] = {}
        m = Y.shape[1]
        dZ = cache[f"A{self.L + 1}"] - Y  # softmax and cross-entropy: dZ[L+1] = A[L+1] - Y
        for l in range(self.L + 1, 0, -1):
            grads[f"dW{l}"] = np.dot(dZ, cache[f"A{l - 1}"].T) / m  # dW[l] = 1/m dZ[l] A[l-1]^T
            grads[f"db{l}"] = np.sum(dZ, axis=1, keepdims=True) / m  # db[l] = 1/m sum_i dZ[l]_i
            if l > 1:
                dA_prev = np.dot(self.parameters[f"W{l}"].T, dZ)  # dA[l-1] = W[l]^T dZ[l]
                dZ = dA_prev * self.relu_derivative(cache[f"Z{l - 1}"])  # dZ = dA * [Z > 0]
        return grads

    def update_parameters(self, grads: dict[str, Array]) -> None:
        """Gradient descent: W <- W - alpha dW, b <- b - alpha db."""
        for name, parameter in self.parameters.items():  # all of them, before the first is changed
            self._check(f"d{name}", grads[f"d{name}"], *parameter.shape)
        for l in range(1, self.L + 2):
            self.parameters[f"W{l}"] -= self.learning_rate * grads[f"dW{l}"]
            self.parameters[f"b{l}"] -= self.learning_rate * grads[f"db{l}"]

    def train(
        self, X_train: Array, Y_train: Array, epochs: int = 1000, print_loss: bool = True
    ) -> None:
        """`epochs` steps of gradient descent, each on all the data."""
        self._check_inputs(X_train)
        self._check_targets(Y_train, X_train.shape[1])
        for epoch in range(epochs):
            cache = self.forward_propagation(X_train)
            loss = self.compute_loss(cache[f"A{self.L + 1}"], Y_train)
            grads = self.backward_propagation(cache, Y_train)
            self.update_parameters(grads)
            if print_loss and epoch % 100 == 0:
                print(f"Epoch {epoch} loss: {loss:.4f}")

    def predict(self, X: Array) -> Array:
        """The most probable class of each column, shape (1, m)."""
        AL = self.forward_propagation(X)[f"A{self.L + 1}"]
        return np.reshape(np.argmax(AL, axis=0), (1, -1))

    def to_network(self, dtype: str = "float64") -> Network:
        """The same network on plainnet's engine, with a copy of these weights.

        The engine takes a row per example, so X.T, and class ids, Y.argmax(axis=0).
        """
        from plainnet.layers import Dense, ReLU
        from plainnet.layers.base import Layer
        from plainnet.losses import SoftmaxCrossEntropy
        from plainnet.network import Network

        layers: list[Layer] = [Dense(self._units(1))]
        for l in range(2, self.L + 2):
            layers += [ReLU(), Dense(self._units(l))]
        n, loss = self.parameters["W1"].shape[1], SoftmaxCrossEntropy()
        network = Network(layers, loss=loss, input_shape=n, seed=0, dtype=dtype)
        for l in range(1, self.L + 2):
            network[f"{2 * l - 2}.dense.W"] = self.parameters[f"W{l}"]
            network[f"{2 * l - 2}.dense.b"] = self.parameters[f"b{l}"][:, 0]
        return network

    def _units(self, l: int) -> int:
        return len(self.parameters[f"W{l}"])

    def _check_inputs(self, X: Array) -> None:
        self._check("X", X, self.parameters["W1"].shape[1])

    def _check_targets(self, Y: Array, m: int) -> None:
        self._check("Y", Y, self._units(self.L + 1), m)
        if not (np.isin(Y, (0, 1)).all() and (np.sum(Y, axis=0) == 1).all()):
            raise ValueError("each column of Y must be one-hot: a single 1, and 0 elsewhere")

    def _check(self, name: str, array: Array, n: int, m: int | None = None) -> None:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise ValueError(f"{name} must be an array of real numbers; got {type(array).__name__}")
        if array.shape != (n, m or array.shape[-1]) or array.size == 0:
            raise ValueError(f"{name} must have the shape ({n}, {m or 'm'}); got {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite; got NaN or infinity")
