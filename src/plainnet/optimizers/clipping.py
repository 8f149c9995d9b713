"""Gradient clipping: limits on the length or the elements of a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def clip_norm(gradients: Sequence[Array], limit: float) -> float:
    """Shorten a gradient that is longer than `limit`; return its original length.

    All vectors together are one gradient: g <- g limit / |g| (Pascanu et al. 2013, algorithm 1). A
    gradient whose length is not finite is left unchanged.
    """
    square = sum(float(np.dot(g, g)) for g in gradients)
    if not isfinite(square):  # the square of a float32 overflows from 2e19 on
        square = sum(float(np.dot(g, g)) for g in (g.astype(np.float64) for g in gradients))
    norm = sqrt(square)
    if limit < norm < float("inf"):
        for g in gradients:
            g *= limit / norm
    return norm


def clip_value(gradients: Sequence[Array], limit: float) -> None:
    """Replace every element outside [-limit, limit] by the nearer end."""
    for g in gradients:
        np.clip(g, -limit, limit, out=g)
