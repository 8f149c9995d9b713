"""Batch normalization, by the mean and the variance of each feature over the batch."""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import ShapeError, require_number
from plainnet.initializers import Constant, Zeros
from plainnet.kernels.batch_norm import (
    batch_norm,
    batch_norm_backward,
    batch_statistics,
    feature_lines_shape,
    feature_piece_size,
    masked_batch_norm_backward,
    masked_batch_statistics,
)
from plainnet.kernels.pieces import piece_size
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes

INVERSE_STD = Formula(
    "inverse_std", "1 / sqrt(variance + epsilon)", r"s = 1 / \sqrt{\sigma^2 + \epsilon}"
)
A_HAT = Formula("A_hat", "(A - mean) * inverse_std", r"\hat A = (A - \mu)\, s")
Y_OF_A_HAT = Formula("Y", "gamma * A_hat + beta", r"Y = \gamma \odot \hat A + \beta")
DA_HAT = Formula("dA_hat", "gamma * dY", r"d\hat A = \gamma \odot dY")
DGAMMA = Formula("dgamma", "(dY * A_hat).sum(axis=0)", r"d\gamma = \sum_i dY_i \odot \hat A_i")
DBETA = Formula("dbeta", "dY.sum(axis=0)", r"d\beta = \sum_i dY_i")


