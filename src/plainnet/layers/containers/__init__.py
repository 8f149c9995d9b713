"""Layers made of layers, layers that join branches, and layers that change only the shape.

graph.py       layers joined freely; order.py decides the order in which nodes run
merging.py     layers that join branches: sums, products, concatenation
parallel.py    layers side by side, each on its part of the features
residual.py    layers with a shortcut around them
sequential.py  layers in order, and how a container calls a layer
shaping.py     layers that only reshape
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
