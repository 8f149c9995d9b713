"""The losses that agents minimise; `check_gradients` can check them like any other loss.

Actor and critic are one network with one parameter vector. Its outputs are the policy's theta,
followed by the value V of the observation.
"""

from __future__ import annotations

from abc import ABC

import numpy as np
import numpy.typing as npt

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import DataError, ShapeError, require_boolean, require_number, require_type
from plainnet.layers.base import Array, Shape
from plainnet.losses.base import Loss, real_targets
from plainnet.rl.policies import Policy

_TOTAL = Formula(
    "losses",
    "surrogate - entropy_weight * H + value_weight * value_loss",
    r"L = L^\pi - c_H H + c_V L^V",
)


class ActorCriticLoss(Loss, ABC):
    """L = L_pi - c_H H(pi(.|s)) + c_V L_V, for a policy and a value, which is the last output.

    A subclass defines L_pi and L_V in `forward`, and leaves their derivatives with respect to
    log pi(a|s) and V in the cache, as `dlog_p` and `dV`.
    """

    columns: int
    """How many numbers follow the action in the targets."""

    def __init__(self, policy: Policy, entropy_weight: float, value_weight: float) -> None:
        require_type("policy", policy, Policy)
        require_number("entropy_weight", entropy_weight, at_least=0)
        require_number("value_weight", value_weight, at_least=0)
        self.policy = policy
        self.entropy_weight = entropy_weight
        self.value_weight = value_weight

    def build(self, output_shape: Shape) -> None:
        outputs = self.policy.outputs + 1
        if output_shape != (outputs,):
            raise ShapeError(
                f"loss {self!r} needs an output of shape ({outputs},), the policy's numbers and "
                f"the value; the network gives {output_shape}"
            )
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        return real_targets(y, (self.policy.numbers + self.columns,), dtype)

    def total(self, surrogate: Array, value_loss: Array, theta: Array, cache: Cache) -> Array:
        """L of its parts."""
        if self.entropy_weight:  # H takes as long as log pi
            surrogate = surrogate - self.entropy_weight * self.policy.entropy(theta, cache)
        return surrogate + self.value_weight * value_loss

    def backward(self, cache: Cache) -> Array:
        """[dlog_p dlog pi/dtheta - c_H dH/dtheta, c_V dV]."""
        dtheta = cache["dlog_p"][:, None] * self.policy.log_probability_gradient(cache)
        if self.entropy_weight:
            dtheta -= self.entropy_weight * self.policy.entropy_gradient(cache)
        return np.concatenate([dtheta, self.value_weight * cache["dV"][:, None]], axis=1)


class PolicyGradient(ActorCriticLoss):
    """L = -A log pi(a|s) - c_H H(pi(.|s)) + c_V (V(s) - R)^2 / 2.

    The policy gradient with a learned baseline (Williams 1992, REINFORCE; Mnih et al. 2016, A3C,
    section 4, with its entropy term). A, the advantage, and R, the return, count as constants.

    Targets are (m, numbers + 2): the action, A and R.

    Parameters
    ----------
    policy : Policy
    entropy_weight, value_weight : float
        c_H and c_V.
    """

    columns = 2

    def __init__(
        self, policy: Policy, *, entropy_weight: float = 0.0, value_weight: float = 0.5
    ) -> None:
        super().__init__(policy, entropy_weight, value_weight)

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("surrogate", "-advantage * log_p", r"L^\pi = -\hat A \log \pi(a | s)"),
            Formula("value_loss", "(V - R) ** 2 / 2", r"L^V = \tfrac12 (V - R)^2"),
            _TOTAL,
        ),
        backward=(
            Formula("dlog_p", "-advantage", r"d\log\pi = -\hat A"),
            Formula("dV", "V - R", r"dV = V - R"),
        ),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        theta, V = Z[:, :-1], Z[:, -1]
        actions, advantage, R = y[:, :-2], y[:, -2], y[:, -1]
        log_p = self.policy.log_probability(theta, actions, cache)
        cache["dlog_p"], cache["dV"] = -advantage, V - R
        value_loss = 0.5 * cache["dV"] ** 2
        return self.total(-advantage * log_p, value_loss, theta, cache)


