"""A small dense network as a diagram: its units as circles, its weights as lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import DataError, SettingError, counted, require_type, shown
from plainnet.files.places import moved_into_place
from plainnet.inspection.charts import BLUE, ORANGE
from plainnet.inspection.markup import Markup, element
from plainnet.layers import Dense, Dropout, Flatten, Graph, Identity
from plainnet.network import Network

Array = npt.NDArray[Any]

RADIUS, DOWN, ACROSS, MARGIN = 12.0, 40.0, 150.0, 18.0
"""In pixels: a unit's radius; distance from unit to unit and layer to layer; the margin."""
THICKEST, THINNEST = 5.0, 0.25
"""Line widths in pixels: for a layer's largest weight, and the thinnest that is drawn."""
MOST_UNITS, MOST_WEIGHTS = 24, 800
DRAWS = "network_weights draws Dense layers and activations in order"
GREY = "#717a89"
"""A grey as far from white as from black."""


@dataclass(frozen=True, repr=False)
class Diagram:
    """A diagram from `network_weights`: an SVG document that a notebook shows."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the SVG to a file that ends in .svg.

        Raises
        ------
        SettingError
            If the file has any other ending.
        """
        name = os.fsdecode(path)
        if os.path.splitext(name)[1].lower() != ".svg":
            raise SettingError(f"a diagram is saved as .svg; got {name}")
        with moved_into_place(path) as file:
            file.write(f"{self.svg}\n".encode())

    def __repr__(self) -> str:
        return f"<Diagram, an SVG document of {len(self.svg):,} characters>"


@dataclass(frozen=True)
class _Layer:
    """A dense layer, and what follows it up to the next."""

    name: str
    W: Array
    b: Array | None
    after: str


