"""The textbook network: the forward pass, backpropagation and gradient descent, and nothing else.

Each column of `X` is an example, so `X` has the shape (input_size, m), and `Y` holds one-hot
columns, shape (output_size, m). Layers are counted from 1; layer L + 1 is the output.

    Z[l] = W[l] A[l-1] + b[l]          A[l] = ReLU(Z[l])          A[L+1] = softmax(Z[L+1])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from plainnet.network import Network

Array = npt.NDArray[Any]


def _is_number(value: Any, kind: type) -> bool:
    """Whether it is a number of this kind; booleans are not."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _as_float(value: Any) -> float:
    """NaN for what is not a number."""
    try:
        return float(value) if _is_number(value, Real) else np.nan
    except OverflowError:
        return np.inf


class NeuralNetwork:
    """A classifier: dense layers with ReLU, softmax at the output, cross-entropy as the loss.

    >>> network = NeuralNetwork(2, [16, 16], 3, learning_rate=0.1, seed=0)
    >>> network.parameters["W1"].shape, network.parameters["b1"].shape
    ((16, 2), (16, 1))

    The initial weights follow He's rule, W ~ N(0, 2 / n) for a layer with n inputs (He et al. 2015,
    equation 10): randn * sqrt(2 / n), which keeps the mean square of the signal the same from layer
    to layer. Without the square root, as in the guide's listing, every layer multiplies the mean
    square by 2 / n: after 10 layers of 100 units it is 1.3e-17 times that of the input, instead of
    1.3 times.

    `hidden_layers=[]` is softmax regression. `seed` determines the initial weights; NumPy's global
    random state is neither read nor set.
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
        if not np.iterable(hidden_layers):
            raise ValueError(
                "hidden_layers must be a list of the units in each hidden layer, such as "
                f"{[hidden_layers if _is_number(hidden_layers, Integral) else 16]}; got "
                f"{hidden_layers!r}"
            )
        layer_dims = [input_size, *hidden_layers, output_size]
        if not all(_is_number(n, Integral) and 1 <= n < 2**31 for n in layer_dims):
            raise ValueError(
                f"every layer needs a whole number of units, at least 1; got {layer_dims}"
            )
        if not 0 <= _as_float(learning_rate) < np.inf:
            raise ValueError(f"learning_rate must be a number >= 0; got {learning_rate!r}")
        if seed is not None and not (_is_number(seed, Integral) and seed >= 0):
            raise ValueError(f"seed must be a whole number >= 0 or None; got {seed!r}")
        self.L = len(layer_dims) - 2
        self.parameters: dict[str, Array] = {}
        self.learning_rate = float(learning_rate)
        rng = np.random.default_rng(seed)
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
        self._check_parameters()
        X = self._inputs(X)
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
        self._check_parameters()
        AL = self._check("AL", AL, self._units(self.L + 1))
        Y = self._targets(Y, AL.shape[1])
        m = Y.shape[1]
        return float(-np.sum(Y * np.log(AL + 1e-8)) / m)  # 1e-8: log(0) is -infinity

    def backward_propagation(self, cache: dict[str, Array], Y: Array) -> dict[str, Array]:
        """The gradient of the loss for every W[l] and b[l]: dW1, db1 and so on."""
        self._check_parameters()
        self._check_cache(cache)
        Y = self._targets(Y, cache["A0"].shape[1])
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
        self._check_parameters()
        self._check_names("gradients", grads, [f"d{name}" for name in self.parameters])
        for name, parameter in self.parameters.items():  # all of them, before the first is changed
            self._check(f"d{name}", grads[f"d{name}"], *parameter.shape)
        for l in range(1, self.L + 2):
            self.parameters[f"W{l}"] -= self.learning_rate * grads[f"dW{l}"]
            self.parameters[f"b{l}"] -= self.learning_rate * grads[f"db{l}"]

    def train(
        self, X_train: Array, Y_train: Array, epochs: int = 1000, print_loss: bool = True
    ) -> None:
        """`epochs` steps of gradient descent, each on all the data."""
        self._check_parameters()
        X_train = self._inputs(X_train)
        Y_train = self._targets(Y_train, X_train.shape[1])
        if not (isinstance(epochs, int | np.integer) and epochs >= 0):
            raise ValueError(f"epochs must be a whole number >= 0; got {epochs!r}")
        good: dict[str, Array] = {}
        with np.errstate(over="ignore", invalid="ignore"):  # _expect_finite has the better message
            for epoch in range(epochs):
                cache = self.forward_propagation(X_train)
                loss = self.compute_loss(cache[f"A{self.L + 1}"], Y_train)
                grads = self.backward_propagation(cache, Y_train)
                self._expect_finite(epoch, good, loss, *grads.values())
                good = {name: parameter.copy() for name, parameter in self.parameters.items()}
                self.update_parameters(grads)
                if print_loss and epoch % 100 == 0:
                    print(f"Epoch {epoch} loss: {loss:.4f}")
            AL = self.forward_propagation(X_train)[f"A{self.L + 1}"]
            self._expect_finite(epochs, good, AL)

    def predict(self, X: Array) -> Array:
        """The most probable class of each column, shape (1, m)."""
        with np.errstate(over="ignore", invalid="ignore"):
            AL = self.forward_propagation(X)[f"A{self.L + 1}"]
        if not np.isfinite(AL).all():
            raise ValueError(
                "the probabilities are not finite: X or the parameters are too large, or NaN"
            )
        return np.reshape(np.argmax(AL, axis=0), (1, -1))

    def __repr__(self) -> str:
        kind, rate = type(self).__name__, f"learning_rate={self.learning_rate}"
        try:
            self._check_parameters()
        except ValueError:
            return f"{kind}(parameters that do not fit, {rate})"
        shapes = [self.parameters[f"W{l}"].shape for l in range(1, self.L + 2)]
        n, (*hidden, K) = shapes[0][1], [shape[0] for shape in shapes]
        return f"{kind}({n}, {hidden}, {K}, {rate})"

    def to_network(self, dtype: str = "float64") -> Network:
        """The same network on plainnet's engine, with a copy of these weights.

        The engine takes one row per example, X.T, and class ids, Y.argmax(axis=0). A subclass that
        overrides a formula is refused, since the engine would use the formulas of this class.
        """
        for name, formula in _FORMULAS.items():
            if name in vars(self) or getattr(type(self), name) is not formula:
                raise ValueError(
                    f"this {type(self).__name__} overrides {name}, which the engine would ignore: "
                    "build a plainnet.Network of the layers that you mean and copy the weights, "
                    'network["0.dense.W"] = book.parameters["W1"]'
                )
        self._check_parameters()
        from plainnet.layers import Dense, ReLU
        from plainnet.layers.base import Layer
        from plainnet.losses import SoftmaxCrossEntropy
        from plainnet.network import Network

        layers: list[Layer] = [Dense(self._units(1))]
        for l in range(2, self.L + 2):
            layers += [ReLU(), Dense(self._units(l))]
        n, loss = self.parameters["W1"].shape[1], SoftmaxCrossEntropy()
        network = Network(layers, loss=loss, input_shape=n, seed=0, dtype=dtype)
        with np.errstate(over="ignore"):
            for l in range(1, self.L + 2):
                network[f"{2 * l - 2}.dense.W"] = self.parameters[f"W{l}"]
                network[f"{2 * l - 2}.dense.b"] = self.parameters[f"b{l}"][:, 0]
        if not np.isfinite(network.parameters).all():
            raise ValueError(f"the parameters must be finite in {dtype}; got NaN or infinity")
        return network

    # --- what a learner is told ------------------------------------------------------------------

    def _units(self, l: int) -> int:
        return len(self.parameters[f"W{l}"])

    def _inputs(self, X: Any, name: str = "X") -> Array:
        return self._check(name, X, self.parameters["W1"].shape[1])

    def _targets(self, Y: Any, m: int) -> Array:
        K = self._units(self.L + 1)
        if K > 1 and (given := np.shape(Y)) in ((m,), (1, m), (m, 1)):
            raise ValueError(
                f"Y must have the shape ({K}, {m}), a one-hot column for each example; got "
                f"{given}. Class ids, integers of shape (m,), become that by "
                f"plainnet.one_hot(Y, {K}).T, and names become ids by "
                "np.unique(Y, return_inverse=True)[1]"
            )
        Y = self._check("Y", Y, K, m)
        if not (np.isin(Y, (0, 1)).all() and (np.sum(Y, axis=0) == 1).all()):
            hint = "; two classes need output_size=2" if K == 1 else ""
            raise ValueError(f"each column of Y must be one-hot: a single 1, and 0 elsewhere{hint}")
        return np.asarray(Y)

    def _check_parameters(self) -> None:
        """That they are as many as L says, and of shapes that fit together."""
        names = [f"{letter}{l}" for l in range(1, self.L + 2) for letter in "Wb"]
        self._check_names("parameters", self.parameters, names, no_others=True)
        n_in = None
        for l in range(1, self.L + 2):
            n_out = (np.shape(self.parameters[f"W{l}"]) or (1,))[0]
            for name, columns in ((f"W{l}", n_in), (f"b{l}", 1)):
                array = self._check(name, self.parameters[name], n_out, columns)
                # Training writes into it, which a DataFrame's array, say, does not let it.
                self.parameters[name] = array if array.flags.writeable else array.copy()
            n_in = n_out
        if not 0 <= _as_float(self.learning_rate) < np.inf:
            raise ValueError(f"learning_rate must be a number >= 0; got {self.learning_rate!r}")

    def _check_cache(self, cache: Any) -> None:
        """That it is what `forward_propagation` of this network returns."""
        layers = range(1, self.L + 2)
        names = ["A0", *(f"{letter}{l}" for l in layers for letter in "ZA")]
        self._check_names("arrays of a cache", cache, names)
        m = self._inputs(cache["A0"], "A0").shape[1]
        for l in layers:
            for name in (f"Z{l}", f"A{l}"):
                self._check(name, cache[name], self._units(l), m)

    def _check_names(
        self, what: str, given: Any, names: Sequence[str], *, no_others: bool = False
    ) -> None:
        if not isinstance(given, Mapping):
            raise ValueError(f"{what} must be a dictionary; got {type(given).__name__}")
        if not set(names) <= set(given) or (no_others and len(given) > len(names)):
            raise ValueError(
                f"L={self.L} needs the {what} {', '.join(names)}; got "
                f"{', '.join(map(str, given)) or 'none'}"
            )

    def _expect_finite(self, epoch: int, good: dict[str, Array], *values: Any) -> None:
        """Go back to the last good parameters where a value has stopped being finite."""
        if all(np.isfinite(value).all() for value in values):
            return
        if not good:
            raise ValueError(
                "the first step is not finite: X or the parameters are too large, or NaN"
            )
        for name, parameter in good.items():
            self.parameters[name][...] = parameter
        raise ValueError(
            f"training diverged: the loss of epoch {epoch} is not finite. A smaller learning rate "
            f"than {self.learning_rate:g} or a standardised X usually helps; the parameters are "
            f"again those of epoch {epoch - 1}"
        )

    def _check(self, name: str, given: Any, n: int, m: int | None = None) -> Array:
        """What was given, as an array of floats, if it has the shape (n, m)."""
        try:
            array = np.asanyarray(given)
        except ValueError:
            raise ValueError(f"{name} must have rows of one length") from None
        if array.dtype == object and all(isinstance(value, Real) for value in array.flat):
            array = array.astype(float)  # a DataFrame with columns of several dtypes
        if array.dtype.kind not in "biuf" or isinstance(array, np.ma.MaskedArray):
            raise ValueError(
                f"{name} must be an array of real numbers; got {type(given).__name__} of dtype "
                f"{array.dtype}"
            )
        if array.ndim != 2 or array.size == 0 or array.shape != (n, m or array.shape[1]):
            turned = array.ndim == 2 and array.shape == (m or len(array), n)
            hint = f"; an example is a column here, so pass {name}.T" if turned else ""
            if m is None and array.shape == (n,):
                hint = f"; one example is a column too: {name}.reshape(-1, 1)"
            raise ValueError(
                f"{name} must have the shape ({n}, {m or 'm'}); got {array.shape}{hint}"
            )
        if name[0] in "XYd" and not np.isfinite(array).all():  # in the others it is a divergence
            raise ValueError(f"{name} must be finite; got NaN or infinity")
        return np.asarray(array, float)


_FORMULAS = {
    name: vars(NeuralNetwork)[name]
    for name in (
        "relu", "relu_derivative", "softmax", "forward_propagation", "compute_loss",
        "backward_propagation", "update_parameters", "predict",
    )
}  # fmt: skip
"""What `to_network` takes for granted."""
