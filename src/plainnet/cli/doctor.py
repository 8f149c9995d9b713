"""`plainnet doctor`: says what is wrong with a model, its rows or an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import plainnet
from plainnet import rl
from plainnet.cli import class_folders, folders, report, sources
from plainnet.cli.model import load_model
from plainnet.cli.output import PageFile
from plainnet.cli.settings import Settings, option
from plainnet.errors import FileError, SettingError
from plainnet.files.kinds import kind_of
from plainnet.inspection import Report
from plainnet.inspection.doctor.html import page_of


def doctor(model: Path, settings: Settings, html: Path | None, env: str | None) -> None:
    """Run `plainnet doctor`."""
    settings.check()
    page = None if html is None else PageFile(html, "doctor")
    if not model.exists():
        raise FileError(f"there is no model {model}")
    is_agent = kind_of(model) == "agent"
    _check_what_belongs(settings, model, is_agent, env)
    if is_agent:
        found = plainnet.diagnose(rl.load_agent(model, env=env), seed=settings.seed)
    else:
        found = _diagnosed(load_model(model), model, settings)
    if page is not None:
        title = f"{model.name}, {settings.source}" if settings.source else model.name
        page.write(page_of(found, title))
        return
    report.make_console(False).print(str(found), soft_wrap=True, markup=False, highlight=False)


def _check_what_belongs(settings: Settings, model: Path, is_agent: bool, env: str | None) -> None:
    """An agent makes its own data; any other model has a source."""
    if not is_agent:
        if not settings.source:
            raise SettingError(f"name what {model} was trained on: plainnet doctor MODEL SOURCE")
        if env is not None:
            raise SettingError(f"--env is for agents, and {model} is not one")
        return
    usual = Settings("", seed=settings.seed).by_option()
    typed = {**settings.by_option(), "source": settings.source or ""}
    if given := [name for name, value in typed.items() if value != usual[name]]:
        words = ["SOURCE" if name == "source" else option(name) for name in given]
        raise SettingError(
            f"{model} holds an agent, which makes its own data: leave out {', '.join(words)}"
        )


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
