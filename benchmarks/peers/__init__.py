"""Other packages that look for faults in networks, asked about those of `faults`."""

from typing import NamedTuple


class Message(NamedTuple):
    """What a package says of a network."""

    says: str
    is_serious: bool
