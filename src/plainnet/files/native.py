"""plainnet's own file: a NumPy `.npz` with the network's description and its vectors.

    format       uint8 scalar, 1
    description  JSON text: layers, loss, input_shape, dtype, metadata
    parameters   the flat vector, and state, the running state

Loading never runs code from the file: the description can only name classes of plainnet, and those
that the caller hands in.
"""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from plainnet import initializers, layers, losses
from plainnet.config import Configurable, rebuild
from plainnet.errors import (
    FileError,
    SettingError,
    require_path,
    require_sequence,
    require_type,
    shown,
)
from plainnet.network import Network

Array = npt.NDArray[Any]

FORMAT = 1


def save(
    network: Network, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
) -> None:
    """Save a network with its parameters and running state.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Parameters
    ----------
    network : Network
    path : str or path
        The file, exactly as named.
    metadata : mapping, optional
        Class names, units, how the data was scaled. `read_metadata` gives it back as JSON keeps it:
        tuples as lists, and all keys as text.
    """
    require_type("network", network, Network)
    path = require_path("path", path)
    if metadata is not None:
        require_type("metadata", metadata, Mapping)
    arrays = pack(network, metadata)
    with moved_into_place(path) as file:
        np.savez(file, **arrays)


def load(path: str | os.PathLike[str], *, custom: Iterable[type[Configurable]] = ()) -> Network:
    """The network that `save` wrote.

    Parameters
    ----------
    path : str or path
    custom : iterable of classes
        Layers, losses and initializers of your own that the network uses.

    Raises
    ------
    FileError
        If the file is not what `save` writes, or needs a class that is not known.
    """
    path = require_path("path", path)
    custom = require_sequence("custom", custom, "classes")
    for kind in custom:
        if not isinstance(kind, type):
            raise SettingError(f"custom must be classes; got {shown(kind)}")
    return _built(*_read(path), str(path), custom)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata that `save` was given."""
    metadata: dict[str, Any] = _read(Path(path))[0]["metadata"]
    return metadata


# --- the arrays of the file -----------------------------------------------------------------------


def pack(network: Network, metadata: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The arrays that the file holds."""
    description = {**network.config(), "metadata": dict(metadata or {})}
    return {
        "format": np.array(FORMAT, np.uint8),
        "description": np.array(json.dumps(description)),
        "parameters": network.parameters,
        "state": network.state,
    }


def unpack(
    arrays: Mapping[str, Array], source: str, custom: Iterable[type[Configurable]] = ()
) -> Network:
    """The network of `pack`; errors name the source."""
    return _built(*_parts(arrays, source), source, custom)


def _built(
    description: dict[str, Any],
    parameters: Array,
    state: Array,
    path: str,
    custom: Iterable[type[Configurable]],
) -> Network:
    kinds = known_kinds(custom)
    try:
        network = Network(
            [rebuild(layer, kinds) for layer in description["layers"]],
            loss=rebuild(description["loss"], kinds),
            input_shape=tuple(description["input_shape"]),
            dtype=description["dtype"],
            seed=0,
        )
        for name, factors in description.get("adjusted", {}).items():
            network.adjust(name, **factors)
    except FileError:
        raise
    except Exception as error:  # the description is somebody else's: anything may be wrong with it
        raise FileError(f"{path} describes no network that works: {error}") from error
    for mine, theirs in ((network.parameters, parameters), (network.state, state)):
        if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
            raise FileError(
                f"{path} describes no network that works: its layers need {mine.dtype} numbers of "
                f"shape {mine.shape}, and it holds {theirs.dtype} of shape {theirs.shape}"
            )
        mine[:] = theirs
    return network


def _read(path: Path) -> tuple[dict[str, Any], Array, Array]:
    if path.exists() and not zipfile.is_zipfile(path):
        raise FileError(f"{path} is no plainnet model: it is not an .npz file")
    with open(path, "rb") as stream:  # a file that is not there stays a FileNotFoundError
        try:
            arrays = np.load(stream, allow_pickle=False)
        except Exception as error:
            raise FileError(f"{path} is no plainnet model ({error})") from error
        return _parts(arrays, str(path))


def _parts(arrays: Mapping[str, Array], source: str) -> tuple[dict[str, Any], Array, Array]:
    try:
        version = int(arrays["format"])
        if version == FORMAT:
            description = json.loads(str(arrays["description"]))
            dict(description["metadata"])
            return description, arrays["parameters"], arrays["state"]
    except Exception as error:  # zip, NumPy and JSON each have their own for a damaged file
        raise FileError(f"{source} is no plainnet model ({error})") from error
    raise FileError(f"{source} has the format {version}; this plainnet reads {FORMAT}")


def known_kinds(custom: Iterable[type[Configurable]] = ()) -> dict[str, type]:
    """Every class that a description may name, by its name."""
    own = {
        name: kind
        for module in (layers, losses, initializers)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Configurable)
    }
    return own | {kind.__name__: kind for kind in custom}


@contextmanager
def moved_into_place(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, which takes the place of `path` only if all went well."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
