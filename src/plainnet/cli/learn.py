"""`plainnet train`: finds out what the source holds, and trains a model."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from plainnet.cli import folders, report, sources
from plainnet.cli.checkpoints import Checkpoints
from plainnet.cli.learned import Learned
from plainnet.cli.model import check_model_writable, save_model
from plainnet.cli.output import PageFile
from plainnet.cli.settings import Settings
from plainnet.errors import DivergedError, SettingError, optional
from plainnet.files.kinds import check_ending
from plainnet.training.interrupts import on_ctrl_c


def learn(
    settings: Settings, out: Path | None, resume: bool, quiet: bool, page: Path | None
) -> None:
    """Run `plainnet train`. Whatever can be refused is refused before training begins."""
    settings.check()
    file = None if page is None else page_file(page)
    if out is not None:
        check_model_writable(out)
    data = _data(settings, resume)
    console = report.make_console(quiet)
    makes_estimator = not isinstance(data, sources.Images)
    if makes_estimator:
        optional("skops", purpose="saving models", extra="cli")
    name = data.name if isinstance(data, folders.Folder) else settings.source
    ending = "-model.skops" if makes_estimator else "-model.npz"
    out = out or Path(sources.default_name(name, ending))
    check_ending(out, "estimator" if makes_estimator else "network")
    place, replaces = check_model_writable(out)
    checkpoints = Checkpoints(out, place, settings, resume=resume)
    if resume:
        report.show_resumed(console, checkpoints.shown, checkpoints.continues)
    try:
        learned = _learned(data, settings, console, checkpoints)
    except DivergedError as error:
        checkpoints.remove()  # they would lead there again
        raise DivergedError(
            f"training diverged and nothing was saved: {error}. Try a smaller --learning-rate",
            step=error.step,
            layer=error.layer,
        ) from error
    with on_ctrl_c(lambda: None):  # a signal that comes after training must not cost the model
        save_model(learned.model, place)
        if not checkpoints.interrupted:
            checkpoints.remove()
    try:
        learned.show_test()
        if file is not None:
            file.write(learned.document().html())
            report.show_page(console, file.path)
    finally:
        report.show_saved(console, out, replaces)
        if checkpoints.interrupted and checkpoints.kept:
            report.show_unfinished(console, checkpoints.shown)


def page_file(path: Path) -> PageFile:
    """Where the page of a run goes; it is refused here if it cannot be made."""
    from plainnet.cli.pages.figures import require_figures

    require_figures()
    return PageFile(path, "train --report")


def _data(settings: Settings, resume: bool) -> sources.Table | sources.Images | folders.Folder:
    """What the source holds."""
    if not folders.is_folder(settings.source):
        if settings.broken is not None:
            raise SettingError("--broken is for folders of pictures or texts; leave it out")
        folders.refuse_single(settings.source)
        return sources.to_learn(settings)
    from plainnet.cli import class_folders

    data = folders.to_learn(settings.source)
    class_folders.check(data, settings, resume)
    return data


def _learned(
    data: sources.Table | sources.Images | folders.Folder,
    settings: Settings,
    console: Console,
    checkpoints: Checkpoints,
) -> Learned:
    if isinstance(data, sources.Images):
        from plainnet.cli import images

        return images.learn(data, settings, console, checkpoints)
    if isinstance(data, folders.Folder):
        from plainnet.cli import class_folders

        return class_folders.learn(data, settings, console, checkpoints)
    from plainnet.cli import tables

    return tables.learn(data, settings, console, checkpoints)
