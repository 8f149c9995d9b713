"""Kernels and windows that slide over images and sequences.

conv1d.py          convolution along time
conv2d.py          convolution over images, and its transpose
filters.py         the common part of convolutions: filters in groups, weights, biases
global_pooling.py  the mean or the maximum of a whole image or sequence
pooling.py         the mean or the maximum under a window
sliding.py         the common settings: windows, padding
upsampling.py      enlarging images
"""

from plainnet.layers.convolution.conv1d import Conv1d
from plainnet.layers.convolution.conv2d import Conv2d, ConvTranspose2d
from plainnet.layers.convolution.global_pooling import (
    GlobalAveragePool1d,
    GlobalAveragePool2d,
    GlobalMaxPool1d,
    GlobalMaxPool2d,
)
from plainnet.layers.convolution.pooling import AveragePool2d, MaxPool2d
from plainnet.layers.convolution.upsampling import Upsample

__all__ = [
    "AveragePool2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "GlobalAveragePool1d",
    "GlobalAveragePool2d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "MaxPool2d",
    "Upsample",
]
