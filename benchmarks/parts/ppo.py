"""Steps that PPO makes a second on CartPole-v1, beside the same algorithm in PyTorch.

PyTorch's is written in the manner of CleanRL's single file, with the defaults of plainnet's.
"""

from statistics import median
from typing import Any

import gymnasium
import numpy as np
import torch
from timing import in_turns, table, times_as_fast
from torch import nn

from plainnet.rl import PPO

STEPS = 10_240


def plainnet_ppo() -> None:
    PPO("CartPole-v1", seed=0).learn(STEPS, progress=False)


def torch_ppo(seed: int = 0) -> None:
    """All steps of one agent: 8 environments side by side, 128 steps, 10 epochs over them."""
    n, T, epochs, minibatches, gamma, lam, clip = 8, 128, 10, 4, 0.99, 0.95, 0.2
    torch.manual_seed(seed)
    envs = gymnasium.vector.SyncVectorEnv(
        [lambda: gymnasium.make("CartPole-v1")] * n,
        autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
    )

    def mlp(outputs: int, gain: float) -> nn.Sequential:
        layers = [nn.Linear(4, 64), nn.Linear(64, 64), nn.Linear(64, outputs)]
        for layer, g in zip(layers, (2**0.5, 2**0.5, gain), strict=True):
            nn.init.orthogonal_(layer.weight, g)
            nn.init.zeros_(layer.bias)
        return nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Tanh(), layers[2])

    actor, critic = mlp(2, 0.01), mlp(1, 1.0)
    parameters = [*actor.parameters(), *critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, eps=1e-5)
    seen = torch.tensor(envs.reset(seed=seed)[0])
    for done_steps in range(0, STEPS, n * T):
        X, actions = torch.zeros(T, n, 4), torch.zeros(T, n, dtype=torch.long)
        log_p, V, rewards = torch.zeros(3, T, n)
        next_V, terminated, done = torch.zeros(3, T, n)
        last: list[tuple[int, int, np.ndarray]] = []
        for t in range(T):
            with torch.no_grad():
                policy = torch.distributions.Categorical(logits=actor(seen))
                action = policy.sample()
                X[t], actions[t] = seen, action
                log_p[t], V[t] = policy.log_prob(action), critic(seen)[:, 0]
            new, reward, over, cut, info = envs.step(action.numpy())
            seen = torch.tensor(new)
            rewards[t] = torch.tensor(reward)
            terminated[t] = torch.tensor(over, dtype=torch.float32)
            done[t] = torch.tensor(over | cut, dtype=torch.float32)
            last += [(t, i, info["final_obs"][i]) for i in np.flatnonzero(cut & ~over)]
        with torch.no_grad():
            next_V[:-1], next_V[-1] = V[1:], critic(seen)[:, 0]
            for t, i, reached in last:
                next_V[t, i] = critic(torch.tensor(reached))[0]
        A, following = torch.zeros(T, n), torch.zeros(n)
        for t in reversed(range(T)):
            delta = rewards[t] + gamma * next_V[t] * (1 - terminated[t]) - V[t]
            A[t] = following = delta + gamma * lam * (1 - done[t]) * following
        R = A + V
        X, actions, log_p, A, R = (a.flatten(0, 1) for a in (X, actions, log_p, A, R))
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - done_steps / STEPS)
        for _ in range(epochs):
            for rows in torch.randperm(n * T).chunk(minibatches):
                policy = torch.distributions.Categorical(logits=actor(X[rows]))
                change = (policy.log_prob(actions[rows]) - log_p[rows]).exp()
                a = (A[rows] - A[rows].mean()) / (A[rows].std() + 1e-8)
                objective = torch.min(change * a, change.clamp(1 - clip, 1 + clip) * a).mean()
                error = 0.5 * (critic(X[rows])[:, 0] - R[rows]).square().mean()
                optimizer.zero_grad()
                (-objective + 0.5 * error).backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()
    envs.close()


def measure(rounds: int) -> dict[str, Any]:
    times = in_turns({"plainnet": plainnet_ppo, "PyTorch": torch_ppo}, rounds, seconds=0)
    per_second = [{"number": STEPS / median(times[name])} for name in times]
    faster = times_as_fast(times["PyTorch"], times["plainnet"])
    columns = ["task", "plainnet, steps a second", "PyTorch, steps a second", "x PyTorch"]
    return table(columns, [["PPO, CartPole-v1", *per_second, faster]])
