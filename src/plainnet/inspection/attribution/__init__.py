"""Which inputs mattered: by gradients, by hiding parts of an input, by what layers attend to."""

from plainnet.inspection.attribution.gradients import gradient_times_input, integrated_gradients
from plainnet.inspection.attribution.layer_maps import attention_rollout, grad_cam
from plainnet.inspection.attribution.occlusion import occlusion

__all__ = [
    "attention_rollout",
    "grad_cam",
    "gradient_times_input",
    "integrated_gradients",
    "occlusion",
]
