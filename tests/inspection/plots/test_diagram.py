"""network_weights: the document is XML whose lines are the weights."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import DataError, SettingError
from plainnet.inspection.plots import network_weights
from plainnet.layers import BatchNorm, Dense, Dropout, Graph, ReLU, Tanh
from plainnet.losses import MeanSquaredError

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE = "#3b82f6", "#d97706"


def network_of(*layers, input_shape=2):
    return Network([*layers], loss=MeanSquaredError(), input_shape=input_shape, seed=0)


def drawn(diagram):
    return ElementTree.fromstring(diagram.svg)


@pytest.fixture
def network():
    found = network_of(Dense(2), Tanh(), Dropout(0.5), Dense(1))
    found["0.dense.W"], found["0.dense.b"] = [[1.0, -4.0], [0.0, 2.0]], [0.5, -0.25]
    found["3.dense.W"] = [[-0.1, 0.1]]
    return found


def test_lines_have_the_sign_and_the_size_of_the_weights(network):
    lines = drawn(network_weights(network)).findall(f"{SVG}line")
    found = {
        line.find(f"{SVG}title").text: (line.get("stroke"), float(line.get("stroke-width")))
        for line in lines
    }
    assert found == {
        "0.dense.W[0, 0] = 1": (BLUE, 1.25),  # 5 pixels for the largest of a layer
        "0.dense.W[0, 1] = -4": (ORANGE, 5.0),
        "0.dense.W[1, 0] = 0": ("#717a89", 0.25),
        "0.dense.W[1, 1] = 2": (BLUE, 2.5),
        "3.dense.W[0, 0] = -0.1": (ORANGE, 5.0),
        "3.dense.W[0, 1] = 0.1": (BLUE, 5.0),
    }


def test_lines_lead_from_the_input_to_the_unit(network):
    root = drawn(network_weights(network))
    places = {
        circle.find(f"{SVG}title").text: (circle.get("cx"), circle.get("cy"))
        for circle in root.findall(f"{SVG}circle")
    }
    assert list(places) == [
        "input 0", "input 1", "0.dense.b[0] = 0.5", "0.dense.b[1] = -0.25", "3.dense.b[0] = 0",
    ]  # fmt: skip
    line = root.findall(f"{SVG}line")[1]  # W[0, 1]: from input 1 to unit 0
    assert (line.get("x1"), line.get("y1")) == places["input 1"]
    assert (line.get("x2"), line.get("y2")) == places["0.dense.b[0] = 0.5"]


def test_rings_are_the_biases(network):
    rings = [
        (circle.get("stroke"), float(circle.get("stroke-width")))
        for circle in drawn(network_weights(network)).findall(f"{SVG}circle")
    ]
    assert rings[2:4] == [(BLUE, 5.0), (ORANGE, 2.5)]


def test_names_and_layers_are_written_within_the_document(network):
    root = drawn(network_weights(network, inputs=["age & size", "sex"], outputs=["a long answer"]))
    texts = {text.text: text for text in root.findall(f"{SVG}text")}
    assert {"age & size", "sex", "a long answer", "input", "0.dense", "Tanh"} <= set(texts)
    width, height = map(float, root.get("viewBox").split()[2:])
    for text in texts.values():
        x, y = float(text.get("x")), float(text.get("y"))
        length = 6.5 * len(text.text)
        left = x - {"start": 0, "middle": length / 2, "end": length}[text.get("text-anchor")]
        assert 0 <= left
        assert left + length <= width
        assert 10 <= y <= height - 3
    assert root.find(f"{SVG}title").text == (
        "A network of 2 - 2 - 1 units with 6 weights and 3 biases"
    )


def test_it_is_saved_and_shown(network, tmp_path):
    diagram = network_weights(network)
    diagram.save(tmp_path / "network.svg")
    assert (tmp_path / "network.svg").read_text() == diagram.svg + "\n"
    assert diagram._repr_svg_() == diagram.svg
    assert re.fullmatch(r"<Diagram, an SVG document of [\d,]+ characters>", repr(diagram))
    with pytest.raises(SettingError, match=r"a diagram is saved as .svg; got .*png"):
        diagram.save(tmp_path / "network.png")


def test_layers_without_biases():
    rings = drawn(network_weights(network_of(Dense(2, bias=False), ReLU()))).findall(f"{SVG}circle")
    assert [ring.find(f"{SVG}title").text for ring in rings][2:] == [
        "0.dense, unit 0", "0.dense, unit 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(3), BatchNorm()], r"the network has 1.batchnorm \(BatchNorm\(\)\): Network.draw"),
        ([ReLU()], r"the network has 0.relu"),
        ([Dense(25)], "up to 24 units in a layer and 800 weights; the network has 25 and 50"),
        ([Dense(24), Dense(24), Dense(24)], "the network has 24 and 1,200"),
    ],
)
def test_other_networks_are_refused(layers, message):
    with pytest.raises(SettingError, match=message):
        network_weights(network_of(*layers))


def test_graphs_names_and_numbers_that_do_not_fit(network):
    graph = Graph({"a": (Dense(2), "x")}, inputs=["x"], outputs=["a"])
    with pytest.raises(SettingError, match="and activations in order; the network is a Graph"):
        network_weights(Network(graph, loss=MeanSquaredError(), input_shape=2))
    with pytest.raises(SettingError, match=r"inputs must be 2 names; got \['a'\]"):
        network_weights(network, inputs=["a"])
    with pytest.raises(SettingError, match="outputs must be 1 name; got 'a'"):
        network_weights(network, outputs="a")
    network["3.dense.W"] = [[np.nan, 1.0]]
    with pytest.raises(DataError, match=r"the parameters of 3.dense must be finite"):
        network_weights(network)
