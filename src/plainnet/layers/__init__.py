"""The layers. `formulas` on each gives its mathematics as data; the code stands beside it."""

from plainnet.engine.formulas import Formula, Formulas
from plainnet.layers.activations import (
    ELU,
    GELU,
    SELU,
    Identity,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from plainnet.layers.attention import CrossAttention, MultiHeadAttention
from plainnet.layers.base import Layer
from plainnet.layers.bidirectional import Bidirectional
from plainnet.layers.containers import Parallel, Residual, Sequential
from plainnet.layers.convolution import Conv1d, Conv2d, ConvTranspose2d
from plainnet.layers.dense import Dense
from plainnet.layers.dropout import Dropout, Dropout2d, GaussianNoise
from plainnet.layers.embeddings import (
    CategoryEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from plainnet.layers.gates import GLU, Highway, SwiGLU
from plainnet.layers.global_pooling import (
    GlobalAveragePool1d,
    GlobalAveragePool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
)
from plainnet.layers.group_normalization import GroupNorm
from plainnet.layers.gru import GRU
from plainnet.layers.lstm import LSTM
from plainnet.layers.masking import Masking
from plainnet.layers.normalization import BatchNorm, LayerNorm, RMSNorm
from plainnet.layers.pooling import AveragePool2d, MaxPool2d
from plainnet.layers.positions import LearnedPositions, SinusoidalPositions
from plainnet.layers.recurrence import RNN
from plainnet.layers.scaling import ParametricActivation, PReLU, Scale
from plainnet.layers.shaping import Flatten, Reshape
from plainnet.layers.tokens import Embedding, TiedEmbedding
from plainnet.layers.transformer import EncoderDecoder, TransformerBlock
from plainnet.layers.upsampling import Upsample

__all__ = [
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AveragePool2d",
    "BatchNorm",
    "Bidirectional",
    "CategoryEmbedding",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossAttention",
    "Dense",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "EncoderDecoder",
    "Flatten",
    "Formula",
    "Formulas",
    "GaussianNoise",
    "GlobalAveragePool1d",
    "GlobalAveragePool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "Highway",
    "Identity",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Masking",
    "MaxPool2d",
    "Mish",
    "MultiHeadAttention",
    "PReLU",
    "Parallel",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Residual",
    "Scale",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "SwiGLU",
    "Tanh",
    "TiedEmbedding",
    "TransformerBlock",
    "Upsample",
]
