"""One `save` and one `load` for networks, estimators and agents.

Neither knows these classes: an object states which kind of file it becomes, a file's contents show
its kind, and `KINDS` names the module that writes and reads that kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from plainnet.arguments.config import Configurable
from plainnet.errors import FileError, SettingError, require_sequence, shown
from plainnet.files.kinds import KINDS, check_ending, described, kind_of

TAKEN = "a Network, an estimator (alone or in a pipeline of scikit-learn) or an agent"


def save(
    thing: Any, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
) -> None:
    """Save a network, an estimator or an agent in a file for `load`.

    The file appears whole or not at all: it is written beside its destination and then moved there.
    Symbolic links are followed, and an existing file keeps its permissions.

    Parameters
    ----------
    thing : Network, estimator or agent
        Networks and agents are saved in NumPy's .npz format, estimators as .skops.
    path : str or path
        The file, exactly as named. Endings of other formats, such as .h5 or .pt, are refused.
    metadata : mapping, optional
        For a network: class names, units, how the data was scaled. `read_metadata` returns it as
        JSON stores it: tuples as lists, and all keys as text.

    Raises
    ------
    SettingError
        If the object cannot be saved, or the file's name promises another format.
    OSError
        If the file cannot be written.
    """
    if isinstance(thing, str | os.PathLike) and not isinstance(path, str | os.PathLike):
        raise SettingError("save takes first what to save, and then the file: save(network, path)")
    kind = _kind_of_thing(thing)
    check_path(path)
    check_ending(path, kind)
    settings: dict[str, Any] = {}
    if metadata is not None:
        if kind != "network":
            raise SettingError(f"metadata go with a network; {KINDS[kind].what} has its own")
        settings["metadata"] = metadata
    import_module(KINDS[kind].module).write(thing, path, **settings)


def load(
    path: str | os.PathLike[str],
    *,
    custom: Iterable[type[Configurable]] = (),
    env: Any = None,
) -> Any:
    """Load a network, an estimator or an agent that `save` saved.

    Parameters
    ----------
    path : str or path
        The file that `save` wrote.
    custom : iterable of classes
        Your own layers, losses and initializers that a network uses.
    env : str or function, optional
        The environment of an agent; see `plainnet.rl.load_agent`.

    Raises
    ------
    FileError
        If the file was not written by `save`, is damaged, or needs an unknown class.
    """
    check_path(path)
    place, custom = Path(os.fsdecode(path)), tuple(require_sequence("custom", custom, "classes"))
    if not place.exists():
        open(place, "rb").close()  # which says in the system's own words what is missing
    kind = kind_of(place) if place.is_file() else None
    if kind is None:
        raise FileError(f"{place} is not a plainnet model: it seems to be {described(place)}")
    settings: dict[str, Any] = {}
    for name, value, owner in (("custom", custom, "network"), ("env", env, "agent")):
        if value is None or value == ():
            continue
        if kind != owner:
            raise SettingError(
                f"{name} goes with {KINDS[owner].what}; {place} holds {KINDS[kind].what}"
            )
        settings[name] = value
    return import_module(KINDS[kind].module).read(place, **settings)


def check_path(path: Any) -> None:
    """Refuse anything but a file's name, such as an open file."""
    if not isinstance(path, str | bytes | os.PathLike):
        raise SettingError(f"path must be a file's name, a str or a Path; got {shown(path)}")
    try:
        name = os.fsencode(path)
    except UnicodeError:
        name = b""
    if not name or b"\0" in name or name.endswith(os.fsencode(os.sep)):
        raise SettingError(f"path must be the name of a file; got {shown(path)}")


def _kind_of_thing(thing: Any) -> str:
    kind = getattr(type(thing), "file_kind", None)
    if kind is None and hasattr(thing, "get_params") and not isinstance(thing, type):
        kind = "estimator"  # scikit-learn's, around one of ours perhaps
    if kind in KINDS and not isinstance(thing, type):
        return str(kind)
    if hasattr(thing, "to_network") and not isinstance(thing, type):
        raise SettingError(
            f"a {type(thing).__name__} cannot be saved itself: save(network.to_network(), path) "
            "keeps what it has learned as a Network"
        )
    raise SettingError(f"the thing to save must be {TAKEN}; got {shown(thing)}")
