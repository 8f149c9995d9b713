"""A training as one HTML file that replays it: `export`.

The file holds the network's weights at some steps, about half a kilobyte a step for a small
network, and everything else that a page needs. A small forward pass in JavaScript makes the
pictures of them, so that the file works without Python, and without a connection.
"""

from __future__ import annotations

import base64
import html
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.errors import SettingError, require_integer, require_path
from plainnet.files.places import moved_into_place
from plainnet.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    Identity,
    Layer,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from plainnet.layers.containers.sequential import Sequential
from plainnet.losses import Focal, Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.network import Network
from plainnet.playground import assets, choices
from plainnet.playground.columns import state_tensors_of, tensors_of
from plainnet.playground.datasets import examples_of
from plainnet.playground.frames import SIDE, Frames, finite
from plainnet.playground.past import Past, Record
from plainnet.playground.settings import Settings
from plainnet.playground.training import Training

if TYPE_CHECKING:
    from plainnet.playground.session import Session

Array = npt.NDArray[Any]

MOST_FRAMES = 300
UNCHANGED = Dropout, Identity
ACTIVATIONS = ReLU, LeakyReLU, ELU, GELU, SiLU, Sigmoid, Tanh, Softplus, Mish

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="plainnet {version}">
<title>{title}</title>
<link rel="icon" href="{icon}">
<style>
{style}</style>
<body class="plainnet-page plainnet-recording">
<main>
<h1>{title}</h1>
<div id="playground"></div>
</main>
<noscript>This page draws a network as it learns, and needs JavaScript for it.</noscript>
<script type="application/json" id="recording">{recording}</script>
<script type="module">
{module}
replay(
  document.getElementById("playground"),
  JSON.parse(document.getElementById("recording").textContent),
);
</script>
</body>
</html>
"""


def export(
    path: str | os.PathLike[str],
    settings: Settings | str,
    *,
    steps: int = 1000,
    title: str | None = None,
) -> None:
    """Train with these settings, and write a page that replays it.

    Parameters
    ----------
    path : str or path
        The file, which ends in .html.
    settings : Settings or str
        Or a link from the playground.
    steps : int
        How many steps to train.
    title : str, optional

    Raises
    ------
    SettingError
        If the network has layers that the page's forward pass does not know.
    """
    place = require_path("path", path)
    if place.suffix.lower() not in (".html", ".htm"):
        raise SettingError(f"the page is an .html file; got {place}")
    steps = require_integer("steps", steps, at_least=1, at_most=1_000_000)
    if isinstance(settings, str):
        settings = Settings.from_link(settings)
    training = Training(settings, examples_of(settings))
    page_of(training, 1)  # what cannot be exported is refused before it is trained
    while training.step < steps and not training.failed:
        training.run(lambda: training.step >= steps)
    with moved_into_place(place) as file:
        file.write(page_of(training, title=title).encode())


def page_of(training: Training, most: int = MOST_FRAMES, title: str | None = None) -> str:
    """The page of a training that has been recorded, with at most so many steps."""
    recording = json.dumps(recording_of(training, most), allow_nan=False, separators=(",", ":"))
    return PAGE.format(
        version=plainnet.__version__,
        title=html.escape(title or f"{choices.DATA[training.begun_with.data]}, learned"),
        icon=assets.ICON,
        style=assets.style(),
        recording=recording.replace("<", "\\u003c"),
        module=assets.module("export").replace("</script", "<\\/script"),
    )


def page(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The page of what has been trained so far, as a file."""
    text = page_of(session.training)
    name = f"playground-{session.training.begun_with.data}.html"
    session.send(
        {"is": "file", "name": name, "step": session.training.step},
        [np.frombuffer(text.encode(), np.uint8)],
    )


