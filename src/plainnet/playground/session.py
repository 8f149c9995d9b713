"""A session: one page's network, and the commands that it obeys, in a thread of its own."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.errors import PlainnetError
from plainnet.network import Network
from plainnet.playground import choices, tables
from plainnet.playground.commands import COMMANDS
from plainnet.playground.datasets import examples_of
from plainnet.playground.examples import Examples
from plainnet.playground.findings import as_json
from plainnet.playground.frames import Frames
from plainnet.playground.messages import Message, checked
from plainnet.playground.past import Record
from plainnet.playground.settings import Change, Settings
from plainnet.playground.stepping import Explained
from plainnet.playground.table_files import Table
from plainnet.playground.training import Training

Array = npt.NDArray[Any]
Send = Callable[[dict[str, Any], Sequence[Any]], None]

UNDER_WAY = 2
"""Frames that the page may not have drawn yet; training waits for it to keep up."""
MEASURE_EVERY = 10
"""Steps between two points of the loss curves where no frame measures them."""


class Session:
    """Obeys the messages of one page, and sends it what to draw.

    Parameters
    ----------
    send : function (content, buffers)
        Takes a message to the page; called in the session's thread.
    settings : Settings, optional
        What a page without a link begins with.
    given : Network, optional
        To start from, with `examples`, instead of the network that settings describe.

    Attributes
    ----------
    training : Training
    frames : Frames
        Of the same network.
    shown : Record
        The step that the page looks at.
    """

    training: Training
    frames: Frames
    shown: Record

    def __init__(
        self,
        send: Send,
        settings: Settings | None = None,
        *,
        given: Network | None = None,
        examples: Examples | None = None,
    ) -> None:
        self.send = send
        self.given, self.own_examples = given, examples
        self.first = settings or Settings()
        self.table: Table | None = None
        """The table that was dropped in last."""
        self.awaited: Settings | None = None
        """Those of a link that wait for their table."""
        self.goal = 0.0
        """The step at which training pauses; infinite while it plays."""
        self.speed = 10
        self.explained: Explained | None = None
        """The example that is walked through; of this training alone."""
        self.curves: list[list[float | None]] = []
        """Steps with the losses and accuracies then, for training and test rows."""
        self._sent_points = 0
        self._under_way = 0
        self._owed = False
        self._replayed_to = 0
        self._said: Any = None
        self._must_leave = self._closed = False
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="plainnet playground", daemon=True)

    # --- from any thread -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to obey."""
        self._thread.start()

    def post(self, content: Any, buffers: Sequence[bytes] = ()) -> None:
        """Obey this message after the current step."""
        self._inbox.put(Message(content, tuple(buffers)))

    def close(self) -> None:
        """End training after the current step, and the thread."""
        self._closed = True
        self._inbox.put(None)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread; whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # --- the thread ----------------------------------------------------------------------------

    def _live(self) -> None:
        self._obey(Message({"do": "hello", "link": ""}))
        if not hasattr(self, "training"):  # the first settings were refused: their table is missing
            awaited = self.awaited
            self.begin(Settings())
            self.awaited = awaited
        while not self._closed:
            if self.training.step < self.goal and not self.training.failed:
                self._train()
            else:
                self._obey(self._inbox.get())

    def _train(self) -> None:
        training, self._must_leave = self.training, False
        try:
            training.run(self._after_step)
        except PlainnetError as error:  # a change in a link that does not suit this network
            self.goal = self._replayed_to = training.step
            self.send({"is": "refused", "what": "settings", "why": str(error)}, [])
            self.look(training.past.at(training.step))
            return
        if training is not self.training or self._must_leave or self._closed:
            return
        if training.failed or training.step >= self._replayed_to:  # failed, or all epochs done
            self.goal = training.step
            self.look(training.past.at(training.step))

    def _after_step(self) -> bool:
        """What happens between two steps of training; True to leave it."""
        training = self.training
        step = training.step
        replayed = step == self._replayed_to
        if step >= self.goal or (step >= self._replayed_to and step % self.speed == 0):
            self.look(training.past.at(step))
        elif step % MEASURE_EVERY == 0:
            self._measure(training.past.at(step))
        if replayed and self.is_playing:
            self.send_state()
        while True:
            waits = training.step >= self.goal or self._under_way >= UNDER_WAY
            if waits or not self._inbox.empty():
                self._obey(self._inbox.get())
            if self._closed or self._must_leave or self.training is not training:
                return True
            if not waits and self._inbox.empty():
                return False

    def _obey(self, message: Message | None) -> None:
        if message is None:
            return
        content = message.content
        what = content.get("do") if isinstance(content, dict) else None
        try:
            command, fields = checked(message)
            OWN[command](self, **fields) if command in OWN else COMMANDS[command](
                self, fields, message.buffers
            )
        except PlainnetError as error:
            self.send({"is": "refused", "what": str(what)[:40], "why": str(error)}, [])

    # --- for commands -------------------------------------------------------------------------

    @property
    def is_playing(self) -> bool:
        return self.training.step < self.goal and not self.training.failed

    def begin(self, settings: Settings, examples: Examples | None = None) -> None:
        """Begin a training with these settings, up to their step; other examples where given.

        Nothing changes if the settings do not fit together.
        """
        before = self.training.examples if hasattr(self, "training") else None
        if examples is None:
            examples = self._examples_of(settings)
        training = Training(replace(settings, step=0), examples, self.given)
        self.training, self.frames = training, Frames(training.network, examples)
        self.explained = None
        self.awaited = None
        self.goal = self._replayed_to = settings.step
        self.curves, self._sent_points = [], 0
        self.shown = training.past.at(0)
        if examples is not before:
            self._send_examples()
        self.send({"is": "network", **self.frames.description()}, [])
        if settings.step:
            self.send_state()
        else:
            self.look(self.shown)

    def _examples_of(self, settings: Settings) -> Examples:
        if self.own_examples is not None:
            return self.own_examples
        if hasattr(self, "training") and _same_data(self.training.begun_with, settings):
            return self.training.examples
        if settings.data == "table":
            return tables.examples_of(settings, self.table)
        return examples_of(settings)

    def change(self, change: Change) -> None:
        """Change something by hand at the step that is looked at; what came after is dropped."""
        if self.shown.step == self.training.step:
            self._must_leave |= self.training.change(change)
            self.look(self.training.past.at(self.training.step))
            return
        settings = self.training.until(self.shown.step)
        self.begin(replace(settings, changes=(*settings.changes, change)))

    def go_on(self, goal: float) -> None:
        """Train from the step that is looked at."""
        if self.shown.step < self.training.step:
            self.begin(self.training.until(self.shown.step))
        self.goal = goal
        self.send_state()

    def look(self, record: Record) -> None:
        """Send a frame of this step, or as soon as the page can take one."""
        self.shown, self._owed = record, self._under_way >= UNDER_WAY
        if self._owed:
            return
        content, arrays = self.frames.frame(record)
        if record.step == self.training.step:
            self._add_point(record.step, content["measures"])
        content["curves"] = self.curves[self._sent_points :]
        content["curves_from"] = self._sent_points
        content["last"] = self.training.step
        self._sent_points = len(self.curves)
        self._under_way += 1
        self.send(content, arrays)
        if not self.is_playing:
            self.send_state()
        self.send_verdicts()

    def send_state(self) -> None:
        """What the page shows beside the pictures."""
        training = self.training
        status = "playing" if self.is_playing else "failed" if training.failed else "paused"
        if self.is_playing and training.step < self._replayed_to:
            status = "replaying"
        settings = training.until(training.step)
        self.send(
            {
                "is": "state",
                "settings": training.settings.to_json(),
                "link": settings.to_link(),
                "status": status,
                "step": training.step,
                "shown": self.shown.step,
                "every": training.past.every,
                "steps_per_epoch": training.steps_per_epoch,
                "changes": settings.to_json()["changes"],
                "failed": training.failed,
                "speed": self.speed,
            },
            [],
        )

    def _send_examples(self) -> None:
        examples = self.training.examples
        targets = examples.y.astype(np.float32)
        self.send(
            {
                "is": "examples",
                "names": examples.names,
                "classes": examples.classes,
                "n_train": examples.n_train,
                "image_shape": examples.image_shape,
                "labels": examples.plane.labels,
                "low": examples.plane.low,
                "high": examples.plane.high,
                "notes": examples.notes,
            },
            [examples.points.astype(np.float32), targets],
        )

    def send_verdicts(self) -> None:
        """What the doctor says, if that has changed."""
        found = [as_json(verdict) for verdict in self.training.verdicts]
        if found != self._said:
            self._said = found
            self.send({"is": "verdicts", "step": self.training.step, "verdicts": found}, [])

    def _measure(self, record: Record) -> None:
        self._add_point(record.step, self.frames.measures_of(record))

    def _add_point(self, step: int, measures: dict[str, dict[str, float | None]]) -> None:
        if self.curves and step <= (self.curves[-1][0] or 0):
            if step < (self.curves[-1][0] or 0):
                return
            self.curves.pop()
            self._sent_points = min(self._sent_points, len(self.curves))
        values = [measures.get(rows, {}).get(what) for what in ("loss", "accuracy")
                  for rows in ("train", "test")]  # fmt: skip
        self.curves.append([step, *values])


