"""Files: saving and loading networks, estimators and agents."""

from plainnet.files.native import read_metadata
from plainnet.files.saving import load, save

__all__ = ["load", "read_metadata", "save"]
