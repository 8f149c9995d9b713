"""Estimators as files, by skops: data that is checked before anything is made from it, no pickle.

Inside the file a network is what `plainnet.save` writes: its description and its vectors.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from plainnet.config import Configurable
from plainnet.errors import FileError, SettingError, optional
from plainnet.files.native import known_kinds, moved_into_place, pack, unpack
from plainnet.history import History
from plainnet.network import Network


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save an estimator, fitted or not, alone or in a pipeline of scikit-learn.

    The file appears whole or not at all.

    Parameters
    ----------
    estimator : estimator of plainnet, or of scikit-learn around one
    path : str or path
        The file, exactly as named; .skops is the usual ending.

    Raises
    ------
    SettingError
        If the estimator holds what `load` would not trust: functions, layers or callbacks of your
        own. Nothing is written then.
    """
    skops = _skops()
    name = type(estimator).__name__
    try:
        data = skops.dumps(estimator, compression=zipfile.ZIP_DEFLATED)
        foreign = _foreign(skops, data)
    except Exception as error:  # whatever the parts of the estimator may raise
        raise SettingError(f"this {name} cannot be saved: {error}") from error
    if foreign:
        raise SettingError(
            f"this {name} holds {', '.join(foreign)}, which is not plainnet's own, and a file must "
            "not bring code: set that parameter anew after loading, or keep the network alone with "
            "plainnet.save(estimator.network_, path)"
        )
    with moved_into_place(Path(path)) as file:
        file.write(data)


def load(path: str | os.PathLike[str]) -> Any:
    """The estimator that `save` wrote.

    Only classes of plainnet, and what skops trusts of scikit-learn and NumPy, are ever made.

    Raises
    ------
    FileError
        If the file is not what `save` writes, is damaged, or names any other class.
    """
    skops, path = _skops(), Path(path)
    data = path.read_bytes()
    try:
        foreign = _foreign(skops, data)
    except Exception as error:  # zip, JSON and skops each have their own for a damaged file
        raise FileError(f"{path} is no saved estimator ({error})") from error
    if foreign:
        raise FileError(
            f"{path} holds {', '.join(foreign)}, which is not plainnet's own: it is not loaded, "
            "since it could run code"
        )
    try:
        estimator = skops.loads(data, trusted=_trusted())
    except Exception as error:
        raise FileError(f"{path} holds no estimator that works ({error})") from error
    if not hasattr(estimator, "get_params"):
        raise FileError(f"{path} holds no estimator but a {type(estimator).__name__}")
    return estimator


# --- what is trusted ------------------------------------------------------------------------------


def _skops() -> Any:
    return optional("skops.io", purpose="saving estimators", extra="sklearn")


def _foreign(skops: Any, data: bytes) -> list[str]:
    own = {f"{kind.__module__}.{kind.__qualname__}" for kind in _trusted()}
    return [name for name in skops.get_untrusted_types(data=data) if name not in own]


def _trusted() -> list[type]:
    """The classes that a file may name.

    Callbacks that write files are not among them: a file must not choose what the next fit
    overwrites.
    """
    from sklearn.utils import Bunch

    from plainnet import callbacks, history, optimizers, schedules
    from plainnet.callbacks import monitor
    from plainnet.estimators import columns, mlp, networks, tabular
    from plainnet.lbfgs import LBFGS

    settings = {
        kind
        for module in (optimizers, schedules)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Configurable)
    }
    return [
        mlp.MLPClassifier,
        mlp.MLPRegressor,
        networks.NetworkClassifier,
        networks.NetworkRegressor,
        tabular.TabularClassifier,
        tabular.TabularRegressor,
        columns.Columns,
        columns.Number,
        columns.Date,
        columns.Category,
        history.History,
        LBFGS,
        callbacks.EMA,
        callbacks.EarlyStopping,
        callbacks.TimeLimit,
        monitor.Monitor,
        *known_kinds().values(),
        *_losses().values(),
        *settings,
        np.dtype,
        Bunch,
    ]


# --- an estimator's state -------------------------------------------------------------------------

ONE, SEVERAL = "network_", "networks_"


def packed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an estimator, with its networks as arrays if they are plainnet's own."""
    state, kinds = dict(state), known_kinds() | _losses()

    def arrays(network: Any) -> Any:
        own = type(network) is Network and _is_own((network.layers, network.loss), kinds)
        return pack(network) if own else network

    if ONE in state:
        state[ONE] = arrays(state[ONE])
    if SEVERAL in state:
        state[SEVERAL] = [arrays(network) for network in state[SEVERAL]]
    if "history_" in state:  # of a dict of a class of its own, skops keeps the items only
        state["history_"] = _record(state["history_"])
    if "histories_" in state:
        state["histories_"] = [_record(history) for history in state["histories_"]]
    return state


def _record(history: History) -> dict[str, Any]:
    return {"columns": history.columns, "stopped": history.stopped}


def unpacked(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that `packed` was given."""
    state = dict(state)

    def network(arrays: Any) -> Any:
        if not isinstance(arrays, dict):
            return arrays
        return unpack(arrays, "the estimator's network", _losses().values())

    if ONE in state:
        state[ONE] = network(state[ONE])

    def history(record: Any) -> Any:
        return record if isinstance(record, History) else History(**record)

    if SEVERAL in state:
        state[SEVERAL] = [network(arrays) for arrays in state[SEVERAL]]
    if "history_" in state:
        state["history_"] = history(state["history_"])
    if "histories_" in state:
        state["histories_"] = [history(record) for record in state["histories_"]]
    return state


def _is_own(value: Any, kinds: Mapping[str, type]) -> bool:
    """Whether a description can rebuild it: no class of the user's own, at any depth."""
    if isinstance(value, list | tuple):
        return all(_is_own(item, kinds) for item in value)
    if not isinstance(value, Configurable):
        return True
    kind = type(value)
    return kinds.get(kind.__name__) is kind and all(
        _is_own(getattr(value, name), kinds) for name in signature(kind).parameters
    )


def _losses() -> dict[str, type]:
    """The losses that only the estimators have."""
    from plainnet.estimators import losses

    return {
        kind.__name__: kind
        for kind in vars(losses).values()
        if isinstance(kind, type) and kind.__module__ == losses.__name__
    }
