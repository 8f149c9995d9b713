"""Agents beside published figures over seeds, and PPO's steps per second beside PyTorch's.

    python benchmarks/rl.py returns [--seeds 5] [PPO-CartPole ...]     # half an hour for all
    python benchmarks/rl.py speed [--rounds 5]

"returns": each agent learns from scratch with each seed; then 100 new episodes, greedy. The table
has the mean over the seeds of their mean returns, its standard deviation, and the seconds of one.

"speed": the same PPO on CartPole-v1 in NumPy and in PyTorch: same environments, networks, batches,
clipping and optimizer, in the manner of CleanRL's single file. The two take turns.

Needs gymnasium and, for "speed", PyTorch (CPU). On one thread, OMP_NUM_THREADS=1 and
OPENBLAS_NUM_THREADS=1, both are faster: the networks are small.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from plainnet.rl import A2C, DQN, PPO, REINFORCE, Agent

LUNAR = {
    "n_envs": 16,
    "n_steps": 256,
    "gamma": 0.999,
    "lam": 0.98,
    "entropy_weight": 0.01,
    "epochs": 4,
    "minibatches": 64,
    "learning_rate": 5e-4,
}
ACROBOT = {"n_envs": 16, "entropy_weight": 0.01}
PENDULUM = {"gamma": 0.9, "n_steps": 256, "normalize_rewards": True}
TASKS: dict[str, tuple[Callable[[int], Agent], int, str]] = {
    "PPO-CartPole": (lambda seed: PPO("CartPole-v1", seed=seed), 100_000, ""),
    "PPO-CartPole-500k": (lambda seed: PPO("CartPole-v1", seed=seed), 500_000, "490.0 ± 6.1"),
    "DQN-CartPole": (lambda seed: DQN("CartPole-v1", seed=seed), 500_000, "488.7 ± 16.1"),
    "A2C-CartPole": (lambda seed: A2C("CartPole-v1", seed=seed), 500_000, ""),
    "REINFORCE-CartPole": (lambda seed: REINFORCE("CartPole-v1", seed=seed), 500_000, ""),
    "PPO-Acrobot": (lambda seed: PPO("Acrobot-v1", seed=seed, **ACROBOT), 300_000, "-86.4 ± 1.3"),
    "PPO-Pendulum": (lambda seed: PPO("Pendulum-v1", seed=seed, **PENDULUM), 200_000, ""),
    "PPO-LunarLander": (lambda seed: PPO("LunarLander-v3", seed=seed, **LUNAR), 1_000_000, ""),
}
"""Agent, steps, and what CleanRL documents after 500,000 steps with settings of its own."""


def returns(names: list[str], seeds: int) -> None:
    from timing import table_head, table_row

    table_head(["task", "steps", "mean return", "of each seed", "CleanRL", "seconds"])
    for name in names:
        make, steps, published = TASKS[name]
        means, seconds = [], []
        for seed in range(seeds):
            start = time.perf_counter()
            agent = make(seed).learn(steps, progress=False)
            seconds.append(time.perf_counter() - start)
            means.append(agent.evaluate(100).mean())
        spread = f"{np.mean(means):.1f} ± {np.std(means):.1f}"
        each = ", ".join(f"{mean:.1f}" for mean in means)
        median = f"{statistics.median(seconds):.0f}"
        table_row([name, f"{steps:,}", spread, each, published, median])


# --- speed ----------------------------------------------------------------------------------------

STEPS = 20_480


def torch_ppo(seed: int) -> None:
    """PPO on CartPole-v1 in PyTorch, with the defaults of plainnet's."""
    import gymnasium
    import torch
    from torch import nn

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
                ratio = (policy.log_prob(actions[rows]) - log_p[rows]).exp()
                a = (A[rows] - A[rows].mean()) / (A[rows].std() + 1e-8)
                objective = torch.min(ratio * a, ratio.clamp(1 - clip, 1 + clip) * a).mean()
                error = 0.5 * (critic(X[rows])[:, 0] - R[rows]).square().mean()
                optimizer.zero_grad()
                (-objective + 0.5 * error).backward()
                nn.utils.clip_grad_norm_(parameters, 0.5)
                optimizer.step()
    envs.close()


def speed(rounds: int) -> None:
    from timing import in_turns, ratio, software

    contenders = {
        "plainnet": lambda: PPO("CartPole-v1", seed=0).learn(STEPS, progress=False),
        "PyTorch": lambda: torch_ppo(0),
    }
    print(f"{software()}; {rounds} rounds of {STEPS:,} steps of PPO on CartPole-v1\n")
    seconds = in_turns(contenders, rounds, seconds=0)
    for name, values in seconds.items():
        print(f"{name:<9} {STEPS / statistics.median(values):8,.0f} steps a second")
    print(f"plainnet is {ratio(seconds['PyTorch'], seconds['plainnet']):.1f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["returns", "speed"])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for task in arguments.tasks:
        if task not in TASKS:
            parser.error(f"there is no task {task!r}; there are {', '.join(TASKS)}")
    if arguments.what == "returns":
        returns(arguments.tasks, arguments.seeds)
    else:
        speed(arguments.rounds)


if __name__ == "__main__":
    main()
