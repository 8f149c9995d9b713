"""A training as one HTML file that replays it: `export`.

The file holds the network's weights at some steps, about half a kilobyte a step for the first
network, and everything else that a page needs. A small forward pass in JavaScript makes the
pictures of them, so that the file works without Python, and without a connection.

The weights keep all their bits. From one recorded step to the next, most of their signs, exponents
and first digits stay the same, so the bits that have changed take less room than the weights.
"""

from __future__ import annotations

import base64
import html
import json
import os
import zlib
from dataclasses import replace
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
from plainnet.playground import assets, choices, table_files, tables
from plainnet.playground.columns import state_tensors_of, tensors_of
from plainnet.playground.curves import point
from plainnet.playground.datasets import examples_of
from plainnet.playground.frames import SIDE, Frames
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
<script type="text/plain" id="recording">{recording}</script>
<script type="module">
{module}
const place = document.getElementById("playground");
if ("DecompressionStream" in globalThis) {{
  replay(place, await inflated(document.getElementById("recording").textContent));
}} else place.textContent = "This page needs a browser from 2023 or later.";
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
    table: str | os.PathLike[str] | None = None,
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
    table : str or path, optional
        A CSV file to learn from; `target` and `plane` in the settings name its columns.

    Raises
    ------
    SettingError
        If the network has layers that the page's forward pass does not know.
    FileError, DataError
        If nothing can be learned from the table.
    """
    place = require_path("path", path)
    if place.suffix.lower() not in (".html", ".htm"):
        raise SettingError(f"the page is an .html file; got {place}")
    steps = require_integer("steps", steps, at_least=1, at_most=1_000_000)
    if isinstance(settings, str):
        settings = Settings.from_link(settings)
    if table is None:
        examples = examples_of(settings)
    else:
        read_in = table_files.read_file(require_path("table", table))
        settings, examples = tables.begun_with(of_table(settings), read_in)
        title = title or f"{read_in.name}, learned"
    training = Training(settings, examples)
    page_of(training, 1)  # what cannot be exported is refused before it is trained
    with moved_into_place(place) as file:  # and so is a place where nothing can be written
        while training.step < steps and not training.failed:
            training.run(lambda: training.step >= steps)
        file.write(page_of(training, title=title).encode())


def of_table(settings: Settings) -> Settings:
    """The same settings for a table.

    Raises
    ------
    SettingError
        If they are about other data.
    """
    if settings.data not in (Settings.data, "table"):
        raise SettingError(f"the data are those of the table; leave out data={settings.data}")
    return replace(settings, data="table")


def page_of(training: Training, most: int = MOST_FRAMES, title: str | None = None) -> str:
    """The page of a training that has been recorded, with at most so many steps."""
    recording = json.dumps(recording_of(training, most), allow_nan=False, separators=(",", ":"))
    return PAGE.format(
        version=plainnet.__version__,
        title=html.escape(title or f"{choices.DATA[training.begun_with.data]}, learned"),
        icon=assets.ICON,
        style=assets.style(),
        recording=base64.b64encode(zlib.compress(recording.encode(), 9)).decode(),
        module=assets.module("export").replace("</script", "<\\/script"),
    )


def page(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The page of what has been trained so far, as a file."""
    text = page_of(session.training)
    name = f"playground-{session.training.begun_with.data}.html"
    session.send(
        {"is": "file", "name": name},
        [np.frombuffer(text.encode(), np.uint8)],
    )


def recording_of(training: Training, most: int) -> dict[str, Any]:
    """What the page reads: arrays are float32 in base64, of the parameters what has changed."""
    network, examples = training.network, training.examples
    frames = Frames(network, examples)
    layers = as_data(network)
    records = chosen(training.past, most)
    before = [None, *records]
    recorded = [_frame(*each, frames) for each in zip(records, before, strict=False)]
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
        "curves": [point(frame["step"], frame["measures"]) for frame in recorded],
        "state": {
            "settings": training.settings.to_json(),
            "link": training.reached.to_link(),
            "steps_per_epoch": training.steps_per_epoch,
            "failed": training.failed,
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


def differences(array: Array, before: Array | None) -> str:
    """Which bits of float32 numbers have changed, in base64.

    The first bytes of all numbers come first, then all second ones: what is zero stands together.
    """
    bits = np.ascontiguousarray(array, "<f4").view(np.uint8)
    if before is not None:
        bits = bits ^ np.ascontiguousarray(before, "<f4").view(np.uint8)
    return base64.b64encode(bits.reshape(-1, 4).T.tobytes()).decode()


def _frame(record: Record, before: Record | None, frames: Frames) -> dict[str, Any]:
    known = None if before is None else before.parameters
    return {
        "step": record.step,
        "epoch": record.epoch,
        "parameters": differences(record.parameters, known),
        "state": packed(record.state),
        "measures": frames.measures_of(record),
        "dead": frames.dead_units(),
    }


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
