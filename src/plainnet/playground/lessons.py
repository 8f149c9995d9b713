"""Lessons: tasks with a goal that the playground checks. Each is a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from plainnet.errors import FileError, PlainnetError, SettingError, UnknownNameError, shown
from plainnet.playground import table_files, tables
from plainnet.playground.goals import Condition, condition_of, measures_of
from plainnet.playground.links import Link, parted
from plainnet.playground.settings import Change, Settings

if TYPE_CHECKING:
    from plainnet.playground.session import Session
    from plainnet.playground.training import Training

FOLDER = Path(__file__).parent / "lessons"
KEYS = ("title", "text", "hints", "settings", "file", "allowed", "goal")
WEIGHTS = "weights"
OF_DRAWING = {"data", "classes", "drawn_target"}
"""The settings that follow the points that are drawn."""
"""Stands in `allowed` for changes by hand of weights and biases."""


@dataclass(frozen=True)
class Lesson:
    """A task.

    Attributes
    ----------
    name : str
        Its file's, without the ending.
    title : str
    paragraphs, hints : tuple of str
    settings : Settings
        What it begins with.
    allowed : tuple of str, or None
        The settings that may change, "weights" among them; None for all.
    goal : tuple of Condition
        All must be met.
    file : (str, bytes), optional
        The name and the bytes of a table, for settings whose data is one.
    """

    name: str
    title: str
    paragraphs: tuple[str, ...]
    settings: Settings
    goal: tuple[Condition, ...]
    hints: tuple[str, ...] = ()
    allowed: tuple[str, ...] | None = None
    file: tuple[str, bytes] | None = None

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        return {
            "is": "lesson",
            "name": self.name,
            "title": self.title,
            "paragraphs": self.paragraphs,
            "hints": self.hints,
            "allowed": self.allowed,
            "conditions": [_unmet(each.words) for each in self.goal],
        }

    def changed(self, training: Training) -> list[str]:
        """The settings that are not as they were given, and may not change."""
        if self.allowed is None:
            return []
        due = [change for change in self.settings.changes if change.step <= training.step]
        expected = self.settings
        for change in due:
            expected = replace(expected, **(change.settings or {}))
        now = replace(training.settings, layers=training.begun_with.layers)
        free = {*self.allowed, "changes", "step"}
        if "drawn" in free and now.data == "drawn":
            free |= OF_DRAWING
        found = [
            each.name
            for each in fields(Settings)
            if each.name not in free and getattr(now, each.name) != getattr(expected, each.name)
        ]
        own = [change for change in training.made if change not in due]
        if "layers" not in self.allowed and any(change.remove for change in own):
            found.append("layers")
        if not {_subject(change) for change in due} <= {_subject(each) for each in training.made}:
            found.append("what was changed by hand before the lesson")
        if WEIGHTS not in self.allowed and any(change.edit for change in own):
            found.append(WEIGHTS)
        return found


def _unmet(text: str) -> dict[str, Any]:
    """A condition without values, as the page is told of it."""
    return {"text": text, "values": [], "kinds": [], "met": False}


def _subject(change: Change) -> tuple[Any, ...]:
    """What was changed, and when; a later change of the same takes its place."""
    place = change.edit[:2] if change.edit else change.move or change.remove
    return change.step, change.settings is not None, place


@dataclass
class Progress:
    """A lesson that has been begun.

    Attributes
    ----------
    solved_at : int or None
        The step at which all conditions were first met. What comes later does not undo it.
    """

    lesson: Lesson
    solved_at: int | None = None
    goal: dict[str, Any] | None = None
    """What the page was told last."""

    def check(self, training: Training, frame: Mapping[str, Any]) -> dict[str, Any]:
        """What the page shows of the goal, after a frame of the last step."""
        measures = measures_of(training, frame)
        conditions = [each.report(measures) for each in self.lesson.goal]
        if changed := self.lesson.changed(training):
            names = ", ".join(name.replace("_", " ") for name in changed)
            conditions.append(_unmet(f"keep as given: {names}"))
        if self.solved_at is None and all(each["met"] for each in conditions):
            self.solved_at = training.step
        self.goal = {
            "is": "goal",
            "name": self.lesson.name,
            "conditions": conditions,
            "done": self.solved_at is not None,
            "solved_at": self.solved_at,
        }
        return self.goal


# --- commands ---------------------------------------------------------------------------------


def lessons(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """All lessons, the teacher's own first."""
    listed = [{"name": each.name, "title": each.title} for each in _known(session).values()]
    session.send({"is": "lessons", "lessons": listed}, [])
    if session.progress is not None:  # of a link, or of a page that was opened again
        session.send(session.progress.lesson.as_json(), [])
        if session.progress.goal is not None:
            session.send(session.progress.goal, [])


def lesson(session: Session, fields: dict[str, Any], buffers: Any) -> None:
    """Begin a lesson; "" ends it, and leaves the network as it is."""
    name = fields["name"]
    if not name:
        session.progress = None
        session.send({"is": "lesson", "name": ""}, [])
        session.send_state()  # its link names no lesson any more
        return
    known = _known(session)
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "this page shows your own network"
        raise UnknownNameError(f"there is no lesson {shown(name)}; {there}")
    session.send(known[name].as_json(), [])
    _begin(session, known[name], known[name].settings)


def opened(session: Session, text: str) -> None:
    """Begin with a link: with its lesson, if it names one, and at its step.

    Raises
    ------
    UnknownNameError
        If there is no such lesson. The settings of the link are there then without it.
    """
    link = parted(text)
    lesson = _known(session).get(link.lesson)
    if lesson is not None and not link.settings:
        settings = lesson.settings
    else:
        settings = Settings.from_link(link.settings)
    session.hidden, session.progress = link.hidden, None
    if lesson is not None:
        _begin(session, lesson, settings)
        return
    session.awaited = settings if settings.data == "table" else None
    session.begin(settings)
    if link.lesson:
        raise UnknownNameError(
            f"this playground has no lesson {shown(link.lesson)}, so the link is shown without it; "
            "a teacher's own lesson comes with its file: plainnet playground --lessons FILE"
        )


