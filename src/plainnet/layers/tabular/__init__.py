"""Embeddings of a table's columns."""

from plainnet.layers.tabular.embeddings import (
    CategoryEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)

__all__ = ["CategoryEmbedding", "PeriodicEmbedding", "PiecewiseLinearEmbedding"]
