"""What floats can count."""

import numpy as np
import numpy.typing as npt


def exact_ids(dtype: npt.DTypeLike) -> int:
    """How many ids, from 0 on, a float dtype tells apart: 2^24 in float32, 2^53 in float64."""
    return 1 << (int(np.finfo(dtype).nmant) + 1)
