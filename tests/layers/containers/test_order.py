"""In which order the nodes of a graph run."""

import pytest

from plainnet.errors import SettingError
from plainnet.layers.containers.order import in_order


def order(sources: dict[str, str], inputs: str = "X", outputs: str = "Y") -> str:
    """The names are single letters."""
    return "".join(in_order({n: tuple(s) for n, s in sources.items()}, tuple(inputs), (*outputs,)))


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a": "X", "b": "a", "Y": "b"}, "abY"),
        ({"Y": "b", "b": "a", "a": "X"}, "abY"),
        ({"a": "X", "b": "X", "Y": "ba"}, "abY"),  # the given order is one: it stays
        ({"b": "X", "a": "X", "Y": "ba"}, "baY"),
        ({"Y": "ab", "a": "cX", "b": "X", "c": "X"}, "cabY"),
        ({"a": "XX", "Y": "aXa"}, "aY"),
    ],
)
def test_each_node_comes_after_its_sources(sources, expected):
    assert order(sources) == expected


def test_a_chain_longer_than_pythons_stack():
    n = 5000
    sources = {f"n{i}": (f"n{i + 1}",) for i in range(n)} | {f"n{n}": ("X",)}
    assert in_order(sources, ("X",), ("n0",)) == [f"n{i}" for i in reversed(range(n + 1))]


@pytest.mark.parametrize(
    ("sources", "inputs", "outputs", "message"),
    [
        ({"Y": "Z"}, "X", "Y", "node 'Y' reads 'Z', which is neither an input nor a node; there "
         "are X, Y"),
        ({"Y": "Y"}, "X", "Y", "the nodes form a cycle: Y reads Y"),
        ({"a": "Xb", "b": "a", "Y": "b"}, "X", "Y", "the nodes form a cycle: a reads b reads a"),
        ({"Y": "a", "a": "b", "b": "c", "c": "aX"}, "X", "Y", "cycle: a reads b reads c reads a"),
        ({"a": "X", "Y": "X"}, "X", "Y", "node 'a' is read by no node and is not an output"),
        ({"Y": "X"}, "XZ", "Y", "input 'Z' is read by no node and is not an output: leave it"),
        ({"X": "X"}, "X", "X", "'X' is the name of an input and of a node: rename one"),
        ({"Y": "X"}, "X", "X", "the output 'X' is an input; an output is one of the nodes, Y"),
        ({"Y": "X"}, "X", "Z", "the output 'Z' is unknown; an output is one of the nodes, Y"),
    ],
)  # fmt: skip
def test_what_is_no_order_is_refused_by_name(sources, inputs, outputs, message):
    with pytest.raises(SettingError, match=message):
        order(sources, inputs, outputs)
