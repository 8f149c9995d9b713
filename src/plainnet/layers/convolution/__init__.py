"""What slides over images and sequences.

conv1d.py          a kernel along time
conv2d.py          a kernel over images, and the same transposed
filters.py         what all convolutions share: filters in groups, weights, biases
global_pooling.py  the mean or the maximum of a whole image or sequence
pooling.py         the mean or the maximum under a window
sliding.py         settings that all of them share: windows, padding
upsampling.py      more pixels from fewer
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
