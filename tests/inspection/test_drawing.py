"""The drawing says what each node reads: its text is parsed back, and its SVG looked through."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import SettingError
from plainnet.inspection.drawing import rails_of
from plainnet.inspection.svg import Layout
from plainnet.layers import (
    GRU,
    Add,
    Bidirectional,
    Concatenate,
    Dense,
    Embedding,
    GlobalAveragePool1d,
    Graph,
    Highway,
    Layer,
    Parallel,
    ReLU,
    Residual,
    TransformerBlock,
    Transposed,
)
from plainnet.losses import MeanSquaredError, SigmoidCrossEntropy, SoftmaxCrossEntropy

SVG = "{http://www.w3.org/2000/svg}"


def siamese() -> Network:
    encoder = Dense(8)
    nodes = {
        "left": (encoder, "a"),
        "right": (encoder, "b"),
        "same": ([Concatenate(), ReLU(), Dense(1)], "left", "right"),
    }
    graph = Graph(nodes, inputs=("a", "b"), outputs="same")
    return Network(graph, loss=SigmoidCrossEntropy(), input_shape={"a": 4, "b": 4}, seed=0)


def two_outputs() -> Network:
    nodes = {
        "words": (Embedding(10, 4), "text"),
        "code": (GlobalAveragePool1d(), "words"),
        "both": (Concatenate(), "code", "table"),
        "kind": (Dense(3), "both"),
        "price": (Dense(1), "both"),
    }
    return Network(
        Graph(nodes, inputs=("table", "text"), outputs=("kind", "price")),
        loss={"kind": SoftmaxCrossEntropy(), "price": (MeanSquaredError(), 0.1)},
        input_shape={"table": 8, "text": (None,)},
        seed=0,
    )


def random_graph(seed: int) -> Network:
    """Up to 40 nodes, each of which reads up to three of those before it, most of them recent."""
    rng = np.random.default_rng(seed)
    inputs = [f"in{i}" for i in range(rng.integers(1, 4))]
    names, nodes = [*inputs], {}
    for i in range(rng.integers(1, 40)):
        known = names[-6:] if rng.random() < 0.8 else names
        sources = list(dict.fromkeys(rng.choice(known, rng.integers(1, 4)).tolist()))
        nodes[f"n{i}"] = (Add() if len(sources) > 1 else ReLU(), *sources)
        names.append(f"n{i}")
    unread = set(names) - {source for _, *sources in nodes.values() for source in sources}
    nodes["end"] = (Add() if len(unread) > 1 else ReLU(), *sorted(unread))
    graph = Graph(nodes, inputs=inputs, outputs="end")
    shapes = dict.fromkeys(inputs, 2) if len(inputs) > 1 else 2
    return Network(graph, loss=MeanSquaredError(), input_shape=shapes)


def edges_of(network: Network) -> set[tuple[str, str]]:
    """From the graph itself: each source, and who reads it."""
    graph = network.body
    edges = {(source, name) for name, sources in graph.sources.items() for source in sources}
    return edges | {(name, "loss") for name in graph.outputs}


def parsed(text: str) -> set[tuple[str, str]]:
    """The edges that the rails show: a second reading of the drawing, character by character."""
    edges, carried = set(), {}  # by column, whose value comes from above
    for line in text.splitlines():
        rail, name = re.fullmatch(r"([○●◆│─├┤┼┴╰╯ ]+?)  +(\w[\w.]*).*|$", line).groups()
        rail = rail.rstrip()
        own = next(i for i, character in enumerate(rail) if character in "○●◆")
        if rail[own] != "○" and own in carried:
            edges.add((carried[own], name))
        for step in (-1, 1):
            at = own + step
            while 0 <= at < len(rail) and rail[at] != " ":
                if rail[at] in "├┤┼┴╰╯":
                    edges.add((carried[at], name))
                if rail[at] in ("├╰" if step < 0 else "┤╯"):
                    break
                at += step
        carried = {at: carried[at] for at, each in enumerate(rail) if each in "│├┤┼"}
        if rail[own] != "◆":
            carried[own] = name
    return edges


# --- text -----------------------------------------------------------------------------------------


def test_a_siamese_network_in_text():
    assert str(siamese().draw()) == (
        "○    a      input                       (m, 4)\n"
        "│ ○  b      input                       (m, 4)\n"
        "● │  left   Dense(8)                    (m, 8)       40\n"
        "│ ●  right  Dense(8)                    (m, 8)  as left\n"
        "●─╯  same   Concatenate → ReLU → Dense  (m, 1)       17\n"
        "◆    loss   SigmoidCrossEntropy()"
    )


def test_losses_have_their_weights():
    *_, kind, price = two_outputs().draw().text.splitlines()
    assert kind.split() == ["│", "◆", "kind_loss", "SoftmaxCrossEntropy()", "weight", "1"]
    assert price.split() == ["◆", "price_loss", "MeanSquaredError()", "weight", "0.1"]


@pytest.mark.parametrize("seed", range(40))
def test_the_text_can_be_read_back(seed):
    network = random_graph(seed)
    drawing = network.draw()
    assert parsed(drawing.text) == edges_of(network)
    assert len(drawing.text.splitlines()) == len(drawing.nodes)


def test_a_rail_that_is_crossed_is_not_read():
    nodes = {"a": (ReLU(), "X"), "b": (ReLU(), "Y"), "c": (Add(), "a", "X"), "d": (Add(), "b", "c")}
    graph = Graph(nodes, inputs=("X", "Y"), outputs="d")
    network = Network(graph, loss=MeanSquaredError(), input_shape={"X": 2, "Y": 2})
    rails = rails_of(network.draw().nodes)
    assert rails == ["○", "│ ○", "├─│─●", "│ ● │", "●─│─╯", "●─╯", "◆"]


def test_one_source_read_twice():
    graph = Graph({"double": (Add(), "X", "X")}, inputs="X", outputs="double")
    drawing = Network(graph, loss=MeanSquaredError(), input_shape=2).draw()
    assert drawing.text.splitlines()[1].startswith("●  double  Add(), reads X twice")
    assert drawing.svg.count('data-from="0" data-to="1"') == 2


def test_a_chain_and_no_layers_at_all():
    network = Network([Dense(2), ReLU()], loss=MeanSquaredError(), input_shape=3)
    names = ["input", "0.dense", "1.relu", "loss"]
    assert parsed(str(network.draw())) == set(pairwise(names))
    empty = Network([], loss=MeanSquaredError(), input_shape=3)
    assert parsed(str(empty.draw())) == {("input", "loss")}


# --- what is opened -------------------------------------------------------------------------------


def test_containers_are_opened_level_by_level():
    layers = [
        Parallel([(0, 2), (1, 4)], [Dense(3), Dense(5)]),
        Highway([Dense(8)]),
        Residual([Residual([ReLU()])]),
    ]
    network = Network(layers, loss=MeanSquaredError(), input_shape=4)
    assert [node.name for node in network.draw().nodes if node.kind == "layer"] == [
        "0.parallel", "1.highway", "2.residual",
    ]  # fmt: skip
    assert parsed(network.draw(depth=2).text) == {
        ("input", "0.parallel.0.dense"), ("0.parallel.0.dense", "0.parallel"),
        ("input", "0.parallel.1.dense"), ("0.parallel.1.dense", "0.parallel"),
        ("0.parallel", "1.highway.0.dense"), ("1.highway.0.dense", "1.highway"),
        ("0.parallel", "1.highway"),
        ("1.highway", "2.residual.0.residual"), ("2.residual.0.residual", "2.residual"),
        ("1.highway", "2.residual"), ("2.residual", "loss"),
    }  # fmt: skip
    assert "2.residual.0.residual.0.relu" in network.draw(depth=3).text


def test_the_parameters_add_up_at_every_depth():
    layers = [TransformerBlock(2), Bidirectional(GRU(3)), Highway([Dense(6)]), Dense(2)]
    network = Network(layers, loss=MeanSquaredError(), input_shape=(5, 4))
    for depth in range(1, 5):
        sizes = [node.size.replace(",", "") for node in network.draw(depth=depth).nodes]
        assert sum(int(size) for size in sizes if size) == network.parameters.size


def test_a_graph_in_a_list_and_in_a_graph():
    inner = Graph(
        {"p": (ReLU(), "A"), "q": (Add(), "p", "A")}, inputs="A", outputs="q"
    )  # fmt: skip
    outer = Graph(
        {"first": (inner, "X"), "last": (Add(), "first", "X")}, inputs="X", outputs="last"
    )
    network = Network([Dense(4), outer], loss=MeanSquaredError(), input_shape=3)
    assert parsed(network.draw().text) == {
        ("input", "0.dense"), ("0.dense", "1.graph"), ("1.graph", "loss"),
    }  # fmt: skip
    assert parsed(network.draw(depth=3).text) == {
        ("input", "0.dense"), ("0.dense", "1.graph.first.p"),
        ("1.graph.first.p", "1.graph.first.q"), ("0.dense", "1.graph.first.q"),
        ("1.graph.first.q", "1.graph.last"), ("0.dense", "1.graph.last"), ("1.graph.last", "loss"),
    }  # fmt: skip


def test_parameters_that_are_shared_are_named():
    first = Dense(2)
    nodes = {"code": (first, "X"), "relu": (ReLU(), "code"), "again": (Transposed(first), "relu")}
    graph = Graph(nodes, inputs="X", outputs="again")
    _, code, relu, again, _ = Network(graph, loss=MeanSquaredError(), input_shape=5).draw().nodes
    assert (code.size, relu.size, again.size) == ("12", "", "5 + as code")
    assert code.group == again.group == 0
    assert relu.group is None


def test_depth_is_a_whole_number():
    with pytest.raises(SettingError, match="depth must be a whole number >= 1; got 0"):
        siamese().draw(depth=0)


# --- SVG ------------------------------------------------------------------------------------------


def boxes_of(root: ElementTree.Element) -> dict[int, tuple[float, float, float, float]]:
    """By the node's number: left, top, right, bottom."""
    boxes = {}
    for group in root.iter(f"{SVG}g"):
        x, y, width, height = (float(group.find(f"{SVG}rect").get(name))
                               for name in ("x", "y", "width", "height"))  # fmt: skip
        boxes[int(group.get("data-node"))] = (x, y, x + width, y + height)
    return boxes


