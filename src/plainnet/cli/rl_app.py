"""`plainnet rl`: its commands and options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from plainnet.cli.help import RL_HELP, RL_TRAIN_HELP, RL_WATCH_HELP
from plainnet.cli.options import Page, Quiet, option


class AgentName(StrEnum):
    """The kinds of agent."""

    ppo = "ppo"
    a2c = "a2c"
    reinforce = "reinforce"
    dqn = "dqn"


rl = typer.Typer(rich_markup_mode=None, help=RL_HELP, invoke_without_command=True)


@rl.callback()
def rl_root(context: typer.Context) -> None:
    """Show the help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@rl.command("train", help=RL_TRAIN_HELP)
def rl_train(
    env: Annotated[
        str,
        typer.Argument(
            metavar="ENVIRONMENT",
            help="Its name in Gymnasium, such as CartPole-v1.",
            show_default=False,
        ),
    ],
    agent: Annotated[AgentName, typer.Option(help="The algorithm.")] = AgentName.ppo,
    steps: Annotated[int, typer.Option(metavar="N", help="Environment steps in total.")] = 100_000,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the agent, such as gamma=0.9; may be repeated.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        option(
            "Seed of a new agent. The same seed, steps and settings give the same agent, bit for "
            "bit, on one machine with the same number of threads. [default: 0]",
            "S",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        option("Where to save the agent. [default: ENVIRONMENT-AGENT.npz]", "FILE"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue with the agent in FILE, if there is one.")
    ] = False,
    report: Page = None,
    quiet: Quiet = False,
) -> None:
    """`plainnet rl train`."""
    from plainnet.cli.rl import train as run_train

    run_train(env, agent.value, steps, set_ or [], seed, out, resume, quiet, report)


@rl.command("watch", help=RL_WATCH_HELP)
def rl_watch(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A file from `plainnet rl train`.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        option("Save the first episode to this file instead of showing it.", "FILE.gif"),
    ] = None,
    episodes: Annotated[int, typer.Option(metavar="N", help="How many episodes to show.")] = 1,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Seed of the first episode; the next has S + 1.")
    ] = 0,
    env: Annotated[
        str | None,
        option("The environment's name, if it contains a module: my_module:Name-v0.", "NAME"),
    ] = None,
) -> None:
    """`plainnet rl watch`."""
    from plainnet.cli.rl import watch as run_watch

    run_watch(model, out, episodes, seed, env)
