"""Normalization: numbers brought to mean 0 and variance 1, then scaled and shifted as learned.

The layers differ in the numbers that they take together: a feature over the batch (BatchNorm),
the features of an example (LayerNorm, RMSNorm), or a group of its channels (GroupNorm, in
`group_normalization`). For a set of n numbers A_i, with dA_hat_i = gamma_i dY_i:

    inverse_std = 1 / sqrt(variance + epsilon)
    A_hat_i = (A_i - mean) inverse_std
    Y_i = gamma_i A_hat_i + beta_i

A_j moves every A_hat_i of its set: by inverse_std if i = j, by -inverse_std / n through the mean,
and by -A_hat_i A_hat_j inverse_std / n through the variance, since the derivative of inverse_std is
-inverse_std^3 (A_j - mean) / n. Summed over i, with means over the set:

    dA_j = inverse_std (dA_hat_j - mean(dA_hat) - A_hat_j mean(dA_hat A_hat))

That is little arithmetic on large arrays, so it goes through them in pieces that stay in the
processor's cache from the first operation to the last.
"""

import numpy as np

from plainnet.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import ShapeError, require_number
from plainnet.initializers import Constant, Zeros
from plainnet.kernels.arrays import rows
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.memory import pieces

INVERSE_STD = Formula(
    "inverse_std", "1 / sqrt(variance + epsilon)", r"s = 1 / \sqrt{\sigma^2 + \epsilon}"
)
_A_HAT = Formula("A_hat", "(A - mean) * inverse_std", r"\hat A = (A - \mu)\, s")
Y_OF_A_HAT = Formula("Y", "gamma * A_hat + beta", r"Y = \gamma \odot \hat A + \beta")
_DA_HAT = Formula("dA_hat", "gamma * dY", r"d\hat A = \gamma \odot dY")
_DGAMMA = Formula("dgamma", "(dY * A_hat).sum(axis=0)", r"d\gamma = \sum_i dY_i \odot \hat A_i")
_DBETA = Formula("dbeta", "dY.sum(axis=0)", r"d\beta = \sum_i dY_i")


