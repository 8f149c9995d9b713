"""A loss for a code that is a distribution: how far it is from the standard normal."""

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError
from plainnet.losses.base import Array, Loss, Shape, in_wider


class GaussianKL(Loss):
    """The Kullback-Leibler divergence of N(mu, sigma^2) from N(0, 1), summed over k dimensions.

    L_i = 1/2 sum_j (mu_ij^2 + sigma_ij^2 - 1 - log sigma_ij^2) (Kingma and Welling 2014, appendix
    B; their equation 10 has its negative). The outputs, shape (m, 2 k), are k means and then the
    logarithms of k variances, as `plainnet.layers.Sample` takes them.

    There are no targets: `y` may be anything of length m, such as np.empty((m, 0)).

    The bound that a variational autoencoder maximises is a sum over outputs, while the losses of
    plainnet are means. If this loss has the weight 1, `SigmoidCrossEntropy` over n outputs
    therefore needs the weight n, and `MeanSquaredError` n / (2 s^2), where s^2 is the variance of
    the outputs around their mean. If instead the reconstruction has the weight 1, this loss needs
    1 / n, or 2 s^2 / n.

    Examples
    --------
    A variational autoencoder for six numbers between 0 and 1, with a code of two dimensions:

    >>> from plainnet import Network
    >>> from plainnet.layers import Dense, Graph, Sample
    >>> from plainnet.losses import SigmoidCrossEntropy
    >>> graph = Graph(
    ...     {"code": (Dense(4), "X"), "Z": ([Sample(), Dense(6)], "code")},
    ...     inputs="X",
    ...     outputs=("Z", "code"),
    ... )
    >>> losses = {"Z": (SigmoidCrossEntropy(), 6), "code": GaussianKL()}
    >>> network = Network(graph, loss=losses, input_shape=6, seed=0)
    >>> X = np.eye(6)
    >>> list(network.evaluate(X, {"Z": X}))
    ['loss', 'Z_loss', 'Z_accuracy', 'code_loss']
    """

    needs_targets = False

    def build(self, output_shape: Shape) -> None:
        if len(output_shape) != 1 or output_shape[0] % 2:
            raise ShapeError(
                f"loss {self!r} needs an output of shape (2 k,), k means and then k log variances; "
                f"the network gives {output_shape}"
            )
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        """No targets: an array of shape (m, 0) for m examples."""
        shape = np.shape(as_array("y", y))
        if not shape:
            raise ShapeError(
                f"targets must have the length m, though loss {self!r} does not read them: pass "
                "np.empty((m, 0))"
            )
        return np.empty((shape[0], 0), dtype)

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("mu", "Z[:, : Z.shape[1] // 2]", r"\mu = Z_{\cdot,\, 1 \dots k}"),
            Formula("log_var", "Z[:, Z.shape[1] // 2 :]", r"\ell = Z_{\cdot,\, k+1 \dots 2k}"),
            Formula(
                "losses",
                "(mu**2 + expm1(log_var) - log_var).sum(axis=1) / 2",
                r"L_i = \frac12 \sum_j (\mu_{ij}^2 + e^{\ell_{ij}} - 1 - \ell_{ij})",
            ),
        ),
        backward=(
            Formula("dmu", "mu", r"d\mu = \mu"),
            Formula("dlog_var", "expm1(log_var) / 2", r"d\ell = (e^\ell - 1) / 2"),
            Formula("dL", "concatenate([dmu, dlog_var], axis=1)", r"dL = [d\mu \; d\ell]"),
        ),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        m, k = len(Z), Z.shape[1] // 2
        losses = cache.array("losses", (m,), Z.dtype)
        dL = cache.array("dL", Z.shape, Z.dtype)

        def each(Z: Array, y: Array) -> tuple[Array, ...]:
            """In a wider dtype, since e^l - 1 and l cancel where the variance is next to 1."""
            mu, log_var = Z[:, :k], Z[:, k:]
            excess = np.expm1(log_var)
            L = (mu**2 + (excess - log_var)).sum(axis=1) / 2
            return L, np.concatenate([mu, excess / 2], axis=1)

        in_wider(each, Z, y, losses, dL)
        return losses

    def backward(self, cache: Cache) -> Array:
        """dL = [mu, (e^l - 1) / 2]."""
        return cache["dL"]
