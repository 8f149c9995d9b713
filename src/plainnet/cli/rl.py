"""`plainnet rl`: trains agents in an environment, and shows episodes in a terminal."""

from __future__ import annotations

import json
import os
import shlex
import time
from inspect import signature
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from plainnet import rl
from plainnet.cli import report
from plainnet.cli.learn import page_file
from plainnet.cli.output import check_replaceable, check_writable
from plainnet.errors import DivergedError, FileError, SettingError
from plainnet.files.kinds import check_ending, kind_of
from plainnet.rl.watching import shrunk

AGENTS = {"ppo": rl.PPO, "a2c": rl.A2C, "reinforce": rl.REINFORCE, "dqn": rl.DQN}
EVALUATED = 100
LINES = 10
"""About this many lines are printed if there is no terminal."""


def train(
    env: str,
    agent: str,
    steps: int,
    settings: list[str],
    seed: int | None,
    out: Path | None,
    resume: bool,
    quiet: bool,
    page: Path | None,
) -> None:
    """Run `plainnet rl train`."""
    if steps < 1:
        raise SettingError(f"--steps must be 1 or more; got {steps}")
    file = None if page is None else page_file(page)
    out = out or Path(f"{env.replace('/', '-').replace(':', '-')}-{agent}.npz")
    check_ending(out, "agent")
    place = check_writable(out)
    console = report.make_console(quiet)
    saved_to, checkpoint = _until_the_end(out, place, resume)
    if resume and checkpoint.exists():
        if settings:
            raise SettingError("--set is for new agents; one that continues keeps its settings")
        learner = rl.load_agent(checkpoint, env=env)
        if not isinstance(learner, AGENTS[agent]):
            raise SettingError(f"{saved_to} holds {learner!r}, not the agent {agent} for {env}")
        if seed not in (None, learner.seed):
            raise SettingError(
                f"--seed is for new agents; the one in {saved_to} keeps its seed, {learner.seed}"
            )
        console.print(f"{saved_to}: going on after {learner.steps:,} steps", soft_wrap=True)
    else:
        learner = AGENTS[agent](env, seed=seed or 0, **_settings(agent, settings))
    if checkpoint != place and place.exists():
        console.print(
            f"{out} holds an agent, which is replaced when this one has made all its steps; until "
            f"then this one is saved to {saved_to}",
            soft_wrap=True,
        )
    console.print(repr(learner), soft_wrap=True)
    start = time.perf_counter()
    before = learner.steps
    try:
        with _Bar(console, steps) as bar:
            learner.learn(steps, progress=False, callback=bar.show, checkpoint=checkpoint)
    except KeyboardInterrupt:
        console.print(_how_it_stands(learner, saved_to), soft_wrap=True)
        raise
    except DivergedError as error:
        raise DivergedError(
            f"learning diverged: {error}",
            step=error.step,
            layer=error.layer,
        ) from error
    if checkpoint != place:
        check_replaceable(out, place, "an agent of plainnet", _is_agent)  # still
        learner.save(place)
        checkpoint.unlink()
    seconds = time.perf_counter() - start
    made = learner.steps - before
    if made:
        console.print(
            f"{made:,} steps in {seconds:.1f} s, {made / seconds:,.0f} a second; {_curve(learner)}",
            soft_wrap=True,
        )
    returns = learner.evaluate(EVALUATED)
    console.print(
        f"{EVALUATED} new episodes, greedy: {returns.mean():.1f} ± {returns.std():.1f}",
        soft_wrap=True,
    )
    if file is not None:
        from plainnet.cli.pages.agents import document

        typed = ["plainnet", "rl", "train", env, "--agent", agent, "--steps", f"{steps}"]
        typed += [each for setting in settings for each in ("--set", setting)]
        typed += ["--seed", f"{seed}"] if seed else []
        file.write(document(learner, shlex.join(typed), returns, seconds).html())
        report.show_page(console, file.path)
    console.print(f"saved to {out}; look at it: plainnet rl watch {out}", soft_wrap=True)


def _how_it_stands(learner: rl.Agent, saved_to: Path) -> str:
    """What an interrupted run leaves, perhaps interrupted while saving."""
    stopped = f"stopped after {learner.steps:,} steps"
    if learner.saved_after is None:
        return f"{stopped}; nothing has been saved"
    if learner.saved_after < learner.steps:
        stopped += f", saved as it was after {learner.saved_after:,}"
        return f"{stopped}: {saved_to}, and --resume goes on from there"
    return f"{stopped}; saved to {saved_to}, and --resume goes on"


