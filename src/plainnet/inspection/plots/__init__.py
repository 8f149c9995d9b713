"""Pictures of data, training and networks, with matplotlib, which the extra `plots` brings.

Each function draws where `ax` or `axes` says, by default into a new figure, and returns that. None
of them changes a network, its running state or any random numbers.
"""

from plainnet.inspection.plots.axes import new_axes
from plainnet.inspection.plots.regions import decision_regions
from plainnet.inspection.plots.scores import calibration, confusion, intervals, residuals

__all__ = [
    "calibration",
    "confusion",
    "decision_regions",
    "intervals",
    "new_axes",
    "residuals",
]
