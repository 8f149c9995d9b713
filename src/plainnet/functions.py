"""How far floats can count."""

import numpy as np
import numpy.typing as npt


def exact_ids(dtype: npt.DTypeLike) -> int:
    """How many ids, counted from 0, a float dtype tells apart: 2^24 or 2^53."""
    return 1 << (int(np.finfo(dtype).nmant) + 1)
