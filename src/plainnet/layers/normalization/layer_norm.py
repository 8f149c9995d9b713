"""Normalization of each row by itself, with or without subtracting its mean."""

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import require_number
from plainnet.initializers import Constant, Zeros
from plainnet.kernels.layer_norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from plainnet.kernels.pieces import piece_size
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_axes
from plainnet.layers.normalization.batch_norm import (
    A_HAT,
    DA_HAT,
    DBETA,
    DGAMMA,
    INVERSE_STD,
    Y_OF_A_HAT,
    expect_several,
)


class LayerNorm(Layer):
    """Mean 0 and variance 1 over the last axis of each example (Ba et al. 2016, equations 3 and 4).

    It works in the same way in training and prediction, and does not depend on the batch.

    Tensors
    -------
    gamma, beta : (features,), initially 1 and 0
    """

    gamma: Array
    beta: Array
    dgamma: Array
    dbeta: Array

    shown_by = WindowOfRows
    releases_arrays = True

    def __init__(self, *, epsilon: float = 1e-5) -> None:
        require_number("epsilon", epsilon, above=0)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        expect_several(input_shape[-1], "features")
        self.declare("gamma", input_shape[-1:], Constant(1))
        self.declare("beta", input_shape[-1:], Zeros())
        return input_shape

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
            A_HAT,
            Y_OF_A_HAT,
        ),
        backward=(
            DGAMMA,
            DBETA,
            DA_HAT,
            Formula(
                "dA",
                "inverse_std * (dA_hat - dA_hat.mean(axis=-1, keepdims=True)"
                " - A_hat * (dA_hat * A_hat).mean(axis=-1, keepdims=True))",
                r"dA_{ij} = s_i (d\hat A_{ij} - \tfrac1n \sum_k d\hat A_{ik}"
                r" - \hat A_{ij} \tfrac1n \sum_k d\hat A_{ik} \hat A_{ik})",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        per_row = (*A.shape[:-1], 1)
        Y = cache.output("Y", A)
        A_hat = cache.kept("A_hat", or_in=Y)
        mean = cache.array("mean", per_row, A.dtype)
        variance = cache.array("variance", per_row, A.dtype)
        inverse_std = cache.array("inverse_std", per_row, A.dtype)
        return layer_norm(
            A, self.gamma, self.beta, self.epsilon, Y, A_hat, mean, variance, inverse_std
        )

    def backward(self, dY: Array, cache: Cache) -> Array:
        dA = cache.gradient("dA", dY) if cache.needs_input_gradient else None
        product = cache.array("product", (piece_size(dY),), dY.dtype)
        means = cache.array("means", (product.size // dY.shape[-1],), dY.dtype)
        part = cache.array("part", self.gamma.shape, dY.dtype)
        layer_norm_backward(
            dY, self.gamma, cache["A_hat"], cache["inverse_std"],
            self.dgamma, self.dbeta, dA, product, means, part,
        )  # fmt: skip
        return NO_GRADIENT if dA is None else dA


class RMSNorm(Layer):
    """Mean square 1 over the last axis of each example (Zhang and Sennrich 2019, equation 4).

    This is LayerNorm without the mean: no subtraction, no beta, and no mean(dA_hat) in dA.

    Tensors
    -------
    gamma : (features,), initially 1
    """

    gamma: Array
    dgamma: Array

    shown_by = WindowOfRows
    releases_arrays = True

    def __init__(self, *, epsilon: float = 1e-5) -> None:
        require_number("epsilon", epsilon, above=0)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., features)")
        expect_several(input_shape[-1], "features")
        self.declare("gamma", input_shape[-1:], Constant(1))
        return input_shape

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
            DGAMMA,
            DA_HAT,
            Formula(
                "dA",
                "inverse_rms * (dA_hat - A_hat * (dA_hat * A_hat).mean(axis=-1, keepdims=True))",
                r"dA_{ij} = s_i (d\hat A_{ij}"
                r" - \hat A_{ij} \tfrac1n \sum_k d\hat A_{ik} \hat A_{ik})",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        per_row = (*A.shape[:-1], 1)
        Y = cache.output("Y", A)
        A_hat = cache.kept("A_hat", or_in=Y)
        mean_square = cache.array("mean_square", per_row, A.dtype)
        inverse_rms = cache.array("inverse_rms", per_row, A.dtype)
        return rms_norm(A, self.gamma, self.epsilon, Y, A_hat, mean_square, inverse_rms)

    def backward(self, dY: Array, cache: Cache) -> Array:
        dA = cache.gradient("dA", dY) if cache.needs_input_gradient else None
        product = cache.array("product", (piece_size(dY),), dY.dtype)
        means = cache.array("means", (product.size // dY.shape[-1],), dY.dtype)
        part = cache.array("part", self.gamma.shape, dY.dtype)
        rms_norm_backward(
            dY, self.gamma, cache["A_hat"], cache["inverse_rms"],
            self.dgamma, dA, product, means, part,
        )  # fmt: skip
        return NO_GRADIENT if dA is None else dA
