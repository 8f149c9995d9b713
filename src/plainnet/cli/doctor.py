"""`plainnet doctor`: what is wrong with a model, or with the rows that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import plainnet
from plainnet.cli import class_folders, folders, report, sources
from plainnet.cli.model import load_model
from plainnet.cli.output import PageFile
from plainnet.cli.settings import Settings
from plainnet.errors import SettingError
from plainnet.inspection import Report
from plainnet.inspection.doctor.html import page_of


def doctor(model: Path, settings: Settings, html: Path | None) -> None:
    """Run `plainnet doctor`."""
    settings.check()
    page = None if html is None else PageFile(html, "doctor")
    found = _diagnosed(load_model(model), model, settings)
    if page is not None:
        page.write(page_of(found, f"{model.name}, {settings.source}"))
        return
    report.make_console(False).print(str(found), soft_wrap=True, markup=False, highlight=False)


def _diagnosed(model: Any, path: Path, settings: Settings) -> Report:
    """Of the rows that `plainnet train` takes with these settings; the test rows validate."""
    kind = class_folders.kind_for(model)
    if kind is not None:
        (X, y), test = class_folders.rows(kind, settings)
        return plainnet.diagnose(model, X, y, validation=test)
    if folders.is_folder(settings.source):
        raise SettingError(
            f"{path} was not trained on pictures or texts, and a folder is for these"
        )
    data = sources.to_learn(settings)
    if isinstance(model, tuple) != isinstance(data, sources.Images):
        kinds = ("a table", "images") if isinstance(data, sources.Table) else ("images", "a table")
        raise SettingError(
            f"{settings.source} holds {kinds[0]}, and {path} was trained on {kinds[1]}"
        )
    if isinstance(data, sources.Images):
        from plainnet.cli import images

        network, recipe = model
        if list(data.columns) != recipe.columns or data.classes != recipe.classes:
            raise SettingError(f"{path} was trained on other pixels or classes")
        rng = np.random.default_rng(settings.seed)
        (pixels, ids), _, (others, other_ids) = images.split(data, settings.test_size, rng)
        held = recipe.inputs(others), other_ids
        return plainnet.diagnose(network, recipe.inputs(pixels), ids, validation=held)
    from plainnet.cli import tables

    task = tables.prepare(data, settings)
    if task.is_classification != hasattr(model, "classes_"):
        what = "classes" if task.is_classification else "numbers"
        raise SettingError(
            f"the target {data.target.name!r} holds {what}, which {path} does not predict"
        )
    return plainnet.diagnose(model, *task.of(task.rest), validation=task.of(task.parts.test))
