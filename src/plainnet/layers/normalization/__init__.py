"""Numbers brought to mean 0 and variance 1, then scaled and shifted as learned.

group_norm.py  each example over groups of channels
"""

from plainnet.layers.normalization.group_norm import GroupNorm
from plainnet.layers.normalization.normalization import BatchNorm, LayerNorm, RMSNorm

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "RMSNorm"]
