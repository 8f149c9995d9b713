"""Files: saving and loading whatever plainnet has."""

from plainnet.files.native import read_metadata
from plainnet.files.saving import load, save

__all__ = ["load", "read_metadata", "save"]
