"""The page of an agent: what it sees, how it learned, and how it acts in new episodes."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet import rl
from plainnet.cli import report
from plainnet.cli.pages.document import (
    Document,
    Fact,
    Section,
    aside,
    on_screen,
    side_by_side,
    wide,
)
from plainnet.cli.pages.figures import bars, figure, histogram, picture, pictures
from plainnet.cli.pages.network import of_doctor, of_network
from plainnet.cli.pages.worst import TRACED, cells
from plainnet.engine.tables import Table
from plainnet.errors import counted
from plainnet.inspection.charts import BLUE, ORANGE
from plainnet.inspection.markup import Markup, details, element, paragraph
from plainnet.inspection.tracing.html import content_of
from plainnet.rl.watching import Moment, shrunk

Array = npt.NDArray[Any]

EPISODES, FRAMES, FRAME_WIDTH = 10, 8, 160
"""Number of new episodes to record; pictures of one, and their width in pixels."""
LEARNED_ANEW = 20_000
"""The most steps for which the doctor trains new agents."""
CUT_OFF = 0.05
"""The discounted weight below which a reward no longer counts."""
NUMBERS = 40
"""The most numbers of an observation that are shown one by one."""
SHUFFLED = 2_000
"""How many observations have their decisions compared."""


@dataclass(frozen=True)
class Episode:
    """A new episode, from beginning to end."""

    seed: int
    moments: list[Moment]

    @property
    def rewards(self) -> Array:
        """The reward of each step."""
        return np.array([moment.reward for moment in self.moments[:-1]])

    @property
    def total(self) -> float:
        """The return of the episode."""
        return float(self.rewards.sum())

    def returns(self, gamma: float) -> Array:
        """The discounted return from each step on."""
        found = np.zeros(len(self.rewards))
        following = 0.0
        for t in range(len(found) - 1, -1, -1):
            found[t] = following = self.rewards[t] + gamma * following
        return found


def document(agent: rl.Agent, command: str, returns: Array, seconds: float) -> Document:
    """The whole page; `returns` come from new episodes."""
    episodes = [Episode(seed, list(rl.episode(agent, seed=seed))) for seed in range(EPISODES)]
    seen = [m.observation for each in episodes for m in each.moments[:-1]]
    observed = agent.environments.observed(np.array(seen))
    facts = [
        Fact("mean return of new episodes", report.number(float(returns.mean()))),
        Fact("standard deviation", report.number(float(returns.std()))),
        Fact("steps", f"{agent.steps:,}"),
        Fact("episodes", f"{len(agent.learning):,}"),
    ]
    sections = [
        _of_environment(agent, episodes, observed),
        *(of_network(network) for network, _ in agent.learners.values()),
        _of_learning(agent, seconds),
        _of_returns(returns),
        _of_values(agent, episodes),
        of_doctor(plainnet.diagnose(agent, steps=min(agent.steps, LEARNED_ANEW))),
        _of_importances(agent, observed),
        _of_worst(agent, min(episodes, key=lambda each: each.total)),
    ]
    title = f"{agent.env if isinstance(agent.env, str) else 'agent'}: {type(agent).__name__}"
    notes = [element("p", element("code", command)), paragraph(repr(agent))]
    return Document(title, notes, facts, sections)


def _of_environment(agent: rl.Agent, episodes: list[Episode], observed: Array) -> Section:
    rows = []
    for i in range(min(observed.shape[1], NUMBERS)):
        values = observed[:, i].astype(float)
        low, high = values.min(), values.max()
        said = f"{low:.3g} to {high:.3g}, mean {values.mean():.3g}, deviation {values.std():.3g}"
        rows.append([f"{i}", said, bars(histogram(values), said)])
    titles = ["number", "what it is seen to be", "distribution"]
    actions = [m.action for each in episodes for m in each.moments[:-1]]
    steps = counted(len(actions), "step")
    content = [
        paragraph(
            f"An observation holds {counted(observed.shape[1], 'number')}. In {EPISODES} new "
            f"episodes of {steps} in all, acting as well as it can, the agent sees this:"
        ),
        wide(Table(titles, rows)),
        _of_actions(agent, actions),
    ]
    return Section("Environment", content)


def _of_actions(agent: rl.Agent, actions: list[Any]) -> Markup:
    n = agent.environments.n_actions
    if n is not None:
        counts = Counter(int(action) for action in actions)
        names = sorted(counts)
        rows = [[str(k), f"{counts[k]:,}", f"{counts[k] / len(actions):.1%}"] for k in names]
        return wide(Table(["action", "times", "share"], rows, numbers=["times", "share"]))
    taken = np.array(actions, float).reshape(len(actions), -1)
    rows = []
    for i, values in enumerate(taken.T):
        said = f"{values.min():.3g} to {values.max():.3g}, mean {values.mean():.3g}"
        rows.append([f"{i}", said, bars(histogram(values), said)])
    return wide(Table(["action", "what it is", "distribution"], rows))


def _of_learning(agent: rl.Agent, seconds: float) -> Section:
    learning = agent.learning
    if not len(learning):
        return Section("Training", [paragraph("No episode has ended.")])

    def draw_lengths(ax: Any) -> None:
        ax.plot(learning.steps, learning.lengths, ".", markersize=2, alpha=0.4, color=ORANGE)
        ax.set(xlabel="steps", ylabel="length of an episode")

    last = report.number(learning.recent())
    said = (
        f"{counted(agent.steps, 'step')} in {counted(len(learning), 'episode')}. The last "
        f"{min(len(learning), 100)} had a mean return of {last}."
    )
    took = f" Learning took {seconds:,.1f} s." if seconds >= 1 else ""
    figures = [
        figure(lambda ax: learning.plot(ax), f"returns over the steps, at last {last}"),
        figure(draw_lengths, "lengths of episodes over the steps"),
    ]
    return Section("Training", [paragraph(said, took), side_by_side(*figures)])


def _of_returns(returns: Array) -> Section:
    low, middle, high = (report.number(float(q)) for q in np.quantile(returns, (0, 0.5, 1)))
    said = f"{counted(len(returns), 'new episode')}, greedy: from {low} to {high}, median {middle}."

    def draw(ax: Any) -> None:
        ax.hist(returns, 30, color=BLUE)
        ax.set(xlabel="return", ylabel="episodes")

    return Section("Test", [paragraph(said), figure(draw, f"returns of {said}")])


def _of_values(agent: rl.Agent, episodes: list[Episode]) -> Section:
    gamma = float(vars(agent).get("gamma", 1.0))
    V, R = [], []
    for each in episodes:
        seen = np.array([moment.observation for moment in each.moments[:-1]])
        told = len(seen)
        if told >= agent.environments.limit:  # cut off: the end does not tell what would follow
            told -= ceil(log(CUT_OFF) / log(gamma)) if 0 < gamma < 1 else told
        V.append(agent.values(agent.environments.observed(seen)).astype(float)[: max(told, 0)])
        R.append(each.returns(gamma)[: max(told, 0)])
    values, followed = np.concatenate(V), np.concatenate(R)
    if not len(values):
        said = "Time limits cut the episodes off too early to tell what would have followed."
        return Section("Calibration", [paragraph(said)])

    def draw(ax: Any) -> None:
        ax.scatter(values, followed, s=6, alpha=0.4, color=BLUE)
        ends = [min(values.min(), followed.min()), max(values.max(), followed.max())]
        ax.plot(ends, ends, ":", color="gray")
        ax.set(xlabel="value that the agent expects", ylabel="discounted return that followed")

    return Section(
        "Calibration",
        [
            figure(draw, "returns that followed over the values expected", (4.4, 3.6)),
            aside(
                f"On the dotted line, what follows is what was expected, discounted by {gamma:g}. "
                "The last steps of an episode that a time limit cuts off are left out."
            ),
        ],
    )


def _of_importances(agent: rl.Agent, observed: Array) -> Section:
    rng = np.random.default_rng(0)
    X = observed[np.sort(rng.permutation(len(observed))[:SHUFFLED])]
    chosen = agent.choose(X, None)
    changes = []
    for i in range(X.shape[1]):
        mixed = X.copy()
        mixed[:, i] = rng.permutation(mixed[:, i])
        other = agent.choose(mixed, None)
        differs = other != chosen if chosen.dtype.kind in "iu" else np.abs(other - chosen)
        changes.append(float(np.mean(differs)))
    order = np.argsort(changes)[-20:]
    is_discrete = chosen.dtype.kind in "iu"
    label = "share of decisions that change" if is_discrete else "mean change of the action"

    def draw(ax: Any) -> None:
        ax.barh([f"observation[{i}]" for i in order], [changes[i] for i in order], color=BLUE)
        ax.set_xlabel(label)

    most = f"observation[{order[-1]}]"
    return Section(
        "What matters",
        [
            figure(draw, f"importances; most important is {most}", (6.0, 0.8 + 0.24 * len(order))),
            aside(
                f"What the agent would do otherwise if one number of {len(X):,} observations were "
                "shuffled among them."
            ),
        ],
    )


def _of_worst(agent: rl.Agent, worst: Episode) -> Section:
    seen = np.array([moment.observation for moment in worst.moments[:-1]])
    V = agent.values(agent.environments.observed(seen)).astype(float)

    def draw(ax: Any) -> None:
        ax.plot(V, color=BLUE, label="value expected")
        ax.plot(np.cumsum(worst.rewards), color=ORANGE, label="rewards so far")
        ax.set(xlabel="step", ylabel="reward")
        ax.legend()

    content = [
        paragraph(
            f"Of {EPISODES} new episodes, that with the seed {worst.seed} has the lowest return, "
            f"{report.number(worst.total)}, in {counted(len(worst.rewards), 'step')}."
        ),
        figure(draw, "values and rewards over the worst episode", (6.0, 3.0)),
        *_frames(agent, worst),
    ]
    last = worst.moments[-2]
    numbers = np.ravel(agent.environments.observed(np.array([last.observation])))[:NUMBERS]
    content.append(element("h3", f"Its last decision: action {last.action}"))
    content.append(cells([f"observation[{i}]" for i in range(len(numbers))], numbers.tolist()))
    record = plainnet.trace(agent, last.observation)
    content.append(on_screen(details("Every number of this decision", content_of(record, TRACED))))
    return Section("Worst episode", content)


def _frames(agent: rl.Agent, worst: Episode) -> list[Markup]:
    """Pictures of it, where the environment can be drawn."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame draws into memory: no display
    wanted = np.unique(np.linspace(0, len(worst.moments) - 1, FRAMES).astype(int)).tolist()
    shown = []
    try:
        for t, moment in enumerate(rl.episode(agent, seed=worst.seed, frames=True)):
            if t in wanted and moment.frame is not None:
                shown.append(picture(shrunk(np.asarray(moment.frame), FRAME_WIDTH), f"step {t}"))
    except Exception:  # whatever it lacks: what is drawn is an environment's own affair
        return []
    return [pictures(shown, wide=True)]
