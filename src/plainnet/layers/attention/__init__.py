"""Tokens, their places, and attention between them.

attention.py    self-attention
bag.py          one vector for all tokens of an example, whatever their order
dot_product.py  the common part of attention layers, given queries, keys and values
embedding.py    a learned vector for each token, for input and output
positions.py    the position of a token in its sequence
transformer.py  blocks of attention and dense layers, encoders with decoders
"""

from plainnet.layers.attention.attention import CrossAttention, MultiHeadAttention
from plainnet.layers.attention.bag import EmbeddingBag
from plainnet.layers.attention.embedding import Embedding, TiedEmbedding
from plainnet.layers.attention.positions import LearnedPositions, SinusoidalPositions
from plainnet.layers.attention.transformer import EncoderDecoder, TransformerBlock

__all__ = [
    "CrossAttention",
    "Embedding",
    "EmbeddingBag",
    "EncoderDecoder",
    "LearnedPositions",
    "MultiHeadAttention",
    "SinusoidalPositions",
    "TiedEmbedding",
    "TransformerBlock",
]
