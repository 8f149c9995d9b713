"""The state of an estimator in pickles, copies and files: its networks as arrays, not objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from plainnet.arguments.config import overridden, parts
from plainnet.files.native import known_kinds, pack, unpack
from plainnet.network import Network
from plainnet.training.history import History

ONE, SEVERAL = "network_", "networks_"


def packed(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of an estimator, with its networks as arrays if they are plainnet's own."""
    state, kinds = dict(state), known_kinds() | own_losses()

    def arrays(network: Any) -> Any:
        own = type(network) is Network and not overridden(network)
        own = own and _is_own((network.layers, network.loss), kinds)
        return pack(network) if own else network

    if ONE in state:
        state[ONE] = arrays(state[ONE])
    if SEVERAL in state:
        state[SEVERAL] = [arrays(network) for network in state[SEVERAL]]
    if "history_" in state:  # of a subclass of dict, skops keeps only the items
        state["history_"] = _record(state["history_"])
    if "histories_" in state:
        state["histories_"] = [_record(history) for history in state["histories_"]]
    return state


def _record(history: History) -> dict[str, Any]:
    return {"columns": history.columns, "stopped": history.stopped}


def unpacked(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that were given to `packed`."""
    state = dict(state)

    made: dict[int, Network] = {}  # a file may name one network more than once

    def network(arrays: Any) -> Any:
        if not isinstance(arrays, dict):
            return arrays
        if id(arrays) not in made:
            made[id(arrays)] = unpack(arrays, "the estimator's network", own_losses().values())
        return made[id(arrays)]

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
    """Whether a description can rebuild it: no user-defined class, at any depth."""
    return all(
        kinds.get(type(part).__name__) is type(part) and not overridden(part)
        for part in parts(value)
    )


def own_losses() -> dict[str, type]:
    """The losses that only the estimators have."""
    from plainnet.estimators.mlp import losses

    return {
        kind.__name__: kind
        for kind in vars(losses).values()
        if isinstance(kind, type) and kind.__module__ == losses.__name__
    }


# --- estimators that come out of a file -----------------------------------------------------------

_made: ContextVar[list[Any] | None] = ContextVar("made", default=None)


def note_made(estimator: Any) -> None:
    """Called by each plainnet estimator that is loaded from a file, so it can be checked later."""
    made = _made.get()
    if made is not None:
        made.append(estimator)


@contextmanager
def noting_made() -> Iterator[list[Any]]:
    """A list of all estimators that are made in this context."""
    made: list[Any] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)
