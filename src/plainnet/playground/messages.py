"""The messages between a page and its session.

The page sends `{"do": command, ...}`, and the session answers with `{"is": kind, ...}`; both may
bring buffers of bytes. Everything that comes from a page is checked here before anyone reads it.

commands    what they bring
hello       link: what follows the # of a link; without one, the page is shown what there is
settings    change: some of the settings; those that may change during training do at once
begin       nothing: back to the first weights of the same network
play, pause
advance     steps or epochs: how many, and then pause
speed       steps: how many lie between two frames
show        step: look at a recorded step
edit        tensor, index, value: change one number
move        layer, start, end: give a unit another place
remove      layer, unit: take a unit away; the others stay as they are
drawn       number: the page has drawn this frame, and can take another
explain     row, or point of the plane: the example to walk through; see `stepping`
line        array, index: how this number of that walk is computed
represent   layer: its name, or "inputs"
probe       row, or point of the plane, or neither: what each unit gives for it; see `probing`
table       name and target of a CSV file that is dropped in, and its bytes; target may be left out
diagnose    nothing: a full check-up by the doctor, which takes a second or two
remedy      name: apply the remedy of the doctor's verdict with this name
lessons     nothing: which there are
lesson      name: begin this one; "" ends it
code        form: "engine" or "textbook"; the shown step as a Python script
file        nothing: the network at the shown step as a file
page        nothing: the training so far as a page that replays it

kinds       what they bring
welcome     choices, version
examples    names, classes, n_train, image_shape, mean_image, labels, low, high, notes; points and
            targets
network     what `Frames.description` says
state       settings, link, hidden: the parts that are not shown, status, step, shown, every,
            steps_per_epoch, changes, failed, speed, fixed (data, layers: whether they cannot
            change)
frame       see `Frames`; with number, how many it makes; last, the last step; curves, a list of
            points, and curves_from, where they begin
steps       the walk: what each step reads and makes
line        one number: its formula, its line in pieces, what it goes into
representation  layer, step, share, units: of the first rows, in a plane; the points
probe       step, row, point; values, gradients: lists of numbers, or null, for each column;
            are_probabilities: whether the last values are
table       name, columns, target, why it is that one, rows: the table that was dropped in
verdicts    verdicts: what the doctor says, the most serious first
check_up    step, headline, looked_at, left_out: of a full check-up
done        why: what the remedy that was applied has changed
lessons     lessons: name and title of each
lesson      name, title, paragraphs, hints, allowed, conditions; of an ended one, name ""
goal        name, conditions (text, values and their kinds, met), done, solved_at: checked at
            the last step
code        step, name, text; why there is none, if text is ""
file        name; the file
refused     why, and what: the command that could not be obeyed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plainnet.errors import SettingError, shown


@dataclass(frozen=True)
class Message:
    """What came from a page."""

    content: Any
    buffers: tuple[bytes, ...] = ()


def refusal(what: str, why: str) -> dict[str, Any]:
    """The answer to a command that cannot be obeyed."""
    return {"is": "refused", "what": what[:40], "why": why}


@dataclass(frozen=True)
class Check:
    """What a field may be, as a test and in words."""

    fits: Callable[[Any], bool]
    words: str

    def __call__(self, value: Any) -> bool:
        return self.fits(value)


def whole(least: int, most: int) -> Check:
    """A whole number within these bounds."""
    return Check(
        lambda value: (
            isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
        ),
        f"a whole number from {least:,} to {most:,}",
    )


def _is_number(value: Any) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and -LARGEST <= value <= LARGEST


def text(longest: int = 200) -> Check:
    """A text of at most this many characters."""
    return Check(
        lambda value: isinstance(value, str) and len(value) <= longest,
        f"a text of at most {longest} characters",
    )


def numbers(least: int, most: int, each: Check) -> Check:
    """A list of at least and at most so many numbers."""
    n = str(most) if least == most else f"{least} to {most}"
    return Check(
        lambda value: (
            isinstance(value, list) and least <= len(value) <= most and all(map(each, value))
        ),
        f"a list of {n} numbers, each {each.words}",
    )


LARGEST = 1e30
"""The largest number that a page can send: a float32 can hold it."""
MOST_STEPS = 1_000_000
_NUMBER = Check(_is_number, f"a number from {-LARGEST:g} to {LARGEST:g}")
_POINT = numbers(2, 2, _NUMBER)
_INDEX = numbers(0, 8, whole(0, 2**31))
_LINK = Check(lambda value: isinstance(value, str), "a text")
_FORMS = "engine", "textbook"
_FORM = Check(lambda value: value in _FORMS, " or ".join(_FORMS))
_ANYTHING = Check(lambda value: True, "anything")
"""Checked by whoever reads it."""

FIELDS: dict[str, dict[str, Check]] = {
    "hello": {"link?": _LINK},
    "settings": {"change": _ANYTHING},
    "begin": {},
    "play": {},
    "pause": {},
    "advance": {"steps?": whole(1, MOST_STEPS), "epochs?": whole(1, MOST_STEPS)},
    "speed": {"steps": whole(1, 1000)},
    "show": {"step": whole(0, MOST_STEPS)},
    "edit": {"tensor": text(), "index": _INDEX, "value": _NUMBER},
    "move": {"layer": text(), "start": whole(0, 1000), "end": whole(0, 1000)},
    "remove": {"layer": text(), "unit": whole(0, 1000)},
    "drawn": {"number": whole(0, 2**53)},
    "lessons": {},
    "lesson": {"name": text()},
    "code": {"form": _FORM},
    "file": {},
    "page": {},
    "explain": {"row?": whole(0, 2**31), "point?": _POINT},
    "line": {"array": text(), "index": _INDEX},
    "represent": {"layer": text()},
    "probe": {"row?": whole(0, 2**31), "point?": _POINT},
    "table": {"name": text(), "target?": text()},
    "diagnose": {},
    "remedy": {"name": text()},
}
"""The fields of each command; a ? marks one that may be left out."""


def checked(message: Message) -> tuple[str, dict[str, Any]]:
    """The command and its fields.

    Raises
    ------
    SettingError
        If there is no such command, or a field is missing, unknown, or not what it must be.
    """
    content = message.content
    if not isinstance(content, Mapping) or not isinstance(content.get("do"), str):
        raise SettingError(f'a message is an object with "do", a command; got {shown(content)}')
    command = content["do"]
    if command not in FIELDS:
        raise SettingError(f"there is no command {shown(command)}")
    fields = FIELDS[command]
    given = {name: value for name, value in content.items() if name != "do"}
    for name, check in fields.items():
        plain = name.removesuffix("?")
        if plain not in given:
            if name == plain:
                raise SettingError(f"{command} needs {name}")
        elif not check(given[plain]):
            raise SettingError(
                f"{command} cannot take {plain} = {shown(given[plain])}; expected {check.words}"
            )
    unknown = set(given) - {name.removesuffix("?") for name in fields}
    if unknown:
        raise SettingError(f"{command} has no field {shown(sorted(map(str, unknown))[0])}")
    return command, given
