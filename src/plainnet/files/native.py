"""plainnet's own file: a NumPy `.npz` with the network's description and its vectors.

    format       uint8 scalar, 1
    description  JSON text: layers, loss, input_shape, dtype, metadata
    parameters   the flat vector, and state, the running state
    training     in a file of Checkpoint, the state of its training; see checkpoints.py

Loading never runs code from the file: the description can only name classes of plainnet, and those
that the caller passes. Nor does it take more memory than the vectors in the file need: the number
of parameters that the description asks for is known before memory is allocated for them.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet import initializers, layers, losses
from plainnet.arguments.arrays import REAL
from plainnet.arguments.config import Configurable, overridden, parts, rebuild
from plainnet.engine.filling import filled_from_file
from plainnet.engine.plan import MOST_NESTED
from plainnet.errors import (
    ArgumentError,
    FileError,
    SettingError,
    require_number,
    require_path,
    require_sequence,
    require_type,
    shown,
)
from plainnet.files import checkpoints
from plainnet.files.archive import Archive, opened, shortened
from plainnet.files.kinds import Unreadable
from plainnet.files.places import moved_into_place
from plainnet.network import Network

Array = npt.NDArray[Any]

FORMAT = 1
WHAT = "a plainnet model"


def write(
    network: Network,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
) -> None:
    """Save a network with its parameters and running state; see `plainnet.save`.

    `training`, a tree of JSON values and arrays, is what `read_training` returns.
    """
    require_type("network", network, Network)
    if metadata is not None:
        require_type("metadata", metadata, Mapping)
    if fault := _fault(network):
        raise SettingError(f"the network cannot be saved: {fault}")
    arrays = pack(network, metadata)
    if training is not None:
        arrays |= checkpoints.packed(training)
    try:
        expect_modest(network.config()["layers"], sum(array.nbytes for array in arrays.values()))
    except Unreadable as error:
        raise SettingError(f"the network cannot be saved: {error}") from None
    with moved_into_place(path) as file:
        np.savez(file, **arrays)


def read(path: str | os.PathLike[str], *, custom: Iterable[type[Configurable]] = ()) -> Network:
    """The network that `write` wrote; see `plainnet.load`."""
    path = require_path("path", path)
    custom = require_sequence("custom", custom, "classes")
    for kind in custom:
        if not isinstance(kind, type):
            raise SettingError(f"custom must be classes; got {shown(kind)}")
    with opened(path, WHAT) as archive:
        description = _description(archive, str(path))
        vectors = [archive.header(name) for name in ("parameters", "state")]
        shapes = [(vector.shape, vector.dtype) for vector in vectors]
        network = _built(description, shapes, archive.unpacked, str(path), custom)
        archive.read_into("parameters", network.parameters)
        archive.read_into("state", network.state)
    _expect_numbers(network, str(path))
    return network


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata that `save` was given."""
    with opened(Path(path), WHAT) as archive:
        metadata: dict[str, Any] = _description(archive, str(path))["metadata"]
        for name in ("parameters", "state"):
            archive.header(name)
    return metadata


def read_training(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state of training in a file of `Checkpoint`, with the network's vectors.

    Raises
    ------
    FileError
        If the file does not hold a network, or holds nothing else.
    """
    with opened(Path(path), WHAT) as archive:
        _description(archive, str(path))
        if checkpoints.MEMBER not in archive:
            raise FileError(
                f"{path} holds a network, and not how its training stands: only what Checkpoint "
                "writes during training can be resumed"
            )
        training = checkpoints.unpacked(archive)
        if not isinstance(training, dict):
            raise Unreadable(f"its {checkpoints.MEMBER} is not a JSON object")
        return {**training, **{name: archive.array(name) for name in ("parameters", "state")}}


# --- the arrays of the file -----------------------------------------------------------------------


def pack(network: Network, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arrays that the file holds."""
    _expect_rebuildable(network)
    description = {**network.config(), "metadata": dict(metadata or {})}
    try:
        text = json.dumps(description, default=_as_json)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"metadata must consist of what JSON can hold: {error}") from error
    return {
        "format": np.array(FORMAT, np.uint8),
        "description": np.array(text),
        "parameters": network.parameters,
        "state": network.state,
    }


