"""The glass box: whether the gradient is right, and what the numbers are."""

from plainnet.inspection.comparing import Comparison, compare
from plainnet.inspection.differences import GradientCheck
from plainnet.inspection.gradients import check_gradients
from plainnet.inspection.tracing import Line, Step, Trace, trace

__all__ = [
    "Comparison",
    "GradientCheck",
    "Line",
    "Step",
    "Trace",
    "check_gradients",
    "compare",
    "trace",
]
