"""The returns of agents over seeds, beside published figures.

    python benchmarks/rl.py [--seeds 5] [PPO-CartPole ...]     # half an hour for all

Each agent learns from scratch with each seed; then 100 new episodes, greedy. The table has the mean
over the seeds of their mean returns, its standard deviation, and the seconds of one.

Needs gymnasium. OPENBLAS_NUM_THREADS=1 makes learning faster: the networks are small.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from timing import table_head, table_row

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    for task in arguments.tasks:
        if task not in TASKS:
            parser.error(f"there is no task {task!r}; there are {', '.join(TASKS)}")
    returns(arguments.tasks, arguments.seeds)


if __name__ == "__main__":
    main()
