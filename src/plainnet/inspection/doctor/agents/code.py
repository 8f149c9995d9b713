"""Remedies for agents as code: lines that make a new agent with other settings."""

from __future__ import annotations

import sys
from typing import Any

from plainnet.arguments.config import arguments_of
from plainnet.rl.agent import Agent


def settings_of(agent: Agent) -> dict[str, Any]:
    """The arguments of the agent's constructor, without the environment."""
    return {name: getattr(agent, name) for name in arguments_of(type(agent)) if name != "env"}


def given(agent: Agent) -> dict[str, Any]:
    """The settings that differ from the defaults."""
    known = arguments_of(type(agent))
    own = settings_of(agent)
    return {name: value for name, value in own.items() if value != known[name].default}


def default_of(agent: Agent, name: str) -> Any:
    """The default of a setting for this kind of agent."""
    return arguments_of(type(agent))[name].default


def remade(agent: Agent, **changed: Any) -> str:
    """Code for a new agent with these settings changed."""
    env = repr(agent.env) if isinstance(agent.env, str) else "agent.env"
    return f"{_import(agent)}\n{_made(agent, env, changed)}"


def with_rewards_scaled(agent: Agent, factor: float) -> str:
    """Code for a new agent with rescaled rewards."""
    wrapped = f"lambda: TransformReward(make(), lambda reward: {factor:g} * reward)"
    return (
        "from gymnasium.wrappers import TransformReward\n"
        f"{_import(agent)}\n"
        "make = agent.environments.make\n"
        f"{_made(agent, wrapped, {})}"
    )


def run(code: str, agent: Agent) -> Agent:
    """The agent that this code makes."""
    names: dict[str, Any] = {"agent": agent}
    exec(code, names)
    made: Agent = names["agent"]
    return made


def new_as(agent: Agent, seed: int) -> Agent:
    """A new agent with the settings of this one, and another seed."""
    kind: Any = type(agent)
    made: Agent = kind(agent.env, **{**settings_of(agent), "seed": seed})
    return made


def _import(agent: Agent) -> str:
    kind = type(agent)
    module = "plainnet.rl" if kind.__module__.startswith("plainnet.rl.") else kind.__module__
    if not hasattr(sys.modules.get(module), kind.__name__):
        return f"{kind.__name__} = type(agent)"
    return f"from {module} import {kind.__name__}"


def _made(agent: Agent, env: str, changed: dict[str, Any]) -> str:
    known = arguments_of(type(agent))
    settings = {
        name: value
        for name, value in ({**settings_of(agent), **changed}).items()
        if value != known[name].default
    }
    shown = "".join(f", {name}={value!r}" for name, value in settings.items())
    return f"agent = {type(agent).__name__}({env}{shown})"
