"""Messages as bytes: what is packed is unpacked, and anything else is refused."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plainnet.errors import SettingError
from plainnet.playground.wire import packed, unpacked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON, st.lists(st.binary(max_size=50), max_size=4))
@settings(deadline=None, derandomize=True)
def test_a_message_comes_back(content, buffers):
    arrays = [np.frombuffer(each, np.uint8) for each in buffers]
    assert unpacked(packed(content, arrays)) == (content, buffers)
    assert unpacked(json.dumps(content)) == (content, [])


def test_arrays_of_any_layout():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    _, buffers = unpacked(packed({}, [array.T, array[:, ::2], np.uint8([7])]))
    expected = [[0, 3, 1, 4, 2, 5], [0, 2, 3, 5]]
    assert [np.frombuffer(each, "<f4").tolist() for each in buffers[:2]] == expected
    assert buffers[2] == b"\7"


def message(head, rest=b"", length=None):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<I", len(text) if length is None else length) + text + rest


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"\xff" * 20, "", "{", "nan", "[1, NaN]", "Infinity", '"\ud800', b"{}",
        "[" * 10**6, "1" * 10_000, message({}), message([]), message(3), message({"content": 1}),
        message({"content": 1, "sizes": 3}), message({"content": 1, "sizes": None}),
        message({"content": 1, "sizes": "ab"}), message({"content": 1, "sizes": [1]}),
        message({"content": 1, "sizes": []}, b"x"), message({"content": 1, "sizes": [-1]}, b"x"),
        message({"content": 1, "sizes": [2, -1]}, b"x"), message({"content": 1, "sizes": [0.5]}),
        message({"content": 1, "sizes": [10**30]}, b"x"), message({"content": 1, "sizes": [[]]}),
        message({"content": 1, "sizes": [0] * 17}), message({"content": 1, "sizes": {"a": 1}}),
        message({"content": 1, "sizes": []}, length=5), message(b"\xff\xfe{}"),
        message({"content": 1, "sizes": []}, length=2**32 - 1),
        message(b'{"content": NaN, "sizes": []}'),
        message(b"[" * 10**6),
    ],
    ids=lambda data: repr(data[:40]),
)  # fmt: skip
def test_what_is_not_a_message(data):
    with pytest.raises(SettingError, match="this is not a message of the playground: "):
        unpacked(data)


@given(st.binary(max_size=200) | st.text(max_size=200))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_bytes_are_unpacked_or_refused(data):
    said = ""
    try:
        unpacked(data)
    except SettingError as error:
        said = str(error)
    assert len(said) < 400
