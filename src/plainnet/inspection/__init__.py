"""Looking inside: checks gradients, traces numbers, finds which inputs mattered, and faults."""

from importlib import import_module
from typing import Any

from plainnet.inspection.attribution.gradients import gradient_times_input, integrated_gradients
from plainnet.inspection.attribution.layer_maps import attention_rollout, grad_cam
from plainnet.inspection.attribution.occlusion import occlusion
from plainnet.inspection.comparing import Comparison, compare
from plainnet.inspection.differences import GradientCheck
from plainnet.inspection.doctor import Doctor, Report, Verdict, diagnose
from plainnet.inspection.gradients import check_gradients
from plainnet.inspection.tracing import Derivation, Line, Step, Trace, trace, trace_schema

__all__ = [
    "Comparison",
    "Derivation",
    "Doctor",
    "GradientCheck",
    "Line",
    "Report",
    "Step",
    "Trace",
    "Verdict",
    "attention_rollout",
    "check_gradients",
    "compare",
    "diagnose",
    "grad_cam",
    "gradient_times_input",
    "integrated_gradients",
    "occlusion",
    "trace",
    "trace_schema",
]


def __getattr__(name: str) -> Any:
    """`plainnet.inspection.plots`, imported when it is first asked for."""
    if name == "plots":
        return import_module("plainnet.inspection.plots")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