def points_of(path: str) -> list[tuple[float, float]]:
    """Points along a path of M, C and V, close to each other."""
    points: list[tuple[float, float]] = []
    for command, rest in re.findall(r"([MCV])([^MCV]*)", path):
        numbers = [float(number) for number in rest.split()]
        if command == "M":
            points.append((numbers[0], numbers[1]))
        elif command == "V":
            points.append((points[-1][0], numbers[0]))
        else:
            P = np.array([*points[-1], *numbers]).reshape(4, 2)
            for t in np.linspace(0, 1, 30)[1:]:
                weights = np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
                points.append(tuple(weights @ P))
    return points


@pytest.mark.parametrize(
    "network",
    [siamese, two_outputs, *(lambda seed=seed: random_graph(seed) for seed in range(12))],
)
def test_every_node_and_every_edge_is_in_its_place(network):
    drawing = network().draw()
    root = ElementTree.fromstring(drawing.svg)
    boxes = boxes_of(root)
    assert sorted(boxes) == list(range(len(drawing.nodes)))
    _, _, width, height = map(float, root.get("viewBox").split())
    for left, top, right, bottom in boxes.values():
        assert 0 < left < right < width
        assert 0 < top < bottom < height
    each = list(boxes.values())
    for i, (left, top, right, bottom) in enumerate(each):
        for other in each[:i]:
            beside = right < other[0] or other[2] < left
            assert beside or bottom < other[1] or other[3] < top
    edges = [path for path in root.iter(f"{SVG}path") if path.get("class") == "edge"]
    found = [(int(edge.get("data-from")), int(edge.get("data-to"))) for edge in edges]
    expected = [(source, i) for i, node in enumerate(drawing.nodes) for source in node.reads]
    assert sorted(found) == sorted(expected)
    for edge, (source, reader) in zip(edges, found, strict=True):
        points = points_of(edge.get("d"))
        (x, y), (left, _, right, bottom) = points[0], boxes[source]
        assert left < x < right
        assert y == pytest.approx(bottom, abs=0.11)
        (x, y), (left, top, right, _) = points[-1], boxes[reader]
        assert left < x < right
        assert y == pytest.approx(top, abs=0.11)
        for x, y in points:
            assert 0 < x < width
            assert not any(a < x < c and b + 0.2 < y < d - 0.2 for a, b, c, d in each)


