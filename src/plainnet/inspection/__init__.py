"""The glass box: whether the gradient is right, what the numbers are, and which inputs mattered."""

from plainnet.inspection.attribution.gradients import gradient_times_input, integrated_gradients
from plainnet.inspection.attribution.layer_maps import attention_rollout, grad_cam
from plainnet.inspection.attribution.occlusion import occlusion
from plainnet.inspection.comparing import Comparison, compare
from plainnet.inspection.differences import GradientCheck
from plainnet.inspection.gradients import check_gradients
from plainnet.inspection.tracing import Derivation, Line, Step, Trace, trace, trace_schema

__all__ = [
    "Comparison",
    "Derivation",
    "GradientCheck",
    "Line",
    "Step",
    "Trace",
    "attention_rollout",
    "check_gradients",
    "compare",
    "grad_cam",
    "gradient_times_input",
    "integrated_gradients",
    "occlusion",
    "trace",
    "trace_schema",
]
