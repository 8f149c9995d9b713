"""Plots of data, training and networks with matplotlib (extra `plots`).

Each function draws on `ax` or `axes`, by default in a new figure, and returns it. None of them
changes a network, its running state or any random numbers.
"""

from plainnet.inspection.plots.axes import new_axes
from plainnet.inspection.plots.diagram import Diagram, network_weights
from plainnet.inspection.plots.histograms import (
    activation_histograms,
    gradient_histograms,
    histograms_over_time,
    update_histograms,
)
from plainnet.inspection.plots.landscape import loss_along_line, loss_on_plane
from plainnet.inspection.plots.passes import attention, feature_maps
from plainnet.inspection.plots.recording import Histograms
from plainnet.inspection.plots.regions import decision_regions
from plainnet.inspection.plots.scores import calibration, confusion, intervals, residuals
from plainnet.inspection.plots.tensors import filters, weights

__all__ = [
    "Diagram",
    "Histograms",
    "activation_histograms",
    "attention",
    "calibration",
    "confusion",
    "decision_regions",
    "feature_maps",
    "filters",
    "gradient_histograms",
    "histograms_over_time",
    "intervals",
    "loss_along_line",
    "loss_on_plane",
    "network_weights",
    "new_axes",
    "residuals",
    "update_histograms",
    "weights",
]
