"""What a test of a compiled kernel is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
Arguments = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A kernel, and arguments to call it with.

    Attributes
    ----------
    kernel : function
    build : function
        From a random generator to the arguments by name, in the kernel's order. Floats are made in
        float64, which the test converts; outputs and scratch memory are there too.
    outputs : str
        The names of the arguments that are written or changed. What else is written is scratch
        memory of NumPy's form.
    ulps : float
        How far an output may be from that of NumPy's form in float64: in units in the last place of
        float32, at the number plus the root mean square of the output.
    note : str
        What sets the case apart from others of the kernel.
    extremes : bool
        Whether the inputs hold infinities, NaN and numbers at the ends of float32: then the same
        outputs must be NaN and infinite as in NumPy's form, and the others agree.
    float64 : str
        The names of the arguments that are float64 in every call.
    """

    kernel: Callable[..., Any]
    build: Callable[[np.random.Generator], Arguments]
    outputs: str
    ulps: float = 4
    note: str = ""
    extremes: bool = False
    float64: str = ""

    def __str__(self) -> str:
        return f"{self.kernel.__name__} {self.note}".strip()
