"""An adapter per operator: the signature is ONNX's, inputs by position, attributes by name.

So an attribute that an adapter does not know is an error, never ignored. An output that there is
nothing to compare with is None, and its vector must be listed in `left_out.IN_PART`.
"""

from onnx_conformance.adapters import (
    activations,
    attention,
    convolution,
    dense,
    losses,
    normalization,
    optimizers,
    pooling,
    recurrence,
)
from onnx_conformance.vectors import Adapter

ADAPTERS: dict[str, Adapter] = {
    **activations.ADAPTERS,
    **attention.ADAPTERS,
    **convolution.ADAPTERS,
    **dense.ADAPTERS,
    **losses.ADAPTERS,
    **normalization.ADAPTERS,
    **optimizers.ADAPTERS,
    **pooling.ADAPTERS,
    **recurrence.ADAPTERS,
}
