"""Embeddings of a table's columns.

categories.py  a learned vector for each category
periodic.py    a number as waves
piecewise.py   a number as how far it has come through each bin
"""

from plainnet.layers.tabular.categories import CategoryEmbedding
from plainnet.layers.tabular.periodic import PeriodicEmbedding
from plainnet.layers.tabular.piecewise import PiecewiseLinearEmbedding

__all__ = ["CategoryEmbedding", "PeriodicEmbedding", "PiecewiseLinearEmbedding"]