class BatchNorm(Layer):
    """Each feature has mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015, algorithm 1).

    The feature is the last axis; all others, so also the positions of an image or a sequence, are
    rows, those too that a mask leaves out. Prediction uses running statistics instead of the
    batch's, after each training pass

        running = momentum * running + (1 - momentum) * batch

    where the running variance takes the batch's times N / (N - 1) for N rows (algorithm 2, line
    10), as PyTorch does; Keras and ONNX leave that factor out. `momentum` is what stays, as in
    Keras and ONNX; PyTorch's is 1 - momentum.

    A batch of a single row is its own mean: A_hat is 0, the layers below learn nothing from it, and
    the running statistics leave it out. So a last batch of one row does no harm, and training with
    one row at a time does no good.

    Frozen (`network.freeze("1.batchnorm")`), it uses and keeps its running statistics in training
    too, as in Keras: both passes are those of prediction.

    Parameters
    ----------
    momentum : float
    epsilon : float
        Added to the variance.

    Tensors
    -------
    gamma, beta : (features,), from 1 and 0
    running_mean, running_variance : (features,), state, from 0 and 1
    """

    gamma: Array
    beta: Array
    dgamma: Array
    dbeta: Array
    running_mean: Array
    running_variance: Array

    shown_by = WindowOfRows
    releases_arrays = True
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("mean", "A.mean(axis=0)", r"\mu = \tfrac1N \sum_i A_i"),
            Formula(
                "variance",
                "((A - mean) ** 2).mean(axis=0)",
                r"\sigma^2 = \tfrac1N \sum_i (A_i - \mu)^2",
            ),
            INVERSE_STD,
            _A_HAT,
            Y_OF_A_HAT,
        ),
        backward=(
            _DGAMMA,
            _DBETA,
            Formula(
                "dA",
                "gamma * inverse_std * (dY - dbeta / len(A) - A_hat * dgamma / len(A))",
                r"dA = \gamma \odot s \odot (dY - \tfrac1N d\beta - \tfrac1N \hat A \odot d\gamma)",
            ),
        ),
    )

    def __init__(self, *, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        require_number("momentum", momentum, at_least=0, below=1)
        require_number("epsilon", epsilon, above=0)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        features = input_shape[-1:]
        self.declare("gamma", features, Constant(1))
        self.declare("beta", features, Zeros())
        self.declare_state("running_mean", features, Zeros())
        self.declare_state("running_variance", features, Constant(1))
        return input_shape

    def forward(self, A: Array, cache: Cache) -> Array:
        per_feature = A.shape[-1:]
        mean = cache.array("mean", per_feature, A.dtype)
        variance = cache.array("variance", per_feature, A.dtype)
        inverse_std = cache.array("inverse_std", per_feature, A.dtype)
        if cache.training:
            N = A.size // A.shape[-1]
            np.dot(cache.ones(N, A.dtype), rows(A), out=mean)
            mean /= N
            self._mean_square(A, mean, variance, cache)
            if N > 1:
                self._remember(mean, variance, N, cache)
        else:
            np.copyto(mean, self.running_mean)
            np.copyto(variance, self.running_variance)
        inverse_sqrt(variance, self.epsilon, out=inverse_std)

        A_hat = cache.array("A_hat", A.shape, A.dtype)
        Y = cache.output("Y", A)
        means = cache.line("means", mean, A.shape)
        inverse_stds = cache.line("inverse_stds", inverse_std, A.shape)
        gammas = cache.line("gammas", self.gamma, A.shape)
        betas = cache.line("betas", self.beta, A.shape)
        for a, a_hat, y in pieces(A, A_hat, Y, tail=means.ndim):
            np.subtract(a, means, out=a_hat)
            np.multiply(a_hat, inverse_stds, out=a_hat)
            np.multiply(a_hat, gammas, out=y)
            np.add(y, betas, out=y)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        A_hat, N = cache["A_hat"], dY.size // dY.shape[-1]
        self.dgamma.fill(0)
        for dy, a_hat in pieces(dY, A_hat):
            product = np.multiply(dy, a_hat, out=cache.array("product", dy.shape, dy.dtype))
            add_sums(product, self.dgamma, cache)
        np.dot(cache.ones(N, dY.dtype), rows(dY), out=self.dbeta)
        if not cache.needs_input_gradient:
            return NO_GRADIENT

        per_feature = self.gamma.shape
        slope = cache.array("slope", per_feature, dY.dtype)
        np.multiply(self.gamma, cache["inverse_std"], out=slope)
        slopes = cache.line("slopes", slope, dY.shape)
        dA = cache.gradient("dA", dY)
        if not cache.training:  # the statistics do not depend on A
            return np.multiply(dY, slopes, out=dA)
        through_mean = cache.array("through_mean", per_feature, dY.dtype)
        through_std = cache.array("through_std", per_feature, dY.dtype)
        np.divide(self.dbeta, N, out=through_mean)
        np.divide(self.dgamma, N, out=through_std)
        through_means = cache.line("through_means", through_mean, dY.shape)
        through_stds = cache.line("through_stds", through_std, dY.shape)
        for dy, a_hat, da in pieces(dY, A_hat, dA, tail=slopes.ndim):
            product = cache.array("product", dy.shape, dy.dtype)
            np.multiply(a_hat, through_stds, out=product)
            np.subtract(dy, product, out=da)
            np.subtract(da, through_means, out=da)
            np.multiply(da, slopes, out=da)
        return dA

    def _mean_square(self, A: Array, mean: Array, variance: Array, cache: Cache) -> None:
        """The mean of (A - mean)^2, into `variance`."""
        means = cache.line("means", mean, A.shape)
        variance.fill(0)
        for (a,) in pieces(A, tail=means.ndim):
            square = cache.array("square", a.shape, a.dtype)
            np.subtract(a, means, out=square)
            np.multiply(square, square, out=square)
            add_sums(square, variance, cache)
        variance /= A.size // len(mean)

    def _remember(self, mean: Array, variance: Array, N: int, cache: Cache) -> None:
        share = 1 - self.momentum
        new = np.multiply(mean, share, out=cache.array("new", mean.shape, mean.dtype))
        self.running_mean *= self.momentum
        self.running_mean += new
        np.multiply(variance, share * N / (N - 1), out=new)
        self.running_variance *= self.momentum
        self.running_variance += new


class LayerNorm(Layer):
    """Mean 0 and variance 1 over the last axis of each example (Ba et al. 2016, equations 3 and 4).

    Training and prediction are the same, and the batch plays no part.

    Tensors
    -------
    gamma, beta : (features,), from 1 and 0
    """

    gamma: Array
    beta: Array
    dgamma: Array
    dbeta: Array

    shown_by = WindowOfRows
    releases_arrays = True
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "mean",
                "A.mean(axis=-1, keepdims=True)",
                r"\mu_i = \tfrac1n \sum_j A_{ij}",
            ),
            Formula(
                "variance",
                "((A - mean) ** 2).mean(axis=-1, keepdims=True)",
                r"\sigma^2_i = \tfrac1n \sum_j (A_{ij} - \mu_i)^2",
            ),
            INVERSE_STD,
            _A_HAT,
            Y_OF_A_HAT,
        ),
        backward=(
            _DGAMMA,
            _DBETA,
            _DA_HAT,
            Formula(
                "dA",
                "inverse_std * (dA_hat - dA_hat.mean(axis=-1, keepdims=True)"
                " - A_hat * (dA_hat * A_hat).mean(axis=-1, keepdims=True))",
                r"dA_{ij} = s_i (d\hat A_{ij} - \tfrac1n \sum_k d\hat A_{ik}"
                r" - \hat A_{ij} \tfrac1n \sum_k d\hat A_{ik} \hat A_{ik})",
            ),
        ),
    )

    def __init__(self, *, epsilon: float = 1e-5) -> None:
        require_number("epsilon", epsilon, above=0)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        expect_several(input_shape[-1], "features")
        self.declare("gamma", input_shape[-1:], Constant(1))
        self.declare("beta", input_shape[-1:], Zeros())
        return input_shape

    def forward(self, A: Array, cache: Cache) -> Array:
        n, per_row = A.shape[-1], (*A.shape[:-1], 1)
        mean = cache.array("mean", per_row, A.dtype)
        variance = cache.array("variance", per_row, A.dtype)
        inverse_std = cache.array("inverse_std", per_row, A.dtype)
        A_hat = cache.array("A_hat", A.shape, A.dtype)
        Y = cache.output("Y", A)
        ones = cache.ones(n, A.dtype)
        for a, a_hat, y, mu, sigma2, s in pieces(A, A_hat, Y, mean, variance, inverse_std):
            np.dot(a, ones, out=mu[..., 0])
            mu /= n
            np.subtract(a, mu, out=a_hat)
            np.vecdot(a_hat, a_hat, out=sigma2[..., 0])
            sigma2 /= n
            np.multiply(a_hat, inverse_sqrt(sigma2, self.epsilon, out=s), out=a_hat)
            np.multiply(a_hat, self.gamma, out=y)
            np.add(y, self.beta, out=y)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        n, A_hat = dY.shape[-1], cache["A_hat"]
        np.dot(cache.ones(dY.size // n, dY.dtype), rows(dY), out=self.dbeta)
        self.dgamma.fill(0)
        dA = cache.gradient("dA", dY)
        for dy, a_hat, da, s in pieces(dY, A_hat, dA, cache["inverse_std"]):
            product = cache.array("product", dy.shape, dy.dtype)
            np.multiply(dy, a_hat, out=product)
            add_sums(product, self.dgamma, cache)
            if not cache.needs_input_gradient:
                continue
            # The mean over j of dA_hat_ij = gamma_j dY_ij is a product with the vector gamma.
            mean = cache.array("mean_gradient", s.shape, dy.dtype)
            np.dot(product, self.gamma, out=mean[..., 0])
            mean /= n
            np.multiply(a_hat, mean, out=product)
            np.dot(dy, self.gamma, out=mean[..., 0])
            mean /= n
            np.multiply(dy, self.gamma, out=da)
            np.subtract(da, product, out=da)
            np.subtract(da, mean, out=da)
            np.multiply(da, s, out=da)
        return dA if cache.needs_input_gradient else NO_GRADIENT


class RMSNorm(Layer):
    """The last axis of each example has the mean square 1 (Zhang and Sennrich 2019, equation 4).

    LayerNorm without the mean: no subtraction, no beta, and mean(dA_hat) drops out of dA.

    Tensors
    -------
    gamma : (features,), from 1
    """

    gamma: Array
    dgamma: Array

    shown_by = WindowOfRows
    releases_arrays = True
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "mean_square",
                "(A**2).mean(axis=-1, keepdims=True)",
                r"q_i = \tfrac1n \sum_j A_{ij}^2",
            ),
            Formula(
                "inverse_rms", "1 / sqrt(mean_square + epsilon)", r"s = 1 / \sqrt{q + \epsilon}"
            ),
            Formula("A_hat", "A * inverse_rms", r"\hat A = A\, s"),
            Formula("Y", "gamma * A_hat", r"Y = \gamma \odot \hat A"),
        ),
        backward=(
            _DGAMMA,
            _DA_HAT,
            Formula(
                "dA",
                "inverse_rms * (dA_hat - A_hat * (dA_hat * A_hat).mean(axis=-1, keepdims=True))",
                r"dA_{ij} = s_i (d\hat A_{ij}"
                r" - \hat A_{ij} \tfrac1n \sum_k d\hat A_{ik} \hat A_{ik})",
            ),
        ),
    )

    def __init__(self, *, epsilon: float = 1e-5) -> None:
        require_number("epsilon", epsilon, above=0)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        expect_several(input_shape[-1], "features")
        self.declare("gamma", input_shape[-1:], Constant(1))
        return input_shape

    def forward(self, A: Array, cache: Cache) -> Array:
        n, per_row = A.shape[-1], (*A.shape[:-1], 1)
        mean_square = cache.array("mean_square", per_row, A.dtype)
        inverse_rms = cache.array("inverse_rms", per_row, A.dtype)
        A_hat = cache.array("A_hat", A.shape, A.dtype)
        Y = cache.output("Y", A)
        for a, a_hat, y, q, s in pieces(A, A_hat, Y, mean_square, inverse_rms):
            np.vecdot(a, a, out=q[..., 0])
            q /= n
            np.multiply(a, inverse_sqrt(q, self.epsilon, out=s), out=a_hat)
            np.multiply(a_hat, self.gamma, out=y)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        n, A_hat = dY.shape[-1], cache["A_hat"]
        self.dgamma.fill(0)
        dA = cache.gradient("dA", dY)
        for dy, a_hat, da, s in pieces(dY, A_hat, dA, cache["inverse_rms"]):
            product = cache.array("product", dy.shape, dy.dtype)
            np.multiply(dy, a_hat, out=product)
            add_sums(product, self.dgamma, cache)
            if not cache.needs_input_gradient:
                continue
            mean = cache.array("mean_gradient", s.shape, dy.dtype)
            np.dot(product, self.gamma, out=mean[..., 0])
            mean /= n
            np.multiply(a_hat, mean, out=product)
            np.multiply(dy, self.gamma, out=da)
            np.subtract(da, product, out=da)
            np.multiply(da, s, out=da)
        return dA if cache.needs_input_gradient else NO_GRADIENT


# --- what they share ------------------------------------------------------------------------------


def add_sums(A: Array, total: Array, cache: Cache) -> None:
    """Add A's sum over all axes but the last."""
    part = cache.array("part", total.shape, A.dtype)
    np.dot(cache.ones(A.size // len(total), A.dtype), rows(A), out=part)
    total += part


def inverse_sqrt(variance: Array, epsilon: float, out: Array) -> Array:
    """1 / sqrt(variance + epsilon)."""
    np.add(variance, epsilon, out=out)
    np.sqrt(out, out=out)
    return np.reciprocal(out, out=out)


def expect_several(n: int | None, what: str) -> None:
    """A single number over its own size says nothing: the layer could not learn from it."""
    if n is None or n < 2:
        raise ShapeError(f"needs at least 2 {what} to normalize over; got {n}")
