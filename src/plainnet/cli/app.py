"""The command line: commands, options and their help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import plainnet
from plainnet.cli import INTERRUPTED, OK, complain
from plainnet.cli.help import (
    DOCTOR_HELP,
    EXPLAIN_HELP,
    HELP,
    PLAYGROUND_HELP,
    PREDICT_HELP,
    TRAIN_HELP,
    TUNE_HELP,
)
from plainnet.cli.options import (
    SOURCES,
    BatchSize,
    Broken,
    Columns,
    Decimal,
    Drop,
    Dropout,
    Encoding,
    Epochs,
    Hidden,
    LabelSmoothing,
    LearningRate,
    Networks,
    Page,
    Presets,
    Quiet,
    Seed,
    Separator,
    Source,
    Target,
    Tasks,
    TestSize,
    WeightDecay,
    option,
)
from plainnet.cli.rl_app import rl

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


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
        option(
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
        option(
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
        option("Start no trial after this many seconds. [default: no limit]", "SECONDS"),
    ] = None,
    study: Annotated[
        Path | None,
        option("File that keeps the trials. [default: NAME-study.db, next to SOURCE]", "FILE"),
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
        option("What the page begins with: a link from a playground, or what follows its #.",
                "LINK"),
    ] = None,
    lessons: Annotated[
        list[Path] | None,
        option("A teacher's lesson, or a folder of them; may be repeated.", "PATH"),
    ] = None,
    export: Annotated[
        Path | None,
        option("Train, and write a page that replays it without Python.", "FILE.html"),
    ] = None,
    steps: Annotated[
        int | None, option("For --export: how many steps to train. [default: 1000]", "N")
    ] = None,
    table: Annotated[
        Path | None, option("For --export: a CSV file to learn from.", "FILE.csv")
    ] = None,
    target: Annotated[
        str | None,
        option(
            "For --table: the column to predict. [default: the one named target, class, label or "
            "y, or the last]",
            "COLUMN",
        ),
    ] = None,
) -> None:  # fmt: skip
    """`plainnet playground`."""
    from plainnet.cli.playground import playground as run_playground

    run_playground(port, browser, setting, lessons or [], export, steps, table, target)


app.add_typer(rl, name="rl")