def test_the_document_needs_nothing_and_says_what_it_is():
    drawing = siamese().draw()
    assert drawing._repr_svg_() == drawing.svg
    root = ElementTree.fromstring(drawing.svg)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "g", "rect", "path", "text", "tspan"}
    assert "http" not in drawing.svg.replace("http://www.w3.org/2000/svg", "")
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert root.get("aria-labelledby") in ids
    assert root.find(f"{SVG}title").text == "A network of 3 layers"
    assert all(group.get("role") for group in root.iter(f"{SVG}g"))


def test_two_drawings_on_a_page_have_different_ids():
    ids = {re.search(r'id="([^"]+)"', make().draw().svg)[1] for make in (siamese, two_outputs)}
    assert len(ids) == 2


def test_kinds_are_told_apart():
    root = ElementTree.fromstring(siamese().draw().svg)
    classes = [group.get("class") for group in root.iter(f"{SVG}g")]
    assert classes == ["input", "input", "layer", "layer", "layer", "loss"]
    shared = [rect.get("fill") for rect in root.iter(f"{SVG}rect") if rect.get("class") == "shared"]
    assert len(shared) == 2
    assert len(set(shared)) == 1
    assert sum(rect.get("class") == "merge" for rect in root.iter(f"{SVG}rect")) == 1


