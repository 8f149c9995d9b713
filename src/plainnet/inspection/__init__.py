"""The glass box: is the gradient right, and what are the numbers."""

from plainnet.inspection.gradients import GradientCheck, check_gradients

__all__ = ["GradientCheck", "check_gradients"]
