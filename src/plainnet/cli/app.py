"""The command line: commands, options and their help."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import plainnet
from plainnet import datasets
from plainnet.cli import INTERRUPTED, OK, complain
from plainnet.cli.help import (
    DOCTOR_HELP,
    EXPLAIN_HELP,
    HELP,
    PLAYGROUND_HELP,
    PREDICT_HELP,
    RL_HELP,
    RL_TRAIN_HELP,
    RL_WATCH_HELP,
    TRAIN_HELP,
    TUNE_HELP,
)

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)

SOURCES = f"A dataset ({', '.join(datasets.NAMES)}) or a file: .csv, .csv.gz, .parquet, .npz."


class TaskName(StrEnum):
    """The kinds of target."""

    classification = "classification"
    regression = "regression"


class AgentName(StrEnum):
    """The kinds of agent."""

    ppo = "ppo"
    a2c = "a2c"
    reinforce = "reinforce"
    dqn = "dqn"


class BrokenFiles(StrEnum):
    """What happens to files that cannot be read."""

    skip = "skip"
    refuse = "refuse"


class Preset(StrEnum):
    """The estimators' presets."""

    default = "default"
    fast = "fast"


def _option(text: str, metavar: str | None = None) -> Any:
    return typer.Option(help=text, metavar=metavar, show_default=False)


Source = Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCES, show_default=False)]
Target = Annotated[
    str | None,
    _option(
        "The column to predict, or the array in an .npz. [default: the one named target, class, "
        "label or y]",
        "COLUMN",
    ),
]
Drop = Annotated[list[str] | None, _option("Leave this column out; may be repeated.", "COLUMN")]
Columns = Annotated[
    list[str] | None,
    _option(
        "What a column is, if its values do not show it: number, text, category, date, or drop to "
        "leave it out; date:dmy has the day first, date:%d/%m/%Y is a format. May be repeated.",
        "NAME=KIND",
    ),
]
Separator = Annotated[
    str | None,
    _option("What separates the cells of a CSV file; tab for tabs. [default: inferred]", "C"),
]
Decimal = Annotated[
    str | None,
    _option("The decimal mark: . or , [default: inferred for each column]", "C"),
]
Encoding = Annotated[
    str | None,
    _option(
        "The encoding of a CSV file or of texts, such as utf-16. [default: UTF-8, or Windows-1252 "
        "if it is not UTF-8]",
        "NAME",
    ),
]
Tasks = Annotated[
    TaskName | None, _option("What the target is. [default: inferred from its values]")
]
Presets = Annotated[
    Preset | None,
    _option("For tables and pictures: fast is smaller and less accurate. [default: default]"),
]
Hidden = Annotated[
    str | None,
    _option("Widths of the hidden layers, such as 128,64. [default: the preset's]", "WIDTHS"),
]
Networks = Annotated[
    int | None,
    _option("For tables and texts: how many are averaged. [default: 5, or 1 for many rows]", "N"),
]
Epochs = Annotated[int | None, _option("Passes over the rows. [default: the preset's]", "N")]
BatchSize = Annotated[int | None, _option("Rows in one step. [default: the preset's]", "N")]
LearningRate = Annotated[float | None, _option("The size of a step. [default: the preset's]", "F")]
Dropout = Annotated[
    float | None,
    _option("Share of the hidden units that each step drops. [default: the preset's]", "F"),
]
WeightDecay = Annotated[
    float | None, _option("How much a step shrinks the weights. [default: the preset's]", "F")
]
LabelSmoothing = Annotated[
    float | None,
    _option("Share of each target that is spread over all classes. [default: the preset's]", "F"),
]
Broken = Annotated[
    BrokenFiles | None,
    _option(
        "For pictures and texts: skip and list files that cannot be read, or refuse to run. "
        "[default: skip]"
    ),
]
TestSize = Annotated[
    float | None,
    _option(
        "Share of the rows held out for testing. [default: 0.2, or the dataset's test rows]", "F"
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="S",
        help="Seed for everything random. The same seed gives the same numbers, bit for bit, on "
        "one machine with the same number of threads and the same versions of the libraries.",
    ),
]
Page = Annotated[
    Path | None,
    _option(
        "Write a page about the data, the training and the test, to read in a browser or to "
        "print. Needs the extra `plots`.",
        "FILE",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show warnings and errors only.")]


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    try:
        result = app(args=list(arguments), prog_name="plainnet", standalone_mode=False)
    except typer.Abort as interrupted:  # what typer makes of Ctrl-C
        raise KeyboardInterrupt from interrupted
    except Exception as error:
        # typer brings its own click or needs the package, depending on its age; the errors of
        # either about what was typed know how to write their message.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "plainnet"
        message = error.format_message()
        message += "" if message.endswith((".", "?")) else "."
        return complain(f"{message} See {command} --help", getattr(error, "exit_code", 2))
    if result == INTERRUPTED:  # or this
        raise KeyboardInterrupt
    return result if isinstance(result, int) else OK


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"plainnet {plainnet.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, help=HELP)
def root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Show the help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(help=TRAIN_HELP)
def train(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=SOURCES + " Or a folder that holds a folder of pictures or texts for each class.",
            show_default=False,
        ),
    ],
    target: Target = None,
    drop: Drop = None,
    column: Columns = None,
    task: Tasks = None,
    preset: Presets = None,
    hidden: Hidden = None,
    networks: Networks = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    dropout: Dropout = None,
    weight_decay: WeightDecay = None,
    label_smoothing: LabelSmoothing = None,
    test_size: TestSize = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    broken: Broken = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        _option(
            "Where to save the model. [default: NAME-model.skops, from SOURCE's name; for "
            "arrays of images, such as digits, NAME-model.npz]",
            "FILE",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue an interrupted run if there is one; else begin."),
    ] = False,
    report: Page = None,
    quiet: Quiet = False,
) -> None:
    """`plainnet train`."""
    typed = locals()
    from plainnet.cli.learn import learn
    from plainnet.cli.settings import Settings

    learn(Settings.typed(typed), out, resume, quiet, report)