def _as_json(value: Any) -> Any:
    """NumPy's numbers and arrays in metadata, as Python's numbers and lists.

    Arrays of texts and of objects, such as the names of classes, are lists of what they hold.
    """
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in REAL + "UO":
        return value.tolist()
    raise TypeError(f"got {shown(value)}")


def _expect_rebuildable(network: Network) -> None:
    """Refuse what the names in a description would silently turn into something else."""
    kinds = known_kinds()
    for part in parts([*network.layers, network.loss]):
        kind = type(part)
        if kinds.setdefault(kind.__name__, kind) is not kind:
            raise SettingError(
                f"{kind.__module__}.{kind.__qualname__} cannot be saved under the name of another "
                f"class, {kinds[kind.__name__].__module__}.{kind.__name__}, which loading would "
                "return instead: rename yours"
            )
        for name in overridden(part):
            raise SettingError(
                f"{part!r} overrides {name}, which a file cannot hold: write it into a "
                f"subclass of {kind.__name__}, and load with custom=[YourClass]"
            )
    own = [name for name in _COMPUTES if getattr(type(network), name) is not getattr(Network, name)]
    for name in [*own, *overridden(network)]:
        raise SettingError(
            f"this {type(network).__name__} overrides {name}, which a file cannot hold, and a "
            "plain Network would be loaded: write it as a layer or a loss"
        )


_COMPUTES = (
    "forward", "_forward", "step", "loss_and_gradients", "outputs", "predict_proba", "predict",
    "evaluate",
)  # fmt: skip


def unpack(
    arrays: Mapping[str, Array], source: str, custom: Iterable[type[Configurable]] = ()
) -> Network:
    """The network that `pack` packed; errors name the source."""
    try:
        _expect_format(int(arrays["format"]), source)
        description = json.loads(str(arrays["description"]))
        vectors = [np.asarray(arrays[name]) for name in ("parameters", "state")]
    except FileError:
        raise
    except Exception as error:  # NumPy and JSON each have their own errors for what is damaged
        raise FileError(f"{source} is not a plainnet network ({error})") from error
    shapes = [(vector.shape, vector.dtype) for vector in vectors]
    network = _built(description, shapes, sum(v.nbytes for v in vectors), source, custom)
    network.parameters[:], network.state[:] = vectors
    _expect_numbers(network, source)
    return network


def _built(
    description: dict[str, Any],
    vectors: Sequence[tuple[tuple[int, ...], np.dtype[Any]]],
    unpacked: int,
    source: str,
    custom: Iterable[type[Configurable]],
) -> Network:
    """The network of a description, if it takes vectors of these shapes; they are not yet in it."""
    kinds = known_kinds(custom)

    def check(n_parameters: int, n_state: int, dtype: np.dtype[Any]) -> None:
        for n, (shape, held) in zip((n_parameters, n_state), vectors, strict=True):
            if shape != (n,) or held.newbyteorder("=") != dtype:
                raise FileError(
                    f"{source} does not describe a working network: its layers need "
                    f"{dtype} numbers of shape {(n,)}, and it holds {held} of shape {shape}"
                )

    try:
        expect_modest(description["layers"], unpacked)
        with filled_from_file(check):
            layers, shape = description["layers"], description["input_shape"]
            graph = isinstance(layers, dict)
            several = isinstance(shape, dict)
            network = Network(
                rebuild(layers, kinds) if graph else [rebuild(layer, kinds) for layer in layers],
                loss=rebuild(description["loss"], kinds),
                input_shape={n: tuple(s) for n, s in shape.items()} if several else tuple(shape),
                dtype=description["dtype"],
            )
        _adjust(network, description.get("adjusted", {}))
    except FileError:
        raise
    except (
        Exception
    ) as error:  # the description comes from elsewhere: anything may be wrong with it
        message = f"{source} does not describe a working network: {shortened(error)}"
        raise FileError(message) from error
    return network


