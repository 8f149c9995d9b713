"""Numbers in a table as waves."""

from __future__ import annotations

from math import pi

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_integer, require_number
from plainnet.initializers import Initializer, Normal, Uniform
from plainnet.kernels.tabular import periodic, periodic_backward
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape


class PeriodicEmbedding(Layer):
    """Each number x as [W2 cos(2 pi w1 x + b1) + b2, x], with separate weights for each feature.

    This is the periodic embedding with bias, linear map and shortcut ("PBLD") of Holzmüller et al.
    2024, Better by Default, section 3.4, after Gorishniy et al. 2022, On Embeddings for Numerical
    Features. With theta = 2 pi w1 x + b1, and dH and dx the parts of dY:

        dW2 = dH cos(theta)    dtheta = -sin(theta) W2' dH    dw1 = 2 pi sum dtheta x
        db2 = sum dH           db1 = sum dtheta               dx += 2 pi sum dtheta w1

    Parameters
    ----------
    frequencies : int
        Waves per feature.
    width : int
        Outputs per feature, the number itself included; 2 or more.
    sigma : float
        Standard deviation of the initial frequencies w1.

    Tensors
    -------
    w1, b1 : (features, frequencies)
    W2 : (features, frequencies, width - 1), decays, as w1 does
    b2 : (features, width - 1)
    """

    w1: Array
    b1: Array
    W2: Array
    b2: Array
    dw1: Array
    db1: Array
    dW2: Array
    db2: Array

    read_once = ("sigma",)
    releases_arrays = True

    def __init__(self, frequencies: int = 16, *, width: int = 4, sigma: float = 0.1) -> None:
        self.frequencies = require_integer("frequencies", frequencies, at_least=1)
        self.width = require_integer("width", width, at_least=2)
        require_number("sigma", sigma, above=0)
        self.sigma = sigma

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ShapeError(f"needs an input of shape (features,); got {input_shape}")
        (F,), K, J = input_shape, self.frequencies, self.width - 1
        edge = 1 / K**0.5
        self.declare("w1", (F, K), Normal(self.sigma), decays=True)
        self.declare("b1", (F, K), Uniform(pi))
        self.declare("W2", (F, K, J), Uniform(edge), decays=True)
        self.declare("b2", (F, J), Uniform(edge))
        return (F * self.width,)

    def suggest(self, following: Initializer) -> Initializer:
        return following  # all tensors name their initializer; nothing below depends on it

    # A feature per block in memory, (F, m, K), so that W2 is one product for each feature.

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("theta", "2 * pi * A[..., None] * w1 + b1", r"\theta = 2 \pi w_1 x + b_1"),
            Formula(
                "Y",
                "concatenate([einsum('mfk,fkj->mfj', cos(theta), W2) + b2, A[..., None]], axis=2)"
                ".reshape(len(A), -1)",
                r"Y = [W_2 \cos\theta + b_2,\ x]",
            ),
        ),
        backward=(
            Formula("dH", "dY.reshape(*A.shape, width)[..., :-1]", r"[dH,\ dx] = dY"),
            Formula(
                "dW2", "einsum('mfk,mfj->fkj', cos(theta), dH)", r"dW_2 = \sum \cos\theta\, dH"
            ),
            Formula("db2", "dH.sum(axis=0)", r"db_2 = \sum dH"),
            Formula(
                "dtheta",
                "-sin(theta) * einsum('mfj,fkj->mfk', dH, W2)",
                r"d\theta = -\sin\theta \odot W_2^\top dH",
            ),
            Formula(
                "dw1",
                "2 * pi * (dtheta * A[..., None]).sum(axis=0)",
                r"dw_1 = 2 \pi \sum x\, d\theta",
            ),
            Formula("db1", "dtheta.sum(axis=0)", r"db_1 = \sum d\theta"),
            Formula(
                "dA",
                "dY.reshape(*A.shape, width)[..., -1] + 2 * pi * (dtheta * w1).sum(axis=2)",
                r"dA = dx + 2 \pi \sum w_1 d\theta",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        (m, F), K, J = A.shape, self.frequencies, self.width - 1
        x = cache.array("x", (F, m, 1), A.dtype)
        np.copyto(x[:, :, 0], A.T)
        w = cache.array("w", (F, K), A.dtype)
        theta = cache.array("by_feature", (F, m, K), A.dtype)
        cache["theta"] = theta.transpose(1, 0, 2)
        cosine = cache.array("cosine", (F, m, K), A.dtype)
        H = cache.array("H_by_feature", (F, m, J), A.dtype)
        periodic(x, self.w1, self.b1, self.W2, self.b2, w, theta, cosine, H)
        Y = cache.array("Y", (m, F * self.width), A.dtype)
        parts = Y.reshape(m, F, self.width)
        np.copyto(parts[:, :, :-1], H.transpose(1, 0, 2))
        np.copyto(parts[:, :, -1], A)
        return Y

    def backward(self, dY: Array, cache: Cache) -> Array:
        x, w, theta, cosine = cache["x"], cache["w"], cache["by_feature"], cache["cosine"]
        F, m, _ = theta.shape
        parts = dY.reshape(m, F, self.width)
        dH = cache.array("dH_by_feature", (F, m, self.width - 1), dY.dtype)
        cache["dH"] = dH.transpose(1, 0, 2)
        np.copyto(dH, parts[:, :, :-1].transpose(1, 0, 2))
        dtheta = cache.array("dtheta_by_feature", theta.shape, dY.dtype)
        dx = cache.array("dx", (F, m, 1), dY.dtype) if cache.needs_input_gradient else None
        sine = cache.array("sine", theta.shape, dY.dtype)
        periodic_backward(
            dH, x, self.W2, w, theta, cosine,
            self.dw1, self.db1, self.dW2, self.db2, dtheta, dx, sine,
        )  # fmt: skip
        if dx is None:
            return NO_GRADIENT
        return np.add(dx[:, :, 0].T, parts[:, :, -1], out=cache.array("dA", (m, F), dY.dtype))
