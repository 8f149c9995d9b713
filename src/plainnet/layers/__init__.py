"""The layers, a folder for each family. `formulas` on each gives its mathematics as data.

base.py          what a layer is
dense/           layers of weighted sums, and functions of single numbers
containers/      layers made of layers, and layers that change only the shape
convolution/     kernels and windows that slide over images and sequences
normalization/   numbers brought to mean 0 and variance 1, then scaled and shifted as learned
recurrence/      the same weights at every step of a sequence, and a state that goes on
attention/       tokens, their places, and attention between them
tabular/         embeddings of a table's columns
"""

from plainnet.engine.formulas import Formula, Formulas
from plainnet.layers import (
    attention,
    containers,
    convolution,
    dense,
    normalization,
    recurrence,
    tabular,
)
from plainnet.layers.attention import *  # noqa: F403
from plainnet.layers.base import Layer
from plainnet.layers.containers import *  # noqa: F403
from plainnet.layers.convolution import *  # noqa: F403
from plainnet.layers.dense import *  # noqa: F403
from plainnet.layers.normalization import *  # noqa: F403
from plainnet.layers.recurrence import *  # noqa: F403
from plainnet.layers.tabular import *  # noqa: F403

__all__ = ["Formula", "Formulas", "Layer"]
__all__ += attention.__all__
__all__ += containers.__all__
__all__ += convolution.__all__
__all__ += dense.__all__
__all__ += normalization.__all__
__all__ += recurrence.__all__
__all__ += tabular.__all__
