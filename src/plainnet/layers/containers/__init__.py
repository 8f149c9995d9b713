"""Layers made of layers, and layers that change only the shape.

parallel.py    side by side, each on its part of the features
residual.py    around a shortcut
sequential.py  one after the other, and the way through one of them
shaping.py     another shape of the same numbers
"""

from plainnet.layers.containers.parallel import Parallel
from plainnet.layers.containers.residual import Residual
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.containers.shaping import Flatten, Reshape

__all__ = ["Flatten", "Parallel", "Reshape", "Residual", "Sequential"]
