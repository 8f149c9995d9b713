"""The file of `plainnet tune`: a study of Optuna in SQLite, used by one command at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from plainnet import datasets
from plainnet.cli import sources
from plainnet.cli.output import check_writable
from plainnet.cli.settings import Settings, option
from plainnet.cli.tables import Task
from plainnet.errors import FileError, PlainnetError, SettingError, optional

NAME = "plainnet"
"""The name of the study in its file."""
STARTED_WITH = 10
"""How many random trials come before the sampler learns from results."""

TABLES = {
    "alembic_version", "studies", "study_directions", "study_system_attributes",
    "study_user_attributes", "trial_heartbeats", "trial_intermediate_values", "trial_params",
    "trial_system_attributes", "trial_user_attributes", "trial_values", "trials", "version_info",
}  # fmt: skip
"""The tables that Optuna creates in a study's file."""

WHY = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_BUSY: "another program has locked it",
    sqlite3.SQLITE_LOCKED: "another program has locked it",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "reading or writing failed",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is damaged",
}


def default_path(source: str) -> Path:
    """The default file: NAME-study.db, next to the source."""
    folder = Path() if source in datasets.NAMES else Path(source).parent
    return folder / sources.default_name(source, "-study.db")


def check(path: Path) -> Path:
    """The study's file; a file made by another program is refused."""
    place = check_writable(path)
    if not place.exists() or place.stat().st_size == 0:
        return place
    try:
        # Open to write: SQLite then repairs what was interrupted in a commit.
        with closing(sqlite3.connect(f"{place.as_uri()}?mode=rw", uri=True)) as connection:
            tables = {name for (name,) in connection.execute(
                "select name from sqlite_master where type = 'table'"
            )}  # fmt: skip
            names = (
                connection.execute("select study_name from studies").fetchall()
                if "studies" in tables
                else []
            )
    except sqlite3.Error as error:
        if _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR):
            raise _unusable(path, error) from error
        raise FileError(f"{path} is not a study of `plainnet tune` ({error})") from error
    if not tables <= TABLES or (names and names != [(NAME,)]):
        raise FileError(f"{path} is not a study of `plainnet tune`")
    return place


def _begin_anew(place: Path) -> None:
    """Remove what a command left that was interrupted while it made the study: no trial yet."""
    with closing(sqlite3.connect(place)) as connection:
        known = "select name from sqlite_master where name = 'studies'"
        whole = (
            connection.execute(known).fetchone()
            and connection.execute("select study_name from studies").fetchone()
        )
    if not whole:
        place.unlink()


def identity(task: Task, settings: Settings) -> dict[str, Any]:
    """The settings that trials must share to be comparable."""
    pandas = optional("pandas", purpose="reading tables", extra="cli")
    table = task.table
    chosen = settings.by_option()
    rows = pandas.util.hash_pandas_object(table.X.assign(**{" target": table.target.values}))
    return {
        "table": str(int(rows.sum())),
        "target": table.target.name,
        "task": table.target.task,
        "columns": list(map(str, table.X.columns)),
        **{name: chosen[name] for name in ("preset", "epochs", "batch_size", "test_size", "seed")},
    }


@contextmanager
def opened(optuna: Any, path: Path, identity: dict[str, Any]) -> Iterator[Any]:
    """The study in this file, created if necessary; one with other data or settings is refused."""
    if path.exists() and path.stat().st_size:
        _begin_anew(path)
    # An URL would read something into a ?, # or % of the path.
    connecting = {"creator": lambda: sqlite3.connect(path, check_same_thread=False)}
    storage = None
    try:
        try:
            storage = optuna.storages.RDBStorage("sqlite:///study", engine_kwargs=connecting)
            study = optuna.create_study(storage=storage, study_name=NAME, load_if_exists=True)
            known, trials = study.user_attrs, study.get_trials(deepcopy=False)
            ours = len(study.directions) == 1 and (not trials or known.keys() >= identity.keys())
        except Exception as error:
            if _trouble(error) is not None:
                raise
            raise FileError(f"{path} is not a study of `plainnet tune` ({error})") from error
        if not ours:
            raise FileError(f"{path} is not a study of `plainnet tune`")
        differing = [name for name, value in identity.items() if known.get(name, value) != value]
        if differing:
            name = differing[0]
            raise SettingError(
                f"the trials in {path} had another {option(name).removeprefix('--')} and cannot be "
                "compared with new ones: name another file with --study"
            )
        for name, value in identity.items():
            study.set_user_attr(name, value)
        seed = identity["seed"] + len(trials)  # continue, do not repeat
        study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=STARTED_WITH)
        yield study
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Refuse a study that another process uses, since it would take our trials for interrupted.

    The lock is SQLite's, which the system releases even if the process is killed.
    """
    lock = path.with_name(f".{path.name}.lock")
    if lock.is_dir() or (lock.exists() and lock.stat().st_size):  # ours stays empty
        raise FileError(
            f"cannot use the study {path}: {lock} is in the way, which is not a lock of `plainnet "
            "tune`; move it, or name another file with --study"
        )
    made = not lock.exists()
    with closing(sqlite3.connect(lock, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("begin exclusive")
        except sqlite3.Error as error:
            if _code(error) == sqlite3.SQLITE_BUSY:
                raise FileError(
                    f"another `plainnet tune` is using {path}: wait for it, or name another file "
                    "with --study"
                ) from error
            if made:
                lock.unlink(missing_ok=True)
            raise
        try:
            yield
        finally:
            with suppress(OSError):  # Windows keeps a file that is open
                lock.unlink()


# --- what can go wrong ----------------------------------------------------------------------------


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Report a database error in one line, however deep in Optuna's errors it is."""
    try:
        yield
    except PlainnetError:  # it has been said
        raise
    except Exception as error:
        if (trouble := _trouble(error)) is None:
            raise
        raise _unusable(path, trouble) from error


def _unusable(path: Path, error: sqlite3.Error) -> FileError:
    code = _code(error)
    why = WHY[code] if code in WHY else str(error)
    return FileError(
        f"cannot use the study {path}: {why}. The trials in it are kept, and the same command "
        "continues with them once that is fixed"
    )


def _code(error: sqlite3.Error) -> int:
    """SQLite's code for what is wrong, without its details."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _trouble(error: BaseException | None) -> sqlite3.Error | None:
    """The error of SQLite that an error comes from."""
    while error is not None:
        if isinstance(error, sqlite3.Error):
            return error
        error = error.__cause__ or error.__context__
    return None