@app.command(help=PREDICT_HELP)
def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A file from `plainnet train`.", show_default=False),
    ],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help=SOURCES + " For a model of pictures or texts: any number of files or folders.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write to this file rather than the screen; it may replace older predictions, but "
            "no other file.",
        ),
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column for each class with its probability.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="For numbers: add columns low and high, between which the true number should lie "
            "in this share of the rows, such as 0.9.",
        ),
    ] = None,
    separator: Separator = None,
    encoding: Encoding = None,
    broken: Broken = None,
) -> None:
    """`plainnet predict`."""
    from plainnet.cli.predict import predict as run_predict
    from plainnet.tables.csv_files import TextFormat

    run_predict(
        model,
        sources,
        out,
        proba,
        interval,
        None if broken is None else broken.value,
        TextFormat(separator, encoding),
    )


@app.command(help=EXPLAIN_HELP)
def explain(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A file from `plainnet train`.", show_default=False),
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help=SOURCES + " For a model of pictures or texts: one such file.",
            show_default=False,
        ),
    ],
    row: Annotated[int, typer.Option(metavar="N", help="Which row, counted from 1.")] = 1,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[I]",
            help="Show only this number, such as columns.scaled[2]: how it is computed and "
            "where it is used.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page to read in a browser."),
    ] = None,
    digits: Annotated[
        int, typer.Option(metavar="N", help="Significant digits of the printed numbers.")
    ] = 3,
    separator: Separator = None,
    encoding: Encoding = None,
) -> None:
    """`plainnet explain`."""
    from plainnet.cli.explain import explain as run_explain
    from plainnet.tables.csv_files import TextFormat

    run_explain(model, source, row, unit, html, digits, TextFormat(separator, encoding))


