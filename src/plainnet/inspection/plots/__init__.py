"""Pictures of data, training and networks, with matplotlib, which the extra `plots` brings.

Each function draws where `ax` or `axes` says, by default into a new figure, and returns that. None
of them changes a network, its running state or any random numbers.
"""

from plainnet.inspection.plots.axes import new_axes
from plainnet.inspection.plots.diagram import Diagram, network_weights
from plainnet.inspection.plots.passes import attention, feature_maps
from plainnet.inspection.plots.regions import decision_regions
from plainnet.inspection.plots.scores import calibration, confusion, intervals, residuals
from plainnet.inspection.plots.tensors import filters, weights

__all__ = [
    "Diagram",
    "attention",
    "calibration",
    "confusion",
    "decision_regions",
    "feature_maps",
    "filters",
    "intervals",
    "network_weights",
    "new_axes",
    "residuals",
    "weights",
]