class ClippedPolicyGradient(ActorCriticLoss):
    """PPO's objective, negated (Schulman et al. 2017, equations 7 and 9).

    With r = pi(a|s) / pi_old(a|s):

        L = -min(r A, clip(r, 1 - eps, 1 + eps) A) - c_H H(pi(.|s)) + c_V L_V
        L_V = (V - R)^2 / 2, or, with clip_value, the larger of that and
              (V_old + clip(V - V_old, -eps, eps) - R)^2 / 2

    The gradient of the minimum is r A d log pi where its first argument is smaller. Elsewhere it is
    0: there the policy has already moved further than eps in the direction that A favours.

    Targets are (m, numbers + 4): the action, A, R, log pi_old(a|s) and V_old.

    Parameters
    ----------
    policy : Policy
    clip : float
        eps.
    clip_value : bool
        Clip the value too, as in the second formula for L_V.
    entropy_weight, value_weight : float
        c_H and c_V.
    """

    columns = 4

    def __init__(
        self,
        policy: Policy,
        *,
        clip: float = 0.2,
        clip_value: bool = False,
        entropy_weight: float = 0.0,
        value_weight: float = 0.5,
    ) -> None:
        super().__init__(policy, entropy_weight, value_weight)
        require_number("clip", clip, at_least=0)
        require_boolean("clip_value", clip_value)
        self.clip = clip
        self.clip_value = clip_value

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("r", "exp(log_p - log_p_old)", r"r = \pi(a|s) / \pi_{old}(a|s)"),
            Formula(
                "surrogate",
                "-minimum(r * advantage, where(r < 1 - clip, 1 - clip,"
                " where(r > 1 + clip, 1 + clip, r)) * advantage)",
                r"L^\pi = -\min(r \hat A, \mathrm{clip}(r, 1 - \epsilon, 1 + \epsilon) \hat A)",
            ),
            Formula("value_loss", "(V - R) ** 2 / 2", r"L^V = \tfrac12 (V - R)^2"),
            _TOTAL,
        ),
        backward=(
            Formula(
                "dlog_p",
                "-where(r * advantage <= where(r < 1 - clip, 1 - clip,"
                " where(r > 1 + clip, 1 + clip, r)) * advantage, r * advantage, 0)",
                r"d\log\pi = -r \hat A\,"
                r" [\,r \hat A \le \mathrm{clip}(r, 1 - \epsilon, 1 + \epsilon) \hat A\,]",
            ),
            Formula("dV", "V - R", r"dV = V - R"),
        ),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        theta, V = Z[:, :-1], Z[:, -1]
        actions = y[:, :-4]
        advantage, R, log_p_old, V_old = y[:, -4], y[:, -3], y[:, -2], y[:, -1]
        log_p = self.policy.log_probability(theta, actions, cache)
        cache["ratio"] = r = np.exp(log_p - log_p_old)
        free = r * advantage
        held = np.minimum(np.maximum(r, 1 - self.clip), 1 + self.clip) * advantage
        cache["dlog_p"] = np.where(free <= held, -free, 0)

        cache["dV"] = error = V - R
        value_loss = 0.5 * error**2
        if self.clip_value:
            moved = np.minimum(np.maximum(V - V_old, -self.clip), self.clip)
            held_loss = 0.5 * (V_old + moved - R) ** 2
            # Where V is held and that loss is the larger one, it has no gradient.
            is_free = (np.abs(V - V_old) <= self.clip) | (value_loss >= held_loss)
            cache["dV"] = np.where(is_free, error, 0)
            value_loss = np.maximum(value_loss, held_loss)
        return self.total(-np.minimum(free, held), value_loss, theta, cache)


class ActionValue(Loss):
    """L = (Q(s, a) - y)^2 / 2, for the value of the action that was taken.

    Algorithm 1 of Mnih et al. 2015 minimises this loss. They also clip the error to 1; with that,
    a few large errors count no more than many small ones, and on CartPole Q grew without bound.

    Targets are (m, 2): the action and y.
    """

    def build(self, output_shape: Shape) -> None:
        if len(output_shape) != 1:
            raise ShapeError(
                f"loss {self!r} needs an output of shape (actions,); got {output_shape}"
            )
        self.output_shape = output_shape

    def targets(self, y: npt.ArrayLike, dtype: npt.DTypeLike) -> Array:
        y = real_targets(y, (2,), dtype)
        actions, n = y[:, 0], self.output_shape[0]
        if len(y) and not (0 <= actions.min() and actions.max() < n):
            raise DataError(f"actions must lie between 0 and {n - 1}; got {actions}")
        if (actions != np.rint(actions)).any():
            raise DataError(f"actions must be ids; got {actions[actions != np.rint(actions)][0]}")
        return y

    formulas = Formulas(
        input="Z",
        output="losses",
        forward=(
            Formula("error", "(Z * Y).sum(axis=1) - target", r"\delta = Q(s, a) - y"),
            Formula("losses", "error**2 / 2", r"L = \tfrac12 \delta^2"),
        ),
        backward=(Formula("dL", "error[:, None] * Y", r"dL_a = \delta"),),
    )

    def forward(self, Z: Array, y: Array, cache: Cache) -> Array:
        cache["Z"], cache["actions"] = Z, y[:, 0].astype(np.intp)
        cache["error"] = error = Z[np.arange(len(Z)), cache["actions"]] - y[:, 1]
        return np.asarray(0.5 * error**2)

    def backward(self, cache: Cache) -> Array:
        dL = np.zeros_like(cache["Z"])
        dL[np.arange(len(dL)), cache["actions"]] = cache["error"]
        return dL
