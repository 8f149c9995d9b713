"""Plots of an agent's values and policy, with matplotlib."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.errors import SettingError
from plainnet.inspection.plots import new_axes
from plainnet.rl.actor_critic import ActorCritic
from plainnet.rl.agent import Agent
from plainnet.rl.policies import Categorical
from plainnet.rl.watching import episode


def plot_values(
    agent: Agent,
    x: tuple[int, float, float],
    y: tuple[int, float, float],
    *,
    at: npt.ArrayLike | None = None,
    names: tuple[str, str] | None = None,
    ax: Any = None,
) -> Any:
    """Draw a map of the value over two numbers of the observation.

    Parameters
    ----------
    agent : Agent
    x, y : (int, float, float)
        The index of the number in the observation, and its range.
    at : array of shape (width,), optional
        The values of the other numbers; by default zero.
    names : (str, str), optional
        Labels of the axes.
    ax : matplotlib.axes.Axes or None

    Returns
    -------
    ax : matplotlib.axes.Axes
    """
    ax = new_axes() if ax is None else ax
    across, up = np.linspace(*x[1:], 80), np.linspace(*y[1:], 80)
    width = agent.environments.width
    X = np.zeros((80, 80, width)) + (0 if at is None else np.asarray(at))
    X[..., x[0]], X[..., y[0]] = across, up[:, None]
    V = agent.values(X.reshape(-1, width)).reshape(80, 80)
    picture = ax.pcolormesh(across, up, V, shading="nearest")
    ax.figure.colorbar(picture, ax=ax, label="V")
    xlabel, ylabel = names or (f"observation[{x[0]}]", f"observation[{y[0]}]")
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def plot_probabilities(agent: Agent, *, seed: int = 0, steps: int = 100, ax: Any = None) -> Any:
    """Draw the probability of each action in the first `steps` steps of one greedy episode.

    Returns
    -------
    ax : matplotlib.axes.Axes
    """
    if not (isinstance(agent, ActorCritic) and isinstance(agent.policy, Categorical)):
        raise SettingError(f"only a policy over discrete actions has probabilities; got {agent!r}")
    ax = new_axes() if ax is None else ax
    moments = islice(episode(agent, seed=seed), steps)
    seen = np.array([moment.observation for moment in moments if moment.action is not None])
    for action, P in enumerate(agent.probabilities(agent.environments.observed(seen)).T):
        ax.plot(P, ".-", linewidth=0.5, label=f"action {action}")
    ax.set(xlabel="step", ylabel="probability", ylim=(-0.02, 1.02))
    ax.legend()
    return ax
