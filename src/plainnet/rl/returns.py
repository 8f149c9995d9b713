"""Discounted returns and advantages of a rollout."""

from __future__ import annotations

import numpy as np

from plainnet.errors import SettingError, require_number
from plainnet.layers.base import Array


def require_discounts(**named: float) -> None:
    """Refuse discounts that are not between 0 and 1."""
    for name, value in named.items():
        require_number(name, value, at_least=0)
        if value > 1:
            raise SettingError(f"{name} must be <= 1; got {value!r}")


def standardized(A: Array) -> Array:
    """A with mean 0 and deviation 1; zeros if all values are the same."""
    D = A - A.mean()
    deviation = D.std()
    if deviation <= np.finfo(D.dtype).eps * abs(A.mean()):
        return np.zeros_like(D)
    return np.asarray(D / deviation)


def discounted(rewards: Array, done: Array, last: Array, gamma: float) -> Array:
    """R_t = r_t + gamma R_(t+1), and R_t = r_t where an episode ends.

    Parameters
    ----------
    rewards, done : arrays of shape (time, n)
    last : array of shape (n,)
        The return after the last step.
    """
    R, following = np.empty_like(rewards), last
    for t in reversed(range(len(rewards))):
        R[t] = following = rewards[t] + gamma * following * ~done[t]
    return R


def generalized_advantages(
    rewards: Array,
    values: Array,
    next_values: Array,
    terminated: Array,
    done: Array,
    gamma: float,
    lam: float,
) -> Array:
    """A_t = delta_t + gamma lambda A_(t+1) (Schulman et al. 2016, equations 11, 12 and 16).

    delta_t = r_t + gamma V(s_(t+1)) - V(s_t), where a terminal state has the value 0. A
    state at which a time limit cuts the episode off keeps its value; the sum ends there all the
    same, since the next step belongs to another episode.

    Parameters
    ----------
    rewards, values, next_values : arrays of shape (time, n)
        next_values holds V(s_(t+1)) in the same episode.
    terminated, done : arrays of bool, shape (time, n)
        done is also true where an episode was cut off.
    """
    delta = rewards + gamma * next_values * ~terminated - values
    return discounted(delta, done, np.zeros_like(delta[0]), gamma * lam)
