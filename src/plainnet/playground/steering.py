"""The commands that steer a training: each is `function(session, ...)` of its fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plainnet.playground import choices
from plainnet.playground.building import suited
from plainnet.playground.settings import checked_change

if TYPE_CHECKING:
    from plainnet.playground.session import Session


def _settings(session: Session, change: Any) -> None:
    if isinstance(change, dict) and change and set(change) <= set(choices.CHANGEABLE):
        if session.shown.step == 0 and not session.training.made:
            session.begin(session.training.until(0).with_changes(change))
        else:
            form = {"step": session.shown.step, "settings": change}
            session.change(checked_change(form))
        return
    training = session.training
    layers = training.layers_at(session.shown.step)
    before = replace(training.settings, layers=layers, changes=(), step=0)
    now = before.with_changes(change)
    session.fixed.check(change)
    if now.data != before.data:  # other data have other columns
        now = replace(before, plane=(), target="").with_changes(change)
    examples = session.examples_of(now)
    if "loss" not in change:
        now = suited(now, examples)
    session.begin(now, examples)


def _begin_again(session: Session) -> None:
    training = session.training
    by_hand = [each for each in training.made if each.step == 0 and each.settings is None]
    layers = training.begun_with.layers  # units that were removed later are there again
    session.begin(replace(training.settings, layers=layers, changes=tuple(by_hand), step=0))


def _advance(session: Session, steps: int | None = None, epochs: int | None = None) -> None:
    record = session.shown
    whole_epochs = ((epochs or 1) - 1) * session.training.steps_per_epoch
    session.go_on(record.step + (steps or record.left + whole_epochs))


def _show(session: Session, step: int) -> None:
    session.goal = min(session.goal, session.training.step)
    session.look(session.training.past.at(step))


def _edit(session: Session, tensor: str, index: list[int], value: float) -> None:
    form = {"step": session.shown.step, "edit": [tensor, index, value]}
    session.change(checked_change(form))


def _move(session: Session, layer: str, start: int, end: int) -> None:
    form = {"step": session.shown.step, "move": [layer, start, end]}
    session.change(checked_change(form))


def _remove(session: Session, layer: str, unit: int) -> None:
    session.fixed.check(("layers",))
    form = {"step": session.shown.step, "remove": [layer, unit]}
    session.change(checked_change(form))


def _pause(session: Session) -> None:
    if not session.is_playing:
        session.send_state()
        return
    session.goal = session.training.step
    session.look(session.training.past.at(session.training.step))


def _speed(session: Session, steps: int) -> None:
    session.speed = steps
    session.send_state()


STEERING: dict[str, Callable[..., None]] = {
    "hello": lambda session, link="": session.welcome(link),
    "settings": _settings,
    "begin": _begin_again,
    "play": lambda session: session.go_on(math.inf),
    "pause": _pause,
    "advance": _advance,
    "speed": _speed,
    "show": _show,
    "edit": _edit,
    "move": _move,
    "remove": _remove,
    "drawn": lambda session, number: session.drawn(number),
}
