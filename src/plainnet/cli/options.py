"""The options that several commands have, and what they may be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from plainnet import datasets

SOURCES = f"A dataset ({', '.join(datasets.NAMES)}) or a file: .csv, .csv.gz, .parquet, .npz."


class TaskName(StrEnum):
    """The kinds of target."""

    classification = "classification"
    regression = "regression"


class BrokenFiles(StrEnum):
    """What happens to files that cannot be read."""

    skip = "skip"
    refuse = "refuse"


class Preset(StrEnum):
    """The estimators' presets."""

    default = "default"
    fast = "fast"


def option(text: str, metavar: str | None = None) -> Any:
    """An option whose help says itself what it is by default."""
    return typer.Option(help=text, metavar=metavar, show_default=False)


Source = Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCES, show_default=False)]
Target = Annotated[
    str | None,
    option(
        "The column to predict, or the array in an .npz. [default: the one named target, class, "
        "label or y]",
        "COLUMN",
    ),
]
Drop = Annotated[list[str] | None, option("Leave this column out; may be repeated.", "COLUMN")]
Columns = Annotated[
    list[str] | None,
    option(
        "What a column is, if its values do not show it: number, text, category, date, or drop to "
        "leave it out; date:dmy has the day first, date:%d/%m/%Y is a format. May be repeated.",
        "NAME=KIND",
    ),
]
Separator = Annotated[
    str | None,
    option("What separates the cells of a CSV file; tab for tabs. [default: inferred]", "C"),
]
Decimal = Annotated[
    str | None,
    option("The decimal mark: . or , [default: inferred for each column]", "C"),
]
Encoding = Annotated[
    str | None,
    option(
        "The encoding of a CSV file or of texts, such as utf-16. [default: UTF-8, or Windows-1252 "
        "if it is not UTF-8]",
        "NAME",
    ),
]
Tasks = Annotated[
    TaskName | None, option("What the target is. [default: inferred from its values]")
]
Presets = Annotated[
    Preset | None,
    option("For tables and pictures: fast is smaller and less accurate. [default: default]"),
]
Hidden = Annotated[
    str | None,
    option("Widths of the hidden layers, such as 128,64. [default: the preset's]", "WIDTHS"),
]
Networks = Annotated[
    int | None,
    option("For tables and texts: how many are averaged. [default: 5, or 1 for many rows]", "N"),
]
Epochs = Annotated[int | None, option("Passes over the rows. [default: the preset's]", "N")]
BatchSize = Annotated[int | None, option("Rows in one step. [default: the preset's]", "N")]
LearningRate = Annotated[float | None, option("The size of a step. [default: the preset's]", "F")]
Dropout = Annotated[
    float | None,
    option("Share of the hidden units that each step drops. [default: the preset's]", "F"),
]
WeightDecay = Annotated[
    float | None, option("How much a step shrinks the weights. [default: the preset's]", "F")
]
LabelSmoothing = Annotated[
    float | None,
    option("Share of each target that is spread over all classes. [default: the preset's]", "F"),
]
Broken = Annotated[
    BrokenFiles | None,
    option(
        "For pictures and texts: skip and list files that cannot be read, or refuse to run. "
        "[default: skip]"
    ),
]
TestSize = Annotated[
    float | None,
    option(
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
    option(
        "Write a page about the data, the training and the test, to read in a browser or to "
        "print. Needs the extra `plots`.",
        "FILE",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show warnings and errors only.")]