class Odd(Layer):
    """A layer whose repr is not made for XML, terminals or short lines."""

    def forward(self, A, cache):
        return A

    def backward(self, dA, cache):
        return dA

    def __repr__(self):
        return "<Odd & 'wide' \x00\x1b 网络>" + 50 * "x"


def test_any_repr_can_be_shown():
    drawing = Network([Odd(), Dense(1)], loss=MeanSquaredError(), input_shape=2).draw()
    root = ElementTree.fromstring(drawing.svg)
    assert [node.name for node in drawing.nodes] == ["input", "0.odd", "1.dense", "loss"]
    assert any("<Odd & 'wide'" in (text.text or "") for text in root.iter(f"{SVG}title"))
    assert drawing.text.replace("\n", "").isprintable()
    _, odd, dense, _ = drawing.text.splitlines()
    assert odd.index("(m, 2)") + 2 == dense.index("(m, 1)")  # two characters of double width


def test_a_long_edge_is_straight_where_nothing_is_in_its_way():
    nodes = {"a": (ReLU(), "X"), "b": (ReLU(), "a"), "c": (ReLU(), "b"), "d": (Add(), "c", "X")}
    graph = Graph(nodes, inputs="X", outputs="d")
    layout = Layout(Network(graph, loss=MeanSquaredError(), input_shape=2).draw().nodes)
    passed = [layout.x[item] for item in layout.way(0, 4)[1:-1]]
    assert len(passed) == 3
    assert max(passed) - min(passed) < 1


# --- files ----------------------------------------------------------------------------------------


def test_it_is_saved_as_its_name_says(tmp_path):
    drawing = siamese().draw()
    drawing.save(tmp_path / "net.svg")
    drawing.save(str(tmp_path / "net.TXT"))
    assert (tmp_path / "net.svg").read_text(encoding="utf-8") == drawing.svg + "\n"
    assert (tmp_path / "net.TXT").read_text(encoding="utf-8") == drawing.text + "\n"
    with pytest.raises(SettingError, match=r"a drawing is saved as \.svg or \.txt; got .*net\.png"):
        drawing.save(tmp_path / "net.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.TXT", "net.svg"]
