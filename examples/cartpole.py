"""CartPole with PPO: the value function as it is learned, and the policy along an episode.

Expected (seed 0): a mean return of 500.0 over 100 new episodes, the most there is, after 100,000
steps; 3 to 6 seconds.

    python examples/cartpole.py [--seed 0] [--plot cartpole.png] [--gif cartpole.gif]

The plot shows what the critic expects, by the pole's angle and angular velocity, after a tenth, a
third and all of the steps: at first some 38 steps at best, at the end 100, the discounted sum of an
episode that does not end, and less for a pole that turns fast. Below are the returns, and how
probable the policy finds each action along an episode.
"""

import argparse
from pathlib import Path
from typing import Any

from plainnet.rl import PPO, plot_probabilities, plot_values, record

STEPS = 100_000
STAGES = (STEPS // 10, STEPS // 3, STEPS)


class Stages:
    """Draws the value function when so many steps have been made."""

    def __init__(self, axes: list[Any]) -> None:
        self.left = list(zip(STAGES, axes, strict=True))

    def __call__(self, agent: PPO) -> None:
        while self.left and agent.steps >= self.left[0][0]:
            _, ax = self.left.pop(0)
            names = "angle", "angular velocity"
            plot_values(agent, (2, -0.2, 0.2), (3, -2.5, 2.5), names=names, ax=ax)
            ax.set_title(f"{agent.steps:,} steps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="draw what is learned into this file")
    parser.add_argument("--gif", type=Path, help="record an episode into this file")
    arguments = parser.parse_args()

    agent, stages, figure = PPO("CartPole-v1", seed=arguments.seed), None, None
    if arguments.plot is not None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 6), layout="constrained")
        top, bottom = figure.subfigures(2, 1)
        stages = Stages(list(top.subplots(1, len(STAGES))))
    agent.learn(STEPS, callback=stages)
    returns = agent.evaluate(100)
    print(f"mean return of 100 new episodes: {returns.mean():.1f} ± {returns.std():.1f}")
    if figure is not None:
        curve, policy = bottom.subplots(1, 2)
        agent.learning.plot(curve)
        plot_probabilities(agent, ax=policy)
        figure.savefig(arguments.plot, dpi=100)
        print(f"plot: {arguments.plot}")
    if arguments.gif is not None:
        print(f"an episode with a return of {record(agent, arguments.gif):.1f}: {arguments.gif}")


if __name__ == "__main__":
    main()
