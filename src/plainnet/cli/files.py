"""Reads data files into tables: CSV, Parquet, NumPy's .npz."""

from __future__ import annotations

import gzip
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plainnet.cli.hints import AS_WINDOWS, hinting
from plainnet.errors import DataError, FileError, PlainnetError, optional
from plainnet.tables import csv_files
from plainnet.tables.csv_files import GUESSED, WINDOWS, TextFormat, refuse_twins

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".csv.gz", ".parquet", ".npz")
KINDS = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
UNPACKING = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


def read_table(path: Path, text: TextFormat = GUESSED) -> pd.DataFrame:
    """The table in a CSV or Parquet file, with its column names; rows count from 1."""
    read = _reader(_existing(path))
    try:
        with hinting():
            table = read(path, text)
    except UNPACKING as error:
        raise FileError(f"{path} cannot be unpacked: {error}") from error
    if len(table) == 0:
        raise DataError(f"{path} has column names and no rows")
    table.index = table.index + 1
    return table


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an .npz file."""
    arrays = {}
    try:
        # np.load leaves a path open when it fails, so it gets a file.
        with open(_existing(path), "rb") as raw, np.load(raw, allow_pickle=False) as file:
            for name in file.files:
                arrays[name] = file[name]
    except (*UNPACKING, NotImplementedError, RuntimeError) as error:
        raise FileError(f"{path} cannot be unpacked: {error}") from error
    except OSError as error:
        if error.filename is not None or error.errno is not None:
            raise
        raise FileError(f"{path} cannot be unpacked: {error}") from error
    except ValueError as error:
        if "allow_pickle" in str(error) and zipfile.is_zipfile(path):
            raise FileError(
                f"{path} holds Python objects (a pickle), which could run code and are not read: "
                "save arrays of numbers or of text"
            ) from error
        raise FileError(f"{path} is not an .npz file") from error
    except (TypeError, AttributeError) as error:  # np.load also reads .npy, which is one array
        raise FileError(f"{path} is not an .npz file of named arrays") from error
    return arrays


def is_arrays(path: Path) -> bool:
    """Whether the file holds arrays rather than a table."""
    return path.name.lower().endswith(".npz")


def stem(path: Path) -> str:
    """The file's name without its endings: `adult` for `adult.csv.gz`."""
    name = path.name
    for ending in (".gz", ".csv", ".parquet", ".npz"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name


def _reader(path: Path) -> Callable[[Path, TextFormat], pd.DataFrame]:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return _read_csv
    if name.endswith(".parquet"):
        return _read_parquet
    raise FileError(f"{path} is not of a kind that plainnet reads: {KINDS}")


def _existing(path: Path) -> Path:
    if path.is_dir():
        raise FileError(f"{path} is a folder; name a file in it")
    if not path.exists():
        raise FileError(f"there is no file {path}")
    return path


def _read_csv(path: Path, text: TextFormat) -> pd.DataFrame:
    table, encoding = csv_files.read(path, text)
    if encoding == WINDOWS and text.encoding is None:
        warnings.warn(f"{path} is not UTF-8 text and is {AS_WINDOWS}", UserWarning, stacklevel=2)
    return table


# --- Parquet --------------------------------------------------------------------------------------


def _read_parquet(path: Path, text: TextFormat) -> pd.DataFrame:
    optional("pandas", purpose="reading Parquet files", extra="cli")
    arrow = optional("pyarrow", purpose="reading Parquet files", extra="cli")
    optional("pyarrow.parquet", purpose="reading Parquet files", extra="cli")
    try:
        # ParquetFile reads just this file and looks for no partitions in the names of its folders.
        with arrow.parquet.ParquetFile(path) as file:
            refuse_twins([str(name) for name in file.schema_arrow.names], path)
            table: pd.DataFrame = file.read().to_pandas(date_as_object=False)
    except (PlainnetError, MemoryError):
        raise
    except Exception as error:  # Arrow's errors, and those of pandas for its damaged metadata
        if isinstance(error, OSError) and (error.filename or error.errno) is not None:
            raise
        raise FileError(f"{path} is not a Parquet file that can be read: {error}") from error
    table.columns = table.columns.map(str)
    return table.reset_index(drop=True)
