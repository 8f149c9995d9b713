"""Messages as bytes on a WebSocket: JSON, and buffers behind it.

A message with buffers is binary: the length of its JSON as a little-endian uint32, the JSON
`{"content": ..., "sizes": [...]}`, and the buffers one after the other. A text message is the
content alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from plainnet.errors import SettingError

LENGTH = struct.Struct("<I")
MOST_BYTES = 10 * 2**20 + 2**16
"""Of a message from a page: a table of 10 MB, and what is around it."""
MOST_BUFFERS = 16


def packed(content: Any, buffers: Sequence[Any]) -> bytes:
    """A message to the page."""
    parts = [np.ascontiguousarray(each).tobytes() for each in buffers]
    head = json.dumps(
        {"content": content, "sizes": [len(part) for part in parts]}, allow_nan=False
    ).encode()
    return b"".join([LENGTH.pack(len(head)), head, *parts])


def unpacked(message: str | bytes) -> tuple[Any, list[bytes]]:
    """The content and the buffers of a message from a page.

    Raises
    ------
    SettingError
        If it is not a message.
    """
    try:
        if isinstance(message, str):
            return _json(message), []
        (length,) = LENGTH.unpack_from(message)
        head = _json(message[LENGTH.size : LENGTH.size + length])
        content, sizes = head["content"], head["sizes"]
        if len(sizes) > MOST_BUFFERS:
            raise ValueError(f"it has more than {MOST_BUFFERS} buffers")
        start, buffers = LENGTH.size + length, []
        for size in sizes:
            buffers.append(message[start : start + size])
            start += size
        if start != len(message) or any(len(b) != s for b, s in zip(buffers, sizes, strict=True)):
            raise ValueError("its sizes do not add up")
    except (ValueError, TypeError, KeyError, struct.error, RecursionError) as error:
        raise SettingError(f"this is not a message of the playground: {error}") from error
    return content, buffers


def _json(text: str | bytes) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