@app.command(help=DOCTOR_HELP)
def doctor(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A file from `plainnet train` or `rl train`.", show_default=False
        ),
    ],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help=SOURCES + " Or a folder that contains a folder of pictures or texts for each "
            "class. Leave it out for an agent.",
            show_default=False,
        ),
    ] = None,
    target: Target = None,
    drop: Drop = None,
    column: Columns = None,
    task: Tasks = None,
    test_size: TestSize = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    broken: Broken = None,
    seed: Seed = 0,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page to read in a browser."),
    ] = None,
    env: Annotated[
        str | None,
        _option(
            "For an agent: the environment's name, if it contains a module: my_module:Name-v0.",
            "NAME",
        ),
    ] = None,
) -> None:
    """`plainnet doctor`."""
    typed = locals()
    from plainnet.cli.doctor import doctor as run_doctor
    from plainnet.cli.settings import Settings

    run_doctor(model, Settings.typed(typed), html, env)


@app.command(help=TUNE_HELP)
def tune(
    source: Source,
    target: Target = None,
    trials: Annotated[
        int,
        typer.Option(metavar="N", help="Trials in total, including those already in the study."),
    ] = 30,
    timeout: Annotated[
        float | None,
        _option("Start no trial after this many seconds. [default: no limit]", "SECONDS"),
    ] = None,
    study: Annotated[
        Path | None,
        _option("File that keeps the trials. [default: NAME-study.db, next to SOURCE]", "FILE"),
    ] = None,
    drop: Drop = None,
    column: Columns = None,
    task: Tasks = None,
    preset: Presets = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    test_size: TestSize = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    seed: Seed = 0,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show the best settings only.")
    ] = False,
) -> None:
    """`plainnet tune`."""
    typed = locals()
    from plainnet.cli.settings import Settings
    from plainnet.cli.tune import tune as run_tune

    run_tune(Settings.typed(typed), trials, timeout, study, quiet)


@app.command(help=PLAYGROUND_HELP)
def playground(
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=65535,
            help="The port to listen on; 0 for any. [default: the first free one from 8750 on]",
            show_default=False,
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    setting: Annotated[
        str | None,
        _option("What the page begins with: a link from a playground, or what follows its #.",
                "LINK"),
    ] = None,
    lessons: Annotated[
        list[Path] | None,
        _option("A teacher's lesson, or a folder of them; may be repeated.", "PATH"),
    ] = None,
    export: Annotated[
        Path | None,
        _option("Train, and write a page that replays it without Python.", "FILE.html"),
    ] = None,
    steps: Annotated[
        int | None, _option("For --export: how many steps to train. [default: 1000]", "N")
    ] = None,
) -> None:  # fmt: skip
    """`plainnet playground`."""
    from plainnet.cli.playground import playground as run_playground

    run_playground(port, browser, setting, lessons or [], export, steps)


rl = typer.Typer(rich_markup_mode=None, help=RL_HELP, invoke_without_command=True)
app.add_typer(rl, name="rl")


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
        _option(
            "Seed of a new agent. The same seed, steps and settings give the same agent, bit for "
            "bit, on one machine with the same number of threads. [default: 0]",
            "S",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        _option("Where to save the agent. [default: ENVIRONMENT-AGENT.npz]", "FILE"),
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
        _option("Save the first episode to this file instead of showing it.", "FILE.gif"),
    ] = None,
    episodes: Annotated[int, typer.Option(metavar="N", help="How many episodes to show.")] = 1,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Seed of the first episode; the next has S + 1.")
    ] = 0,
    env: Annotated[
        str | None,
        _option("The environment's name, if it contains a module: my_module:Name-v0.", "NAME"),
    ] = None,
) -> None:
    """`plainnet rl watch`."""
    from plainnet.cli.rl import watch as run_watch

    run_watch(model, out, episodes, seed, env)
