"""Which steps of a sequence are data."""

from __future__ import annotations

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import ShapeError, require_number
from plainnet.layers.base import Array, Layer, Shape

BOOL = np.dtype(bool)


class Masking(Layer):
    """Y = A, and steps whose features all equal `value` do not count as data for later layers.

    It sets `cache.mask`, shape (m, time), which is True where there is data; steps that an earlier
    mask leaves out stay masked.

    Parameters
    ----------
    value : float
        The value that pads short sequences.
    """

    uses_mask = True

    def __init__(self, value: float = 0.0) -> None:
        require_number("value", value)
        self.value = float(value)  # NumPy's own float64 would not equal its float32

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(
                f"needs an input of shape (time, features), without the batch axis; got "
                f"{input_shape}"
            )
        return input_shape

    # `data` is the mask from before, (m, time).
    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula(
                "M",
                "data & (A != value).any(axis=-1)",
                r"M_{it} = \mathrm{data}_{it} \wedge \exists j: A_{itj} \ne v",
            ),
            Formula("Y", "A", "Y = A"),
        ),
        backward=(Formula("dA", "dY", "dA = dY"),),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        differs = np.not_equal(A, self.value, out=cache.array("differs", A.shape, BOOL))
        M = np.any(differs, axis=-1, out=cache.array("M", A.shape[:2], BOOL))
        if cache.mask is not None:
            M &= cache.mask
        cache.mask = M
        return A

    def backward(self, dY: Array, cache: Cache) -> Array:
        return dY
