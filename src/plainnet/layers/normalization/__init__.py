"""Numbers brought to mean 0 and variance 1, then scaled and shifted as learned.

batch_norm.py  each feature, over the batch
group_norm.py  each group of channels, in each example
layer_norm.py  each row by itself, with or without subtracting its mean
"""

from plainnet.layers.normalization.batch_norm import BatchNorm
from plainnet.layers.normalization.group_norm import GroupNorm
from plainnet.layers.normalization.layer_norm import LayerNorm, RMSNorm

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "RMSNorm"]