def _adjust(network: Network, adjusted: Mapping[str, Mapping[str, float]]) -> None:
    """As `Network.adjust` for each name, in one pass over all tensors."""
    for name, factors in adjusted.items():
        if name not in network.tensors:
            network.adjust(name, **factors)
        for factor, value in factors.items():
            require_number(factor, value, at_least=0)
    network.segments = tuple(
        segment.adjusted(**{**NEITHER, **adjusted[segment.name]})
        if segment.name in adjusted
        else segment
        for segment in network.segments
    )


NEITHER = {"learning_rate": None, "weight_decay": None}

OF_A_LAYER = 3_000
"""Bytes of memory for a layer's object, apart from its numbers, with what it declares."""
LAYERS_INSIDE = {"TransformerBlock": 8, "Bidirectional": 3}
"""How many inner layers some classes make."""
AT_LEAST = 16 * 2**20


def expect_modest(layers: Any, unpacked: int) -> None:
    """Refuse layers whose objects alone take far more memory than the file that describes them."""
    needed, waiting = 0, [(layers, 0)]
    while waiting:
        thing, depth = waiting.pop()
        if depth > 2 * MOST_NESTED + 2:  # a container is a dict with a list in it
            raise Unreadable(f"its layers are nested more than {MOST_NESTED} deep")
        inside: Iterable[Any] = ()
        if isinstance(thing, dict):
            inside = thing.values()
            kind = thing.get("type")
            made = LAYERS_INSIDE.get(kind, 1) if isinstance(kind, str) else 1
            needed += made * (OF_A_LAYER + 20 * depth)  # names get longer with the depth
        elif isinstance(thing, list):
            inside = thing
        waiting += [(each, depth + 1) for each in inside if isinstance(each, dict | list)]
    if needed > AT_LEAST + 4 * unpacked:
        raise Unreadable("its layers would take far more memory than the file holds numbers")


def _description(archive: Archive, source: str) -> dict[str, Any]:
    _expect_format(archive.number("format"), source)
    description = archive.json("description")
    if not isinstance(description, dict) or not isinstance(description.get("metadata"), dict):
        raise Unreadable("its description is not that of a network")
    return description


def _expect_format(version: int, source: str) -> None:
    if version != FORMAT:
        raise FileError(f"{source} has the format {version}; this plainnet reads {FORMAT}")


def known_kinds(custom: Iterable[type[Configurable]] = ()) -> dict[str, type]:
    """Every class that a description may contain, by name."""
    own = {
        name: kind
        for module in (layers, losses, initializers)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Configurable)
    }
    return own | {kind.__name__: kind for kind in custom}


# --- numbers --------------------------------------------------------------------------------------


def _expect_numbers(network: Network, source: str) -> None:
    if fault := _fault(network):
        raise FileError(f"{source} does not hold a working network: {fault}")


LARGEST_EXAMPLE = 2**27
"""The most numbers in a layer for a single example: half a gigabyte."""
LARGEST_WINDOW = 2**16
"""The most pixels in the window of a pool, which visits them one by one."""


def _fault(network: Network) -> str:
    """Why the network cannot compute anything; "" if it can."""
    tensors = {name: network[name] for name in (*network.tensors, *network.state_tensors)}
    if not (all_finite(network.parameters) and all_finite(network.state)):
        name = next(name for name, tensor in tensors.items() if not np.isfinite(tensor).all())
        return f"{name} contains NaN or infinity"
    for layer in network.body.walk():
        inputs, outputs = layer.inputs_of(layer.input_shape), layer.outputs_of(layer.output_shape)
        for shape in (*inputs, *outputs):
            if prod(n for n in shape if n is not None) > LARGEST_EXAMPLE:
                return f"{layer.name or 'it'} has {shape} numbers for a single example"
        window = getattr(layer, "window", None)
        if window is not None and prod(window.kernel) > LARGEST_WINDOW:
            return f"{layer.name} has a window of {window.kernel}"
    for name, tensor in network.state_tensors.items():
        if name.endswith(".running_variance") and (tensor < 0).any():
            return f"{name} is negative"
    return ""


AT_ONCE = 2**16


def all_finite(vector: Array) -> bool:
    """Whether no number is NaN or infinite; allocates no array of that length."""
    starts = range(0, len(vector), AT_ONCE)
    return all(bool(np.isfinite(vector[start : start + AT_ONCE]).all()) for start in starts)