def _same_data(one: Settings, other: Settings) -> bool:
    names = ("data", "classes", "points", "noise", "test_share", "data_seed", "drawn", "target",
             "features", "plane")  # fmt: skip
    return all(getattr(one, name) == getattr(other, name) for name in names)


# --- the commands of the session itself ---------------------------------------------------------


def _hello(session: Session, link: str = "") -> None:
    settings = Settings.from_link(link) if link else session.first
    session.send(
        {"is": "welcome", "choices": choices.as_json(), "version": plainnet.__version__}, []
    )
    session._said, session._under_way = None, 0
    session.awaited = settings if settings.data == "table" else None
    session.begin(settings, session._examples_of(settings))


def _settings(session: Session, change: Any) -> None:
    if isinstance(change, dict) and change and set(change) <= set(choices.CHANGEABLE):
        if session.shown.step == 0 and not session.training.made:
            session.begin(session.training.begun_with.with_changes(change))
        else:
            checked = Settings().with_changes(change)
            form = {name: getattr(checked, name) for name in change}
            session.change(Change(session.shown.step, settings=form))
        return
    now = replace(session.training.settings, changes=(), step=0)
    session.begin(now.with_changes(change))


def _advance(session: Session, steps: int | None = None, epochs: int | None = None) -> None:
    record = session.shown
    whole_epochs = ((epochs or 1) - 1) * session.training.steps_per_epoch
    session.go_on(record.step + (steps or record.left + whole_epochs))


def _show(session: Session, step: int) -> None:
    session.goal = min(session.goal, session.training.step)
    session.look(session.training.past.at(step))


def _edit(session: Session, tensor: str, index: list[int], value: float) -> None:
    session.change(Change(session.shown.step, edit=(tensor, tuple(index), float(value))))


def _move(session: Session, layer: str, start: int, end: int) -> None:
    session.change(Change(session.shown.step, move=(layer, start, end)))


def _pause(session: Session) -> None:
    session.goal = min(session.goal, session.training.step)
    session.look(session.training.past.at(session.training.step))


def _speed(session: Session, steps: int) -> None:
    session.speed = steps
    session.send_state()


def _drawn(session: Session) -> None:
    session._under_way = max(session._under_way - 1, 0)
    if session._owed:
        session.look(session.shown)


OWN: dict[str, Callable[..., None]] = {
    "hello": _hello,
    "settings": _settings,
    "begin": lambda session: session.begin(session.training.until(0)),
    "play": lambda session: session.go_on(math.inf),
    "pause": _pause,
    "advance": _advance,
    "speed": _speed,
    "show": _show,
    "edit": _edit,
    "move": _move,
    "drawn": _drawn,
}
