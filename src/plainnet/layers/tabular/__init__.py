"""Embeddings of a table's columns.

categories.py  a learned vector for each category
periodic.py    numbers as waves
piecewise.py   numbers as their position in each bin
"""

from plainnet.layers.tabular.categories import CategoryEmbedding
from plainnet.layers.tabular.periodic import PeriodicEmbedding
from plainnet.layers.tabular.piecewise import PiecewiseLinearEmbedding

__all__ = ["CategoryEmbedding", "PeriodicEmbedding", "PiecewiseLinearEmbedding"]
