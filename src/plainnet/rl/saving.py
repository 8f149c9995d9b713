"""Agents as files: all that an agent needs to continue, and nothing that runs code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from plainnet.engine.filling import filled_from_file
from plainnet.errors import FileError, MissingExtraError, SettingError
from plainnet.files.archive import Archive, opened
from plainnet.files.kinds import Unreadable
from plainnet.files.places import moved_into_place
from plainnet.files.saving import check_path
from plainnet.rl.agent import Agent
from plainnet.rl.environments import Environments, Make
from plainnet.rl.files import expect_savable, too_much_of

FORMAT = 1
WHAT = "an agent of plainnet"


class NeedsEnvironment(SettingError, FileError):
    """Raised for an agent's file that can be loaded only with an environment."""


def write(agent: Agent, path: str | os.PathLike[str]) -> None:
    """Save an agent; see `Agent.save`."""
    expect_savable(agent)
    config = agent.config()
    if callable(agent.env):
        config["env"] = None
    kept = agent.arrays()
    for name, values in kept.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise SettingError(f"the agent cannot be saved: its {name} contains NaN or infinity")
    arrays = {f"state.{name}": values for name, values in kept.items()}
    arrays |= {"agent_format": np.array(FORMAT), "agent": np.array(json.dumps(config))}
    with moved_into_place(path) as file:
        np.savez(file, allow_pickle=False, **arrays)
    agent.saved_after = agent.steps


def load_agent(path: str | os.PathLike[str], *, env: str | Make | None = None) -> Agent:
    """The agent that `save` wrote.

    Parameters
    ----------
    path : str or path
    env : function or str, optional
        The function that makes the environment, for an agent that was made with a function; or the
        environment's name, if it contains a module, since a file alone must not import one.

    Raises
    ------
    FileError
        If the file was not written by `save`.
    """
    check_path(path)
    return read(path, env=env)


def read(path: str | os.PathLike[str], *, env: str | Make | None = None) -> Agent:
    """The agent in a file; see `load_agent`."""
    path = Path(os.fsdecode(path))
    with opened(path, WHAT) as file:
        version, config = file.number("agent_format"), file.json("agent")
        if version != FORMAT:
            raise FileError(f"{path} has the format {version}; this plainnet reads {FORMAT}")
        kind = _kind(config.pop("type"))
        lists = {name: tuple(value) for name, value in config.items() if isinstance(value, list)}
        config |= lists
        _expect_modest(kind, config, file)
    config["env"] = _made_env(path, env, config.get("env"))
    with opened(path, WHAT) as file:
        with filled_from_file(_expect_vectors(file)):
            agent = kind(**config)
        agent.restore(file)
    return agent


def _kind(name: Any) -> type[Agent]:
    from plainnet import rl

    kind = getattr(rl, name) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, Agent)):
        raise Unreadable(f"it names {kind!r}")
    return kind


def _made_env(path: Path, env: str | Make | None, named: Any) -> str | Make:
    """The environment, tried out, that the file names or the caller makes."""
    if isinstance(env, str) and env != named:
        raise NeedsEnvironment(f"the agent in {path} was made for {named!r}; got {env!r}")
    if env is None and named is None:
        raise NeedsEnvironment(f"the agent in {path} had a function as env: pass it to load_agent")
    if env is None and ":" in str(named):  # Gymnasium imports what stands before the colon
        raise NeedsEnvironment(
            f"the agent in {path} needs {named!r}, whose module a file alone must not import: "
            f"pass env={named!r}"
        )
    try:
        Environments(env or named, 1).close()
    except MissingExtraError:
        raise
    except Exception as error:
        if env is not None:
            raise
        raise FileError(f"the agent in {path} cannot be loaded: {error}") from error
    return env or str(named)


def _expect_modest(kind: type[Agent], config: Mapping[str, Any], file: Archive) -> None:
    """Refuse settings that need far more than the file holds."""
    known = {**{name: p.default for name, p in signature(kind).parameters.items()}, **config}
    n_envs, steps = known["n_envs"], file.number("state.steps")
    if isinstance(n_envs, int) and n_envs > 0 and steps % n_envs:
        raise Unreadable(f"{n_envs} environments cannot have made {steps} steps together")
    if too_much := too_much_of(known, steps):
        raise Unreadable(too_much)
    kind.expect_room(known, file)


def _expect_vectors(file: Archive) -> Callable[[int, int, np.dtype[Any]], None]:
    """No network is larger than one in the file."""
    held = {".parameters": 0, ".state": 0}
    for name in file.names():
        for part in held:
            header = file.header(name) if name.endswith(part) else None
            if header is not None and header.dtype.kind == "f":
                held[part] = max(held[part], header.size)

    def check(n_parameters: int, n_state: int, dtype: np.dtype[Any]) -> None:
        if n_parameters > held[".parameters"] or n_state > held[".state"]:
            raise Unreadable(
                f"its layers need {n_parameters:,} numbers; the file holds {held['.parameters']:,}"
            )

    return check
