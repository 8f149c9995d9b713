"""What layers tell each other of the sequences in a pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Source:
    """What an encoder made, for the layers of a decoder that attend to it.

    Attributes
    ----------
    X : array of shape (m, source time, width)
    mask : array of shape (m, source time), optional
        True where there is data.
    dX : array of X's shape, optional
        The sum of the gradients that the decoder's layers have returned so far.
    """

    X: Array
    mask: Array | None = None
    dX: Array | None = None


class Carried(dict[str, Any]):
    """What a layer keeps of its sequences from one pass to the next, by name.

    Attributes
    ----------
    goes_on : bool
        The next pass continues the sequences of this one; see `Cache.carry`.
    """

    __slots__ = ("goes_on",)

    def __init__(self, goes_on: bool) -> None:
        super().__init__()
        self.goes_on = goes_on


@dataclass(slots=True)
class Sequences:
    """The same object in the whole tree of caches; each pass of a network resets it.

    Attributes
    ----------
    mask : array of shape (m, time), optional
        Which steps are data, as booleans. None where all of them are.
    source : Source, optional
        Of an `EncoderDecoder`.
    masks : tuple of such masks
        In a layer with several inputs, that of each; after a pass of a network with several
        outputs, that of each.
    """

    mask: Array | None = None
    source: Source | None = None
    masks: tuple[Array | None, ...] = ()