def recording_of(training: Training, most: int) -> dict[str, Any]:
    """What the page reads: all numbers are float32 in base64."""
    network, examples = training.network, training.examples
    frames = Frames(network, examples)
    layers = as_data(network)
    records = chosen(training.past, most)
    recorded = [_frame(record, frames) for record in records]
    state = training.until(training.step)
    return {
        "welcome": {"choices": choices.as_json(), "version": plainnet.__version__},
        "examples": examples.description(),
        "points": packed(examples.points),
        "targets": packed(examples.y),
        "network": frames.description(),
        "layers": layers,
        "n_in": int(np.prod(network.input_shape)),
        "n_out": int(network.output_shape[-1]),
        "activation": _activation_of(network.loss),
        "grid": packed(examples.plane.inputs(examples.plane.grid(SIDE))),
        "rows": packed(examples.X),
        "frames": recorded,
        "curves": [_point(frame) for frame in recorded],
        "state": {
            "settings": training.settings.to_json(),
            "link": state.to_link(),
            "steps_per_epoch": training.steps_per_epoch,
        },
    }


def chosen(past: Past, most: int) -> list[Record]:
    """At most so many of the records: the first, the last, and more of the early ones.

    Those since a unit was removed: the page has one network.
    """
    last = past.last
    assert last is not None  # a training records its start
    records = [past.records[step] for step in sorted(past.records)]
    records = [each for each in records if each.network is last.network and each is not last]
    records.append(last)
    n = len(records)
    if n <= most:
        return records
    places = np.unique(np.round((n - 1) * np.linspace(0, 1, most) ** 2).astype(int))
    return [records[i] for i in places]


def packed(array: Array) -> str:
    """As little-endian float32 in base64."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def _frame(record: Record, frames: Frames) -> dict[str, Any]:
    return {
        "step": record.step,
        "epoch": record.epoch,
        "batch_loss": finite(record.loss),
        "parameters": packed(record.parameters),
        "state": packed(record.state),
        "measures": frames.measures_of(record),
        "dead": frames.dead_units(),
    }


def _point(frame: dict[str, Any]) -> list[float | None]:
    parts = frame["measures"]
    return [
        frame["step"],
        *(parts.get(rows, {}).get(what) for what in ("loss", "accuracy")
          for rows in ("train", "test")),
    ]  # fmt: skip


# --- the network as data --------------------------------------------------------------------------


def as_data(network: Network) -> list[dict[str, Any]]:
    """The layers in order, as the forward pass in forward.js takes them."""
    if not isinstance(network.body, Sequential):
        raise SettingError("a Graph cannot be exported: the page's forward pass knows a sequence")
    starts = {each["name"]: each["start"] for each in tensors_of(network)}
    states = {each["name"]: each["start"] for each in state_tensors_of(network)}
    return [{"name": each.name, "op": _op(each, starts, states)} for each in network.layers]


def _op(layer: Layer, starts: dict[str, int], states: dict[str, int]) -> dict[str, Any]:
    name = layer.name
    if isinstance(layer, Dense):
        return {
            "kind": "Dense",
            "n_in": int(layer.W.shape[1]),
            "n_out": int(layer.W.shape[0]),
            "W": starts[f"{name}.W"],
            "b": starts.get(f"{name}.b"),
        }
    if isinstance(layer, BatchNorm):
        return {
            "kind": "BatchNorm",
            "features": int(layer.gamma.size),
            "gamma": starts[f"{name}.gamma"],
            "beta": starts[f"{name}.beta"],
            "mean": states[f"{name}.running_mean"],
            "variance": states[f"{name}.running_variance"],
            "epsilon": layer.epsilon,
        }
    kind = type(layer)
    if kind in ACTIVATIONS:
        return {"kind": kind.__name__, **{k: v for k, v in layer.config().items() if k != "type"}}
    if kind in UNCHANGED:
        return {"kind": "Identity"}
    known = ", ".join(each.__name__ for each in (Dense, BatchNorm, *ACTIVATIONS, *UNCHANGED))
    raise SettingError(
        f"{name}, {layer!r}, cannot be exported: the page's forward pass knows {known}"
    )


def _activation_of(loss: Loss) -> str:
    if not loss.gives_probabilities:
        return "none"
    if isinstance(loss, SoftmaxCrossEntropy | Focal):
        return "softmax"
    if isinstance(loss, SigmoidCrossEntropy):
        return "sigmoid"
    raise SettingError(f"{loss!r} cannot be exported: the page knows softmax and sigmoid")
