"""Files: saving and loading networks."""

from plainnet.files.native import load, read_metadata, save

__all__ = ["load", "read_metadata", "save"]
