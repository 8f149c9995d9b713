"""Layers made of layers, and layers that change only the shape.

shaping.py  another shape of the same numbers
"""

from plainnet.layers.containers.containers import Parallel, Residual, Sequential
from plainnet.layers.containers.shaping import Flatten, Reshape

__all__ = ["Flatten", "Parallel", "Reshape", "Residual", "Sequential"]
