"""Random numbers from a distribution that the network predicts, and their gradients."""

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.engine.recording import WindowOfRows
from plainnet.errors import ShapeError
from plainnet.kernels.sampling import sample, sample_backward
from plainnet.layers.base import Array, Layer, Shape, expect_axes


class Sample(Layer):
    """Z = mu + exp(log_var / 2) E with E standard normal; in prediction the mean, Z = mu.

    The input has the shape (..., 2 k): k means, then the logarithms of k variances. The output has
    the shape (..., k). Since the noise is separate from what is learned, the gradient can pass
    through the draw (Kingma and Welling 2014, section 2.4 and appendix B). This is how a
    variational autoencoder draws its code; the loss that goes with it is
    `plainnet.losses.GaussianKL`.

    `evaluate` and validation use the mean, so their loss is not the negative evidence lower bound,
    but lower. To estimate the negative bound, average `loss_and_gradients` over a few draws with a
    `Cache(training=True)`.

    Nothing is clipped: if log_var is above 177 in float32, or 1419 in float64, the standard
    deviation is infinite, and training ends with `DivergedError`.
    """

    shown_by = WindowOfRows
    releases_arrays = True

    def build(self, input_shape: Shape) -> Shape:
        expect_axes(input_shape, 1, "(..., 2 k)")
        if input_shape[-1] % 2:
            raise ShapeError(
                "needs an input of shape (..., 2 k), k means and then k log variances; got "
                f"{input_shape}"
            )
        return (*input_shape[:-1], input_shape[-1] // 2)

    formulas = Formulas(
        input="A",
        output="Z",
        forward=(
            Formula("mu", "A[:, : A.shape[1] // 2]", r"\mu = A_{\cdot,\, 1 \dots k}"),
            Formula("log_var", "A[:, A.shape[1] // 2 :]", r"\ell = A_{\cdot,\, k+1 \dots 2k}"),
            Formula("S", "exp(log_var / 2)", r"\sigma = e^{\ell / 2}"),
            Formula("Z", "mu + S * E", r"Z = \mu + \sigma \odot E,\; E \sim \mathcal N(0, 1)"),
        ),
        backward=(
            Formula("dmu", "dZ", r"d\mu = dZ"),
            Formula("dlog_var", "dZ * S * E / 2", r"d\ell = dZ \odot \sigma \odot E / 2"),
            Formula("dA", "concatenate([dmu, dlog_var], axis=1)", r"dA = [d\mu \; d\ell]"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        k = A.shape[-1] // 2
        Z = cache.array("Z", (*A.shape[:-1], k), A.dtype)
        if not cache.training:
            if cache.record:
                cache.array("E", Z.shape, Z.dtype).fill(0)
            np.copyto(Z, A[..., :k])
            return Z
        S, E = (cache.array(name, Z.shape, Z.dtype) for name in "SE")
        cache.rng.standard_normal(out=E, dtype=A.dtype)
        return sample(A, E, Z, S)

    def backward(self, dZ: Array, cache: Cache) -> Array:
        k = dZ.shape[-1]
        dA = cache.array("dA", (*dZ.shape[:-1], 2 * k), dZ.dtype)
        if not cache.training:
            np.copyto(dA[..., :k], dZ)
            dA[..., k:] = 0
            return dA
        return sample_backward(dZ, cache["E"], cache["S"], dA)