def _until_the_end(out: Path, place: Path, resume: bool) -> tuple[Path, Path]:
    """Where an agent that learns is saved, as a name to show and as a path.

    An interrupted run must not cost an earlier agent: that is replaced at the end.
    """
    unfinished = f"{place.stem}-unfinished{place.suffix}"
    beside = out.with_name(unfinished), place.with_name(unfinished)
    cut_off = beside[1].exists()
    if cut_off and not resume:
        raise FileError(
            f"{beside[0]} is what an interrupted run has saved: continue it with --resume, or "
            "remove it"
        )
    if resume and not cut_off:
        return out, place
    replaces = check_replaceable(out, place, "an agent of plainnet", _is_agent)
    return beside if replaces or cut_off else (out, place)


def _is_agent(path: Path) -> bool:
    return kind_of(path) == "agent"


def _is_gif(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"GIF8"


def _curve(learner: rl.Agent) -> str:
    if not len(learner.learning):
        return "no episode has ended"
    return f"the last 100 episodes had a mean return of {learner.learning.recent():.1f}"


def watch(model: Path, out: Path | None, episodes: int, seed: int, env: str | None) -> None:
    """Run `plainnet rl watch`."""
    if not model.exists():
        raise FileError(f"there is no file {model}")
    if episodes < 1:
        raise SettingError(f"--episodes must be 1 or more; got {episodes}")
    agent = rl.load_agent(model, env=env)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pygame draws into memory: no display
    console = report.make_console(False)
    if out is not None:
        place = check_writable(out)
        if out.suffix.lower() != ".gif":
            raise SettingError(f"--out must be a .gif file; got {out}")
        if episodes > 1:
            raise SettingError(f"--out saves one episode; got --episodes {episodes}")
        if check_replaceable(out, place, "a GIF", _is_gif):
            console.print(f"replacing {out}", soft_wrap=True)
        total = rl.record(agent, place, seed=seed)
        console.print(f"saved an episode with a return of {total:.1f} to {out}", soft_wrap=True)
        return
    for i in range(episodes):
        _watch_one(agent, seed + i, console)


def _watch_one(agent: rl.Agent, seed: int, console: Console) -> None:
    terminal = console.is_terminal
    total, steps = 0.0, 0
    pause = 1 / agent.environments.frames_per_second
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for moment in rl.episode(agent, seed=seed, frames=terminal):
            total, steps = total + moment.reward, steps + (moment.action is not None)
            if terminal:
                picture = _picture(moment.frame, console.width - 1, console.height - 2)
                live.update(
                    Text.assemble(picture, f"step {steps}  return {total:.1f}"), refresh=True
                )
                time.sleep(pause)
    console.print(f"episode {seed}: {steps} steps, return {total:.1f}", soft_wrap=True)


def _picture(frame: Any, width: int, height: int) -> Text:
    """Two pixels in a character: the upper half block has the upper one's colour."""
    fitting = min(width, 80, 2 * height * frame.shape[1] // frame.shape[0])
    small, text = shrunk(frame, max(fitting, 1)), Text()
    for upper, lower in zip(small[:-1:2], small[1::2], strict=True):
        for a, b in zip(upper, lower, strict=True):
            text.append("▀", f"#{a[0]:02x}{a[1]:02x}{a[2]:02x} on #{b[0]:02x}{b[1]:02x}{b[2]:02x}")
        text.append("\n")
    return text


def _settings(agent: str, given: list[str]) -> dict[str, Any]:
    """From "n_steps=64" to {"n_steps": 64}; values are JSON, or else text."""
    known = {*signature(AGENTS[agent]).parameters} - {"env", "seed"}
    settings: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingError(f"--set takes NAME=VALUE; got {text!r}")
        if name not in known:
            raise SettingError(
                f"{agent} has no setting {name!r}; it has {', '.join(sorted(known))}"
            )
        try:
            settings[name] = json.loads(value.lower() if value in ("True", "False") else value)
        except json.JSONDecodeError:
            settings[name] = value
        if isinstance(settings[name], list):
            settings[name] = tuple(settings[name])
    return settings


class _Bar:
    """A bar of the steps on a terminal, a handful of lines elsewhere."""

    def __init__(self, console: Console, steps: int) -> None:
        self.console, self.steps, self.printed = console, steps, 0
        self.bar: Progress | None = None
        if console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.completed:,}/{task.total:,} steps"),
                BarColumn(bar_width=None),
                TextColumn("return {task.fields[mean]}"),
                TimeRemainingColumn(elapsed_when_finished=True),
                console=console,
                expand=True,
            )
            self.task = self.bar.add_task("", total=steps, mean="-")

    def __enter__(self) -> _Bar:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def show(self, agent: rl.Agent) -> None:
        mean = f"{agent.learning.recent():.1f}" if len(agent.learning) else "-"
        if self.bar is not None:
            self.bar.update(self.task, completed=agent.steps, mean=mean)
        elif agent.steps * LINES // self.steps > self.printed:
            self.printed = agent.steps * LINES // self.steps
            self.console.print(f"{agent.steps:>9,} steps  return {mean}", soft_wrap=True)