class BatchNorm(Layer):
    """Each feature has mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015, algorithm 1).

    Features are the last axis; all other axes, such as the positions of an image or a sequence,
    count as rows. Masked steps do not count in the statistics, but are normalized by them.
    Prediction uses running statistics instead of the batch's. They are updated by each training
    pass,

        running = momentum * running + (1 - momentum) * batch

    where the batch's variance is multiplied by N / (N - 1) for N rows (algorithm 2, line 10), as in
    PyTorch; Keras and ONNX leave that factor out. `momentum` is the share that stays, as in Keras
    and ONNX; PyTorch's momentum is 1 minus this.

    The mean of a batch with a single row is that row: A_hat is 0, the layers below learn nothing
    from it, and the running statistics leave it out. So a last batch of one row does no harm, but
    training with one row at a time is useless.

    When frozen (`network.freeze("1.batchnorm")`), it uses its running statistics in training too,
    and does not change them, as in Keras: both passes run as in prediction.

    Parameters
    ----------
    momentum : float
        The share of the running statistics that stays at each training pass.
    epsilon : float
        Added to the variance.

    Tensors
    -------
    gamma, beta : (features,), initially 1 and 0
    running_mean, running_variance : (features,), state, initially 0 and 1
    """

    gamma: Array
    beta: Array
    dgamma: Array
    dbeta: Array
    running_mean: Array
    running_variance: Array

    shown_by = WindowOfRows
    uses_mask = True
    releases_arrays = True

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

    def mask_for(self, A: Array, cache: Cache) -> Array | None:
        """Whether each row is data; None if the mask does not describe these rows."""
        mask, axes = cache.mask, A.shape[:-1]
        if mask is None or mask.shape != axes[: mask.ndim]:
            return None
        return np.broadcast_to(mask.reshape(*mask.shape, *(1,) * (len(axes) - mask.ndim)), axes)

    # `data` is the mask, one boolean a row.
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("w", "data.reshape(-1, 1)", r"w_i = \mathrm{data}_i", when="training"),
            Formula("N", "maximum(w.sum(), 1)", r"N = \max(\sum_i w_i, 1)", when="training"),
            Formula(
                "mean",
                "(w * A).sum(axis=0) / N",
                r"\mu = \tfrac1N \sum_i w_i A_i",
                when="training",
            ),
            Formula(
                "variance",
                "(w * (A - mean) ** 2).sum(axis=0) / N",
                r"\sigma^2 = \tfrac1N \sum_i w_i (A_i - \mu)^2",
                when="training",
            ),
            Formula(
                "running_mean_next",
                "where(N > 1, momentum * running_mean + (1 - momentum) * mean, running_mean)",
                r"\bar\mu' = \beta \bar\mu + (1 - \beta) \mu",
                when="training",
            ),
            Formula(
                "running_variance_next",
                "where(N > 1, momentum * running_variance"
                " + (1 - momentum) * N / maximum(N - 1, 1) * variance, running_variance)",
                r"\bar\sigma'^2 = \beta \bar\sigma^2 + (1 - \beta) \tfrac{N}{N - 1} \sigma^2",
                when="training",
            ),
            Formula("mean", "running_mean", r"\mu = \bar\mu", when="not training"),
            Formula(
                "variance", "running_variance", r"\sigma^2 = \bar\sigma^2", when="not training"
            ),
            INVERSE_STD,
            A_HAT,
            Y_OF_A_HAT,
        ),
        backward=(
            DGAMMA,
            DBETA,
            Formula(
                "dA",
                "gamma * inverse_std * (dY - w * (dbeta + A_hat * dgamma) / N)",
                r"dA_i = \gamma \odot s \odot (dY_i"
                r" - \tfrac{w_i}{N} (d\beta + \hat A_i \odot d\gamma))",
                when="training",
            ),
            Formula(
                "dA",
                "gamma * inverse_std * dY",
                r"dA_i = \gamma \odot s \odot dY_i",
                when="not training",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        features = A.shape[-1:]
        mean = cache.array("mean", features, A.dtype)
        variance = cache.array("variance", features, A.dtype)
        lines = cache.array("lines", feature_lines_shape(A), A.dtype)
        cache["counting"] = None
        if cache.training:
            square = cache.array("square", (feature_piece_size(A),), A.dtype)
            part = cache.array("part", features, A.dtype)
            N, mask = A.size // A.shape[-1], self.mask_for(A, cache)
            if mask is None or mask.all():
                batch_statistics(A, mean, variance, lines, square, part)
            else:
                cache["counting"] = w = cache.array("counted", (*mask.shape, 1), A.dtype)
                np.copyto(w[..., 0], mask)
                masked_batch_statistics(A, w, mean, variance, square, part)
                N = np.count_nonzero(mask)
            if N > 1:
                self._remember(mean, variance, N, cache)
        else:
            np.copyto(mean, self.running_mean)
            np.copyto(variance, self.running_variance)
        Y = cache.output("Y", A)
        A_hat = cache.kept("A_hat", or_in=Y)
        inverse_std = cache.array("inverse_std", features, A.dtype)
        return batch_norm(
            A, mean, variance, self.gamma, self.beta, self.epsilon, Y, A_hat, inverse_std, lines
        )

    def backward(self, dY: Array, cache: Cache) -> Array:
        dA = cache.gradient("dA", dY) if cache.needs_input_gradient else None
        lines = cache.array("lines", feature_lines_shape(dY), dY.dtype)
        product = cache.array("product", (feature_piece_size(dY),), dY.dtype)
        parts = cache.array("parts", (3, *self.gamma.shape), dY.dtype)
        A_hat, inverse_std, w = cache["A_hat"], cache["inverse_std"], cache["counting"]
        batch_norm_backward(
            dY, self.gamma, A_hat, inverse_std, cache.training and w is None,
            self.dgamma, self.dbeta, dA, lines, product, parts,
        )  # fmt: skip
        if w is not None and dA is not None:
            product = cache.array("work", (piece_size(dA),), dA.dtype)
            masked_batch_norm_backward(
                self.gamma, A_hat, inverse_std, w, self.dgamma, self.dbeta, dA, product, parts
            )
        return NO_GRADIENT if dA is None else dA

    def _remember(self, mean: Array, variance: Array, N: int, cache: Cache) -> None:
        share = 1 - self.momentum
        new = np.multiply(mean, share, out=cache.array("new", mean.shape, mean.dtype))
        self.running_mean *= self.momentum
        self.running_mean += new
        np.multiply(variance, share * N / (N - 1), out=new)
        self.running_variance *= self.momentum
        self.running_variance += new


def expect_several(n: int | None, what: str) -> None:
    """Refuse a single number, which normalization turns into one that says nothing."""
    if n is None or n < 2:
        raise ShapeError(f"needs at least 2 {what} to normalize over; got {n}")
