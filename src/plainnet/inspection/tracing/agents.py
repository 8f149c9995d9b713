"""The trace of an agent's decision: from observation to action."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from plainnet.engine.stages import each_row
from plainnet.inspection.tracing.stages import Way
from plainnet.inspection.tracing.trace import Trace
from plainnet.rl.agent import Agent


def trace_of_agent(agent: Agent, observation: Any) -> Trace:
    """Trace the best action for an observation, or for each of several."""
    X, _ = agent._seen(observation)
    way = Way()
    given = way.add_before(*agent._stage_before(X), agent._deciding)
    Z = way.add_network(deepcopy(agent._deciding), given)
    way.add(agent._stage_after(), Z=Z)
    actions = agent.environments.as_env(agent.choose(X, None)).tolist()
    way.parts[-1].notes = each_row(f"action {action}" for action in actions)
    return Trace(way.parts, way.data, None)
