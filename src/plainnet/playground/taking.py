"""What one takes away: the network as a file, and what was done as a Python script."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

import plainnet
from plainnet.errors import SettingError
from plainnet.initializers import HeNormal
from plainnet.layers import Dense
from plainnet.playground.building import HeWithoutRoot
from plainnet.playground.code import engine_code, textbook_code

if TYPE_CHECKING:
    from plainnet.playground.session import Session


def code(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """A script that comes to the step that is looked at; or why there is none."""
    training, form = session.training, fields["form"]
    settings = training.until(session.shown.step)
    own = training.is_given or session.own_examples is not None
    table = session.table.name if session.table is not None else ""
    failed = training.failed if session.shown.step == training.step else ""
    text = why = ""
    try:
        if form == "engine":
            text = engine_code(settings, training.examples, own=own, table=table, failed=failed)
        elif own:
            raise SettingError("the network was given in Python, and is not of the guide's class")
        else:
            text = textbook_code(settings, training.examples, table=table, failed=failed)
    except SettingError as error:
        why = str(error)
    name = "playground.py" if form == "engine" else "playground_by_the_guide.py"
    content = {"is": "code", "step": settings.step, "name": name, "text": text, "why": why}
    session.send(content, [])


def file(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """The network at the step that is looked at, as `plainnet.save` writes it."""
    training, record = session.training, session.shown
    network = deepcopy(record.network)
    network.parameters[:] = record.parameters
    network.state[:] = record.state
    for layer in network.layers:  # how it began is no longer needed, and `load` knows He's rule
        if isinstance(layer, Dense) and isinstance(layer.initializer, HeWithoutRoot):
            layer.initializer = HeNormal()
    metadata = {
        "made by": "the playground",
        "link": training.until(record.step).to_link(),
        "step": record.step,
        "inputs": list(training.examples.names),
        "classes": list(training.examples.classes),
    }
    name = f"playground-step-{record.step}.npz"
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        plainnet.save(network, path, metadata=metadata)
        written = path.read_bytes()
    session.send({"is": "file", "name": name}, [np.frombuffer(written, np.uint8)])
