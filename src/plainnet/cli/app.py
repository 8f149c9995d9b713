"""What can be typed: the commands with their options and help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import plainnet
from plainnet import datasets
from plainnet.cli import INTERRUPTED, OK, complain

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)

HELP = """Train neural networks on tables, and predict with them.

\b
Examples:
  plainnet train digits
  plainnet predict digits-model.npz digits | head
"""

TRAIN_HELP = """Learn to tell the classes of a table apart, and save the model.

All columns beside the target are features and must be numbers. A tenth of the training rows
decides when to stop. Ctrl-C stops training, and the best so far is saved.

\b
Examples:
  plainnet train digits
  plainnet train flowers.csv --target species --out flowers.npz
"""

PREDICT_HELP = """Write the predicted class of each row, as CSV.

Columns are found by their names; those that the model does not need are ignored. Of a dataset
with its own test rows, these are predicted.

\b
Examples:
  plainnet predict digits-model.npz digits | head
  plainnet predict flowers.npz new.csv --proba --out predictions.csv
"""

SOURCES = f"A dataset ({', '.join(datasets.NAMES)}) or a file: .csv, .csv.gz, .parquet, .npz."


def run(arguments: Sequence[str]) -> int:
    """Run the command with these arguments; returns its exit code."""
    try:
        result = app(args=list(arguments), prog_name="plainnet", standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
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
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCES, show_default=False)],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column with the classes, or the array of an .npz. [default: the one called "
            "target, class, label or y]",
        ),
    ] = None,
    hidden: Annotated[
        str, typer.Option(metavar="WIDTHS", help="Widths of the hidden layers.")
    ] = "128,64",
    epochs: Annotated[
        int, typer.Option(metavar="N", help="At most so many passes over the rows.")
    ] = 100,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Rows in one step.")] = 32,
    learning_rate: Annotated[
        float, typer.Option(metavar="F", help="How far Adam goes in a step.")
    ] = 0.001,
    test_size: Annotated[
        float | None,
        typer.Option(
            metavar="F",
            help="Share of the rows held out to test. [default: 0.2, or the test rows of the "
            "dataset]",
        ),
    ] = None,
    patience: Annotated[
        int,
        typer.Option(
            metavar="N", help="Stop after so many epochs without a lower validation loss."
        ),
    ] = 10,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed gives the same model.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to save the model. [default: NAME-model.npz, from SOURCE's name]",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")] = False,
) -> None:
    """`plainnet train`."""
    from plainnet.cli.learn import Settings, learn

    learn(
        Settings(
            source=source,
            target=target,
            hidden=hidden,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            test_size=test_size,
            patience=patience,
            seed=seed,
            out=out,
            quiet=quiet,
        )
    )


@app.command(help=PREDICT_HELP)
def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="What `plainnet train` saved.", show_default=False),
    ],
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCES, show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write here rather than to the screen."),
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column with each class's probability.")
    ] = False,
) -> None:
    """`plainnet predict`."""
    from plainnet.cli.predict import predict as run_predict

    run_predict(model, source, out, proba)
