"""The values of settings as the readable text of a link.

layers      4-tanh-bn-drop0.1,8-relu
drawn       0.5,-0.25,1;0.1,0.2,0
changes     120:0.dense.W(3,1)=0.5;200:learning_rate=0.003,optimizer=sgd;240:0.dense(2-5)
            after 120 steps, a weight; after 200, settings; after 240, the place of a unit, which
            0.dense(2-) removes

Beside settings, a link can say what a page shows:

lesson      2-the-spiral-with-8-units
            the lesson that is open; without settings, what the lesson begins with
hide        data,doctor
            the parts of the page that are not shown, of `choices.PARTS`
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, unquote_plus

import numpy as np

from plainnet.errors import SettingError, shown
from plainnet.playground.choices import LIMITS, PARTS


class Link(NamedTuple):
    """What stands behind the # of an address: settings as text, and what a page shows of them."""

    settings: str
    lesson: str = ""
    hidden: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The link, without what is hidden."""
        if not self.lesson:
            return self.settings
        return f"lesson={quote(self.lesson)}&{self.settings or 'step=0'}"


def parted(text: str) -> Link:
    """The parts of a link.

    Raises
    ------
    SettingError
        If it hides what the page does not have, or says one thing twice.
    """
    settings, said = [], {}
    for pair in text.rpartition("#")[2].split("&"):
        name, _, value = pair.partition("=")
        if name not in ("lesson", "hide"):
            settings.append(pair)
        elif name in said:
            raise SettingError(f"the link has {name} twice")
        else:
            said[name] = unquote_plus(value)
    hidden = [part for part in said.get("hide", "").split(",") if part]
    for part in hidden:
        if part not in PARTS:
            raise SettingError(
                f"hide: the page has no part {shown(part)}; it has {', '.join(PARTS)}"
            )
    return Link("&".join(settings), said.get("lesson", ""), tuple(dict.fromkeys(hidden)))


def written(name: str, value: Any) -> str:
    """The value of this setting as text."""
    if name == "layers":
        return ",".join(map(str, value)) or "none"
    if name == "drawn":
        return ";".join(",".join(map(plain, point)) for point in value)
    if name == "changes":
        return ";".join(map(str, value))
    if isinstance(value, tuple):
        return ",".join(each.replace("%", "%25").replace(",", "%2C") for each in value)
    return plain(value) if isinstance(value, float) else str(value)


def plain(number: float) -> str:
    """The shortest text that is read as the same number, without an exponent."""
    return np.format_float_positional(number, trim="-")


def read(name: str, text: str) -> Any:
    """The JSON form of a setting's text; what makes no sense is left for the check to refuse."""
    if name in ("layers", "drawn", "changes") and text in ("", "none"):
        return []
    if name == "layers":
        return [_layer_of(part) for part in text.split(",")]
    if name == "drawn":
        return [[_number_of(number) for number in point.split(",")] for point in text.split(";")]
    if name == "changes":
        return [_change_of(part) for part in text.split(";")]
    if name in ("features", "plane"):
        return [unquote(part) for part in text.split(",")] if text else []
    return _number_of(text) if name in LIMITS else text


PLACE = re.compile(r"(\d+):([\w.]+)\((?:([\d,]+)\)=(.+)|(\d+)-(\d*)\))", re.ASCII)
"""`120:0.dense.W(3,1)=0.5`, `240:0.dense(2-5)` or `300:0.dense(2-)`."""


def _change_of(text: str) -> Any:
    place = PLACE.fullmatch(text)
    if place is None:
        step, _, rest = text.partition(":")
        pairs = [part.partition("=") for part in rest.split(",")]
        if not rest or not all(separator for _, separator, _ in pairs):
            return text
        changed = {n: _number_of(value) if n in LIMITS else value for n, _, value in pairs}
        return {"step": _number_of(step), "settings": changed}
    step, name, index, value, start, end = place.groups()
    form: dict[str, Any] = {"step": _number_of(step)}
    if index is None and not end:
        return form | {"remove": [name, _number_of(start)]}
    if index is None:
        return form | {"move": [name, _number_of(start), _number_of(end)]}
    places = [_number_of(i) for i in index.split(",")]
    return form | {"edit": [name, places, _number_of(value)]}


def _number_of(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _layer_of(text: str) -> Any:
    units, *rest = text.split("-")
    form: dict[str, Any] = {"units": _number_of(units)}
    for part in rest:
        if part == "bn":
            form["batch_norm"] = True
        elif part.startswith("drop"):
            form["dropout"] = _number_of(part.removeprefix("drop"))
        else:
            form["activation"] = part
    return form
