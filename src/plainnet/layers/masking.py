"""Which steps of a sequence are data."""

from __future__ import annotations

import numpy as np

from plainnet.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import DTypeError, ShapeError, require_number
from plainnet.layers.base import Array, Layer, Shape

BOOL = np.dtype(bool)


class Masking(Layer):
    """Y = A, and steps whose features all equal `value` are no data for the layers that follow.

    It sets `cache.mask`, (m, time), which is True where there is data; a mask that is there
    already still counts.

    Parameters
    ----------
    value : float
        What short sequences are filled up with.
    """

    formulas = Formulas(
        input="A",
        output="Y",
        forward=(
            Formula("M", "(A != value).any(axis=-1)", r"M_{it} = \exists j: A_{itj} \ne v"),
            Formula("Y", "A", "Y = A"),
        ),
        backward=(Formula("dA", "dY", "dA = dY"),),
    )

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

    def forward(self, A: Array, cache: Cache) -> Array:
        mask = checked_mask(self, A, cache)
        differs = np.not_equal(A, self.value, out=cache.array("differs", A.shape, BOOL))
        M = np.any(differs, axis=-1, out=cache.array("M", A.shape[:2], BOOL))
        if mask is not None:
            M &= mask
        cache.mask = M
        return A

    def backward(self, dY: Array, cache: Cache) -> Array:
        return dY


def checked_mask(layer: Layer, A: Array, cache: Cache) -> Array | None:
    """`cache.mask`, of the sequences A, (m, time, ...), that the layer is given.

    Refuses a mask of another shape, and sequences without a step.
    """
    expect_steps(layer, A)
    m, time = A.shape[:2]
    mask = cache.mask
    if mask is not None and mask.shape != (m, time):
        raise ShapeError(
            f"layer {layer.name} ({layer!r}) needs a mask of shape (m, time), here {(m, time)}; "
            f"got {mask.shape}"
        )
    if mask is not None and mask.dtype != BOOL:
        raise DTypeError(
            f"layer {layer.name} ({layer!r}) needs a mask of True and False; got {mask.dtype}"
        )
    return mask


def expect_steps(layer: Layer, A: Array) -> None:
    """Refuse sequences (m, time, ...) without a step."""
    if A.shape[1:2] == (0,):
        raise ShapeError(
            f"layer {layer.name} ({layer!r}) needs sequences of one step or more; got {A.shape}"
        )