def link_of(session: Session, settings: Settings) -> str:
    """The link to these settings, and to the lesson that is open."""
    progress = session.progress
    return str(Link(settings.to_link(), progress.lesson.name if progress else ""))


def _begin(session: Session, lesson: Lesson, settings: Settings) -> None:
    """Begin the lesson with these settings, which are its own or what has become of them."""
    session.progress = Progress(lesson)
    try:
        if lesson.file is None or settings.data != "table":
            session.begin(settings)
        else:  # as if it had been dropped in, where its settings wait for it
            session.awaited = settings
            tables.table(session, {"name": lesson.file[0]}, [lesson.file[1]])
    except PlainnetError:
        session.progress = session.awaited = None
        session.send({"is": "lesson", "name": ""}, [])
        raise


def _known(session: Session) -> dict[str, Lesson]:
    if session.own_examples is not None:  # a lesson has a network and data of its own
        return {}
    return {each.name: each for each in (*session.lessons, *built_in())}


# --- files ------------------------------------------------------------------------------------


@cache
def built_in() -> tuple[Lesson, ...]:
    """The lessons that come with the playground."""
    return tuple(read_lessons([FOLDER]))


def read_lessons(paths: Iterable[str | PathLike[str]]) -> list[Lesson]:
    """The lessons in these files, and in all .toml files of these folders, in order of names.

    Raises
    ------
    FileError
        If a file cannot be read, is not TOML, or a folder has no lesson.
    SettingError
        If what a file says is not a lesson. The message names the file and the key.
    """
    found: dict[str, Lesson] = {}
    for path in map(Path, paths):
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not files:
            raise FileError(f"{path} has no lesson: a lesson is a file whose name ends in .toml")
        for file in files:
            lesson = read_lesson(file)
            if lesson.name in found:
                raise SettingError(f"{file}: there is another lesson of the name {lesson.name}")
            found[lesson.name] = lesson
    return list(found.values())


def read_lesson(path: Path) -> Lesson:
    """The lesson in a file."""
    try:
        form = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not text in UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise FileError(f"{path} is not TOML: {error}") from error
    try:
        return _lesson_of(path.stem, form, path.parent)
    except PlainnetError as error:
        raise SettingError(f"{path}: {error}") from error


def _lesson_of(name: str, form: Mapping[str, Any], folder: Path) -> Lesson:
    for key in form:
        if key not in KEYS:
            raise SettingError(f"a lesson has no key {shown(key)}; it has {', '.join(KEYS)}")
    for key in ("title", "text", "settings", "goal"):
        if key not in form:
            raise SettingError(f"{key} is missing")
    paragraphs = tuple(
        " ".join(part.split()) for part in _text("text", form["text"]).split("\n\n") if part.strip()
    )
    goal = []
    for i, each in enumerate(_texts("goal", form["goal"])):
        try:
            goal.append(condition_of(each))
        except SettingError as error:
            raise SettingError(f"goal[{i}]: {error}") from error
    if not goal:
        raise SettingError('goal must have a condition, such as ["test_accuracy >= 0.95"]; got []')
    settings = _settings(form["settings"])
    if (settings.data == "table") != ("file" in form):
        raise SettingError('a table needs both, data = "table" in the settings and a file')
    file = _file(_text("file", form["file"]), folder) if "file" in form else None
    if file is not None:
        target = table_files.read(*file).target(settings.target)
        settings = replace(settings, target=target)
    return Lesson(
        name,
        _text("title", form["title"]),
        paragraphs,
        settings,
        tuple(goal),
        _texts("hints", form.get("hints", [])),
        _allowed(form["allowed"]) if "allowed" in form else None,
        file,
    )


def _file(name: str, folder: Path) -> tuple[str, bytes]:
    """A file beside the lesson."""
    if Path(name).name != name:
        raise SettingError(f"file must be the name of a file beside the lesson; got {shown(name)}")
    try:
        return name, (folder / name).read_bytes()
    except OSError as error:
        raise FileError(f"file: {name} cannot be read: {error.strerror or error}") from error


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingError(f"{key} must be a text; got {shown(value)}")
    return value.strip()


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SettingError(f"{key} must be a list of texts; got {shown(value)}")
    return tuple(" ".join(_text(f"{key}[{i}]", each).split()) for i, each in enumerate(value))


def _settings(value: Any) -> Settings:
    """From a link, or from a table, in which layers may be written as in a link."""
    try:
        if isinstance(value, str):
            settings = Settings.from_link(value)
        elif isinstance(value, Mapping):
            texts = {key: each for key, each in value.items() if isinstance(each, str)}
            link = "&".join(f"{quote(key)}={quote(each)}" for key, each in texts.items())
            others = {key: each for key, each in value.items() if key not in texts}
            settings = Settings.from_link(link).with_changes(others)
        else:
            raise SettingError(f"must be a link or a table; got {shown(value)}")
    except SettingError as error:
        raise SettingError(f"settings: {error}") from error
    return settings


def _allowed(value: Any) -> tuple[str, ...]:
    names = _texts("allowed", value)
    known = [each.name for each in fields(Settings) if each.name not in ("changes", "step")]
    for name in names:
        if name not in (*known, WEIGHTS):
            raise SettingError(
                f"allowed: there is no setting {shown(name)}; there are "
                f"{', '.join([*known, WEIGHTS])}"
            )
    return names