def network_weights(
    network: Network, *, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> Diagram:
    """Draw a small dense network: a circle for each unit, a line for each weight.

    Blue is positive and orange negative; the wider a line, the larger the weight, compared with
    the largest of its layer. Rings around the units show the biases in the same way. In a browser,
    hovering shows the number. `Network.draw` draws networks of any kind, a box for each layer.

    Parameters
    ----------
    network : Network
        A sequence of `Dense` layers and activations, with at most 24 units per layer and 800
        weights.
    inputs, outputs : sequence of str, optional
        Names of the features and the outputs.

    Returns
    -------
    diagram : Diagram
        `diagram.svg`, `diagram.save("network.svg")`; a notebook shows it.

    Raises
    ------
    SettingError
        If the network has other layers or is too large, or the number of names is wrong.
    DataError
        If a parameter is not finite.

    Examples
    --------
    >>> from plainnet.layers import Dense, ReLU
    >>> from plainnet.losses import MeanSquaredError
    >>> network = Network([Dense(3), ReLU(), Dense(1)], loss=MeanSquaredError(), input_shape=2)
    >>> network_weights(network).svg.count("<line")  # 3 x 2 + 1 x 3
    9
    """
    require_type("network", network, Network)
    layers = _layers_of(network)
    sizes = [layers[0].W.shape[1], *(len(layer.W) for layer in layers)]
    named = _names("inputs", inputs, sizes[0]), _names("outputs", outputs, sizes[-1])
    return Diagram(_Drawn(layers, sizes, *named).svg)


def _layers_of(network: Network) -> list[_Layer]:
    if isinstance(network.body, Graph):
        raise SettingError(f"{DRAWS}; the network is a Graph: Network.draw draws any network")
    found: list[_Layer] = []
    for layer in network.layers:
        if isinstance(layer, Dense) and layer.W.ndim == 2 and len(layer.output_shape) == 1:
            found.append(_Layer(layer.name, layer.W, layer.b if layer.bias else None, ""))
        elif isinstance(layer, Dropout | Flatten | Identity):
            continue
        elif found and not layer.declared and not layer.layers:
            last = found[-1]
            after = " ".join(filter(None, (last.after, type(layer).__name__)))
            found[-1] = _Layer(last.name, last.W, last.b, after)
        else:
            raise SettingError(
                f"{DRAWS}; the network has {layer.name} ({layer!r}): Network.draw draws any network"
            )
    if not found:
        raise SettingError(f"{DRAWS}; the network has no Dense: Network.draw draws any network")
    units = max(layer.W.shape[i] for layer in found for i in (0, 1))
    weights = sum(layer.W.size for layer in found)
    if units > MOST_UNITS or weights > MOST_WEIGHTS:
        raise SettingError(
            f"network_weights draws up to {MOST_UNITS} units in a layer and {MOST_WEIGHTS} "
            f"weights; the network has {units} and {weights:,}: Network.draw draws any network, "
            "and plots.weights a tensor"
        )
    for layer in found:
        for tensor in (layer.W, layer.b):
            if tensor is not None and not np.isfinite(tensor).all():
                raise DataError(f"the parameters of {layer.name} must be finite")
    return found


def _names(setting: str, names: Any, n: int) -> list[str]:
    if names is None:
        return []
    given = [str(name) for name in names] if np.iterable(names) else []
    if isinstance(names, str) or len(given) != n:
        raise SettingError(f"{setting} must be {counted(n, 'name')}; got {shown(names)}")
    return given


class _Drawn:
    """The document: lines first, so that circles lie above their ends."""

    def __init__(
        self, layers: list[_Layer], sizes: list[int], inputs: list[str], outputs: list[str]
    ) -> None:
        self.layers, self.sizes = layers, sizes
        left, right = (max(map(len, names), default=0) * 6.5 for names in (inputs, outputs))
        self.left = max(MARGIN + RADIUS + left + (6 if left else 0), 50)
        self.height = max(sizes) * DOWN + 2 * MARGIN
        end = self.left + ACROSS * len(layers)
        width, height = end + max(RADIUS + MARGIN + right, 60), self.height + 50
        weights, biases = (sum(n) for n in zip(*map(_counted, layers), strict=True))
        title = (
            f"A network of {' - '.join(map(str, sizes))} units with {weights} weights and "
            f"{biases} biases"
        )
        content = [element("title", title), *self._lines(), *self._units()]
        for i, name in enumerate(inputs):
            x, y = self._at(0, i)
            content.append(_text(x - RADIUS - 6, y + 4, name, "end"))
        for i, name in enumerate(outputs):
            x, y = self._at(len(layers), i)
            content.append(_text(x + RADIUS + 6, y + 4, name, "start"))
        content.append(_text(self.left, self.height, "input", "middle"))
        for k, layer in enumerate(layers, 1):
            x = self.left + k * ACROSS
            content.append(_text(x, self.height, layer.name, "middle"))
            if layer.after:
                content.append(_text(x, self.height + 15, layer.after, "middle"))
        content += self._legend()
        self.svg = str(
            element(
                "svg", Markup("\n".join(content)), xmlns="http://www.w3.org/2000/svg",
                viewBox=f"0 0 {width:.0f} {height:.0f}", width=f"{width:.0f}",
                height=f"{height:.0f}", role="img", aria_label=title, font_size=12,
                font_family="sans-serif", style="max-width:100%;height:auto",
            )
        )  # fmt: skip

    def _legend(self) -> Iterator[Markup]:
        """Below, from the left."""
        x, y = self.left - RADIUS, self.height + 40
        for color, label in ((BLUE, "positive"), (ORANGE, "negative")):
            yield element("path", d=f"M{x} {y - 4}h22", stroke=color, stroke_width=3)
            yield _text(x + 28, y, label, "start")
            x += 100

    def _at(self, layer: int, unit: int) -> tuple[float, float]:
        y = self.height / 2 + (unit - (self.sizes[layer] - 1) / 2) * DOWN - 6
        return self.left + layer * ACROSS, y

    def _lines(self) -> Iterator[Markup]:
        for k, layer in enumerate(self.layers):
            largest = float(np.abs(layer.W).max()) or 1.0
            for i, j in np.argwhere(np.ones(layer.W.shape)).tolist():
                w = float(layer.W[i, j])
                (x1, y1), (x2, y2) = self._at(k, j), self._at(k + 1, i)
                ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
                title = element("title", f"{layer.name}.W[{i}, {j}] = {w:.4g}")
                yield element(
                    "line", title, **{name: f"{end:.1f}" for name, end in ends.items()},
                    stroke=_color(w), stroke_width=f"{_width(w, largest):.2f}",
                    stroke_opacity=0.85,
                )  # fmt: skip

    def _units(self) -> Iterator[Markup]:
        for k, n in enumerate(self.sizes):
            layer = self.layers[k - 1] if k else None
            b = None if layer is None else layer.b
            largest = 1.0 if b is None else float(np.abs(b).max()) or 1.0
            for i in range(n):
                (x, y), ring, width, title = self._at(k, i), GREY, 1.0, f"input {i}"
                if layer is not None and b is None:
                    title = f"{layer.name}, unit {i}"
                elif layer is not None and b is not None:
                    ring, width = _color(float(b[i])), _width(float(b[i]), largest)
                    title = f"{layer.name}.b[{i}] = {float(b[i]):.4g}"
                yield element(
                    "circle", element("title", title), cx=f"{x:.1f}", cy=f"{y:.1f}", r=RADIUS,
                    fill="#f8fafc", stroke=ring, stroke_width=f"{max(width, 1):.2f}",
                )  # fmt: skip


def _counted(layer: _Layer) -> tuple[int, int]:
    return layer.W.size, 0 if layer.b is None else layer.b.size


def _color(number: float) -> str:
    return BLUE if number > 0 else ORANGE if number < 0 else GREY


def _width(number: float, largest: float) -> float:
    return max(THICKEST * abs(number) / largest, THINNEST)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, fill=GREY)
