"""Layers made of layers, layers that join branches, and layers that change only the shape.

graph.py       joined as one likes; order.py says in which order nodes run
merging.py     where branches meet: sums, products, side by side
parallel.py    side by side, each on its part of the features
residual.py    around a shortcut
sequential.py  one after the other, and the way through one of them
shaping.py     another shape of the same numbers
"""

from plainnet.layers.containers.graph import Graph
from plainnet.layers.containers.merging import Add, Concatenate, Dot, Multiply
from plainnet.layers.containers.parallel import Parallel
from plainnet.layers.containers.residual import Residual
from plainnet.layers.containers.sequential import Sequential
from plainnet.layers.containers.shaping import Flatten, Reshape

__all__ = [
    "Add", "Concatenate", "Dot", "Flatten", "Graph", "Multiply", "Parallel", "Reshape", "Residual",
    "Sequential",
]  # fmt: skip
