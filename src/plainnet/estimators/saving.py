"""Estimators as skops files: data that is checked before objects are made from it, not pickle.

Inside the file a network is stored as `plainnet.save` writes it, as a description and vectors; see
state.py.
"""

from __future__ import annotations

import os
import sys
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from plainnet import augmentation, callbacks, optimizers, schedules
from plainnet.arguments.config import Configurable
from plainnet.callbacks import monitor
from plainnet.engine.moved import MOVED
from plainnet.errors import FileError, SettingError, optional
from plainnet.estimators import images, intervals, mlp, networks, tabular, texts
from plainnet.estimators.schema import expect_modest_schema
from plainnet.estimators.state import noting_made, own_losses
from plainnet.estimators.tabular import columns, kinds, written_dates, written_numbers
from plainnet.estimators.texts import reading
from plainnet.files.archive import fits_its_packing, read_zip, shortened
from plainnet.files.kinds import check_ending
from plainnet.files.native import known_kinds
from plainnet.files.places import moved_into_place
from plainnet.files.saving import check_path
from plainnet.optimizers.lbfgs import LBFGS
from plainnet.text import BytePairs
from plainnet.training.history import History


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save an estimator, fitted or not, alone or inside a scikit-learn pipeline.

    The file is written completely or not at all. `plainnet.save` does the same.

    Parameters
    ----------
    estimator : plainnet estimator, or a scikit-learn estimator that contains one
    path : str or path
        The file, under exactly this name; .skops is the usual ending.

    Raises
    ------
    SettingError
        If the estimator holds objects that `load` would not trust: your own functions, layers or
        callbacks. Nothing is written then.
    """
    check_path(path)
    check_ending(path, "estimator")
    write(estimator, path)


def write(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save an estimator; see `save`."""
    skops = _skops()
    name = type(estimator).__name__
    try:
        data = skops.dumps(estimator, compression=zipfile.ZIP_DEFLATED)
        foreign = _foreign(skops, data)
        if not foreign and not _would_load(data):
            data = skops.dumps(estimator, compression=zipfile.ZIP_STORED)
    except Exception as error:  # the parts of the estimator may raise anything
        raise SettingError(f"this {name} cannot be saved: {error}") from error
    if foreign and hasattr(estimator, "best_estimator_"):
        raise SettingError(
            f"this {name} holds its search, which a file cannot: save its best_estimator_"
        )
    if foreign:
        raise SettingError(
            f"this {name} holds {', '.join(foreign)}, which is not plainnet's own, and a file must "
            "not bring code: set the parameter again after loading, or keep the network alone with "
            "plainnet.save(estimator.network_, path)"
        )
    if not hasattr(estimator, "expect_to_work") and _predicts_zeros(estimator, len(data)):
        stream = BytesIO(data)
        with zipfile.ZipFile(stream, "a") as whole:
            whole.writestr(TRIED, "")
        data = stream.getvalue()
    with moved_into_place(path) as file:
        file.write(data)


def _would_load(data: bytes) -> bool:
    """Whether nothing in the file is packed tighter than `load` allows: long rows of zeros are."""
    with zipfile.ZipFile(BytesIO(data)) as file:
        expect_modest_schema(file)
        return all(map(fits_its_packing, file.infolist()))


def load(path: str | os.PathLike[str]) -> Any:
    """The estimator that `save` wrote.

    Only objects of plainnet's classes, and of those in scikit-learn and NumPy that skops trusts,
    are ever created.

    Raises
    ------
    FileError
        If the file was not written by `save`, is damaged, or names any other class.
    """
    check_path(path)
    return read(path)


def read(path: str | os.PathLike[str]) -> Any:
    """The estimator in a file; see `load`."""
    skops, path = _skops(), Path(os.fsdecode(path))
    with read_zip(path, "a saved estimator") as file:
        expect_modest_schema(file)
        stream = file.fp
        untrusted = skops.get_untrusted_types(file=stream)
        if foreign := _not_own(untrusted):
            raise FileError(
                f"{path} holds {', '.join(foreign)}, which is not plainnet's own: it is not "
                "loaded, since it could run code"
            )
        try:
            with noting_made() as made:
                estimator = skops.load(stream, trusted=untrusted)
            for each in made:
                each.expect_to_work()
            if TRIED in file.namelist():
                size = sum(info.file_size for info in file.infolist())
                _expect_to_predict(estimator, size)
        except Exception as error:
            message = f"{path} does not hold a working estimator: {shortened(error)}"
            raise FileError(message) from error
    if not hasattr(estimator, "get_params"):
        raise FileError(f"{path} does not hold an estimator but a {type(estimator).__name__}")
    return estimator


TRIED = "predicts-zeros.txt"
"""A member of the file of a scikit-learn estimator that contains ours. It is there if the estimator
could predict a row of zeros when it was saved. Without it (a logarithm or a category may prevent
such a prediction), loading does not try one."""


def _predicts_zeros(estimator: Any, size: int) -> bool:
    try:
        _expect_to_predict(estimator, size)
    except Exception:  # each transformer has its own
        return False
    return True


def _expect_to_predict(estimator: Any, size: int) -> None:
    """Raise if an estimator does not have a prediction for a row of zeros.

    `size` is that of its file in bytes, which has a number for each feature.
    """
    n = estimator.n_features_in_
    if not isinstance(n, int) or not 0 < n <= size // 4:
        raise FileError(f"n_features_in_ is {n!r}")
    X: Any = np.zeros((1, n))
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        import pandas

        X = pandas.DataFrame(X, columns=names)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        estimator.predict(X)


# --- what is trusted ------------------------------------------------------------------------------


def _skops() -> Any:
    return optional("skops.io", purpose="saving estimators", extra="sklearn")


def _foreign(skops: Any, data: bytes) -> list[str]:
    return _not_own(skops.get_untrusted_types(data=data))


def _not_own(names: list[str]) -> list[str]:
    own = _trusted()
    return [name for name in names if not any(_named(name) is kind for kind in own)]


def _named(name: str) -> Any:
    """What a name in a file stands for, wherever that is by now; nothing is imported for it."""
    module, _, kind = name.rpartition(".")
    home = sys.modules.get(MOVED.get(module, module))
    return vars(home).get(kind) if home else None


def _trusted() -> list[type]:
    """The classes that a file may name.

    Callbacks that write files are not among them: a file must not choose what the next fit
    overwrites.
    """
    settings = {
        kind
        for module in (augmentation, optimizers, schedules)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Configurable)
    }
    return [
        mlp.MLPClassifier,
        mlp.MLPRegressor,
        networks.NetworkClassifier,
        networks.NetworkRegressor,
        tabular.TabularClassifier,
        tabular.TabularRegressor,
        columns.Columns,
        kinds.Number,
        kinds.Date,
        kinds.Category,
        kinds.Text,
        kinds.LeftOut,
        written_numbers.NumberNotation,
        written_dates.DateNotation,
        images.ImageClassifier,
        images.Pixels,
        intervals.Intervals,
        intervals.Ridge,
        texts.TextClassifier,
        texts.TextRegressor,
        texts.NGrams,
        texts.TextFeatures,
        reading.BagReader,
        reading.TokenReader,
        BytePairs,
        History,
        LBFGS,
        callbacks.EMA,
        callbacks.EarlyStopping,
        callbacks.TimeLimit,
        monitor.Monitor,
        *known_kinds().values(),
        *own_losses().values(),
        *settings,
        np.dtype,
        Bunch,
    ]
