"""A session: one page's network, and the commands that it obeys, in a thread of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

import plainnet
from plainnet.errors import PlainnetError
from plainnet.network import Network
from plainnet.playground import choices, tables
from plainnet.playground.building import layers_of, loss_named
from plainnet.playground.choices import OF_DATA, OF_NETWORK
from plainnet.playground.commands import COMMANDS
from plainnet.playground.curves import Curves
from plainnet.playground.datasets import examples_of
from plainnet.playground.examples import Examples
from plainnet.playground.findings import as_json
from plainnet.playground.frames import Frames
from plainnet.playground.given import Fixed
from plainnet.playground.lessons import Lesson, Progress, link_of, opened
from plainnet.playground.messages import Message, checked, refusal
from plainnet.playground.past import Record
from plainnet.playground.settings import Change, Settings, same, with_change
from plainnet.playground.steering import STEERING
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
        Takes a message to the page; called in the session's thread. A ConnectionError says that
        the page is gone, and ends the session.
    settings : Settings, optional
        What a page without a link begins with.
    given : Network, optional
        To start from, with `examples`, instead of the network that settings describe.
    lessons : sequence of Lesson
        A teacher's own, which are listed before those that come with the playground.
    link : str
        What a page that comes without one is shown first.

    Attributes
    ----------
    training : Training
    shown : Record
        The step that the page looks at.
    greets : bool
        Whether it shows the page what there is before anyone says hello.
    """

    training: Training
    shown: Record

    def __init__(
        self,
        send: Send,
        settings: Settings | None = None,
        *,
        given: Network | None = None,
        examples: Examples | None = None,
        lessons: Sequence[Lesson] = (),
        link: str = "",
    ) -> None:
        self.send, self.greets = send, True
        self.lessons, self._link = tuple(lessons), link
        self.hidden: tuple[str, ...] = ()  # parts of the page, by its link
        self.progress: Progress | None = None
        """Of the lesson that has been begun."""
        self.given, self.own_examples = given, examples
        self.first = settings or Settings()
        self.fixed = Fixed(data=self.own_examples is not None)
        if given is not None:
            layers, loss = layers_of(given), loss_named(given.loss)
            self.fixed = self.fixed._replace(layers=layers is None or loss is None)
            if layers is not None and loss is not None:
                self.first = replace(self.first, layers=layers, loss=loss)
        self.table: Table | None = None
        """The table that was dropped in last."""
        self.awaited: Settings | None = None
        """Those of a link that wait for their table."""
        self.goal = 0.0
        """The step at which training pauses; infinite while it plays."""
        self.speed = 10
        self.explained: Explained | None = None
        """The example that is walked through; of this training alone."""
        self.curves = Curves()
        self.represented: dict[str, Array] = {}
        """The last representations that were drawn, by layer."""
        self._sent = self._drawn = 0
        self._replayed_to = self._went_from = 0
        self._said: Any = None
        self._owed = self._has_examples = False
        self._presented: Frames | None = None
        self._must_leave = self._closed = False
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="plainnet playground", daemon=True)
        if self.first.data == "table":  # of a link whose table must be dropped in first
            self._begin(Settings())
            self.awaited = self.first
        else:
            self._begin(self.first)

    # --- from any thread -----------------------------------------------------------------------

    def start(self) -> None:
        """Begin to obey."""
        if self.greets:
            self.post({"do": "hello"})
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

    @property
    def waiting(self) -> int:
        """How many messages wait to be obeyed, about."""
        return self._inbox.qsize()

    # --- the thread ----------------------------------------------------------------------------

    def _live(self) -> None:
        with suppress(ConnectionError):
            while not self._closed:
                if self.is_playing:
                    self._train()
                else:
                    self._obey(self._inbox.get())

    def _train(self) -> None:
        training, self._must_leave = self.training, False
        try:
            ended = training.run(self._after_step)
        except ConnectionError:
            raise
        except Exception as error:
            training.failed, ended = _told(error), True
        if training is not self.training or self._closed or not ended:
            return
        if training.failed or training.step > max(self._replayed_to, self._went_from):
            self.goal = training.step
            self._guarded("train", lambda: self.look(training.past.at(training.step)))

    def _after_step(self) -> bool:
        """What happens between two steps of training; True to leave it."""
        training = self.training
        step = training.step
        replayed = step == self._replayed_to
        self.shown = training.past.at(step)  # what commands refer to
        if step >= self.goal or (step >= self._replayed_to and step % self.speed == 0):
            self.look(self.shown)
        elif step % MEASURE_EVERY == 0:
            self.curves.add(step, self.frames.measures_of(self.shown))
        if replayed and self.is_playing:
            self.send_state()
        while True:
            waits = training.step >= self.goal or self._must_wait
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
        self._guarded(str(what), lambda: self._run(message))

    def _run(self, message: Message) -> None:
        command, fields = checked(message)
        if command in STEERING:
            STEERING[command](self, **fields)
        else:
            COMMANDS[command](self, fields, message.buffers)

    def _guarded(self, what: str, act: Callable[[], None]) -> None:
        """Do it, or tell the page why it cannot be done, and how things stand."""
        try:
            act()
        except ConnectionError:
            raise
        except Exception as error:
            self.send(refusal(what, _told(error)), [])
            self.send_state()  # what was tried on the page has not come to be

    # --- for commands -------------------------------------------------------------------------

    @property
    def _must_wait(self) -> bool:
        return self._sent - self._drawn >= UNDER_WAY

    @property
    def is_playing(self) -> bool:
        return self.training.step < self.goal and not self.training.failed

    def welcome(self, link: str = "") -> None:
        """Tell a page that has just opened everything, and begin with its link if it has one."""
        self.send(
            {"is": "welcome", "choices": choices.as_json(), "version": plainnet.__version__}, []
        )
        link, self._link = link or self._link, ""
        self._said, self._drawn, self._has_examples = None, self._sent, False
        try:
            if link:
                opened(self, link)
        finally:
            if not self._has_examples:
                self.present()
        if not link and self.awaited is not None:
            self.examples_of(self.awaited)  # which says that the table is missing

    def drawn(self, number: int) -> None:
        """This frame has been drawn; send the one that waits for it.

        In a notebook, several views may answer the same frame: the first answer counts.
        """
        self._drawn = max(self._drawn, min(number, self._sent))
        if self._owed:
            self.look(self.shown)

    def begin(self, settings: Settings, examples: Examples | None = None) -> None:
        """Begin a training with these settings, up to their step; other examples where given.

        Nothing changes if the settings do not fit together.
        """
        self._begin(settings, examples)
        self.present()

    def _begin(self, settings: Settings, examples: Examples | None = None) -> None:
        if examples is None:
            examples = self.examples_of(settings)
        as_given = self.fixed.layers or same(OF_NETWORK, settings, self.first)
        given = self.given if as_given else None
        training = Training(replace(settings, step=0), examples, given)
        self._framed: tuple[Network, Frames] = training.network, Frames(training.network, examples)
        self._has_examples = self._has_examples and examples is self.training.examples
        self.training = training
        self.explained = self.awaited = None
        self.goal = self._replayed_to = settings.step
        self._went_from = 0
        self.curves, self.represented = Curves(), {}
        self.shown = training.past.at(0)

    @property
    def frames(self) -> Frames:
        """Of the network as it is at the shown step: units may be removed later."""
        network = self.shown.network
        if self._framed[0] is not network:
            self._framed = network, Frames(network, self.training.examples)
        return self._framed[1]

    def _present_network(self) -> None:
        self._presented = self.frames
        self.send({"is": "network", **self.frames.description()}, [])

    def present(self) -> None:
        """Send the network and how it stands; the examples only to a page that lacks them."""
        if not self._has_examples:
            self._send_examples()
        self._present_network()
        self.curves.sent = 0
        if self.is_playing:
            self.send_state()
        else:
            self.look(self.shown)

    def examples_of(self, settings: Settings) -> Examples:
        """Those that the settings describe, of what this page has."""
        if self.own_examples is not None:
            return self.own_examples
        if hasattr(self, "training") and same(OF_DATA, self.training.begun_with, settings):
            return self.training.examples
        if settings.data == "table":
            return tables.examples_of(settings, self.table)
        return examples_of(settings)

    def change(self, change: Change) -> None:
        """Change something by hand at the step that is looked at; what came after is dropped."""
        training = self.training
        if self.shown.step == training.step and not training.failed:
            self._must_leave |= training.change(change)
            self._replayed_to = min(self._replayed_to, training.step)
            self.look(training.past.at(training.step))
            if self.is_playing:
                self.send_state()
            return
        settings = training.until(self.shown.step)
        self.begin(replace(settings, changes=tuple(with_change(settings.changes, change))))

    def go_on(self, goal: float) -> None:
        """Train from the step that is looked at."""
        if self.shown.step < self.training.step:
            self.begin(self.training.until(self.shown.step))
        self._went_from = self.training.step
        self.goal = min(goal, choices.LIMITS["step"].most)  # links have no later step
        self.send_state()

    def look(self, record: Record) -> None:
        """Send a frame of this step, or as soon as the page can take one."""
        self.shown, self._owed = record, self._must_wait
        if self._owed:
            return
        is_another = self._presented is not self.frames
        if is_another:
            self._present_network()
        content, arrays = self.frames.frame(record)
        if record.step == self.training.step:
            self.curves.add(record.step, content["measures"])
        content |= self.curves.news()
        self._sent += 1
        content |= {"number": self._sent, "last": self.training.step}
        self.send(content, arrays)
        if self.progress is not None and record.step == self.training.step:
            self.send(self.progress.check(self.training, content), [])
        if is_another or not self.is_playing:
            self.send_state()
        self.send_verdicts()

    def send_state(self) -> None:
        """What the page shows beside the pictures."""
        training = self.training
        status = "playing" if self.is_playing else "failed" if training.failed else "paused"
        if self.is_playing and training.step < self._replayed_to:
            status = "replaying"
        settings = training.reached
        layers = training.layers_at(self.shown.step)
        self.send(
            {
                "is": "state",
                "settings": replace(training.settings, layers=layers).to_json(),
                "link": link_of(self, settings),
                "hidden": self.hidden,
                "status": status,
                "step": training.step,
                "shown": self.shown.step,
                "every": training.past.every,
                "steps_per_epoch": training.steps_per_epoch,
                "changes": settings.to_json()["changes"],
                "failed": training.failed,
                "speed": self.speed,
                "fixed": self.fixed._asdict(),
            },
            [],
        )

    def _send_examples(self) -> None:
        examples, self._has_examples = self.training.examples, True
        arrays = [each.astype(np.float32) for each in (examples.points, examples.y)]
        self.send({"is": "examples", **examples.description()}, arrays)

    def send_verdicts(self) -> None:
        """What the doctor says, if that has changed."""
        if (found := [as_json(verdict) for verdict in self.training.verdicts]) != self._said:
            self._said = found
            self.send({"is": "verdicts", "verdicts": found}, [])


def _told(error: Exception) -> str:
    """What the page says of an error. One that plainnet did not expect is logged as well."""
    if isinstance(error, PlainnetError):
        return str(error)
    logging.getLogger(__name__).error("the playground made a mistake", exc_info=error)
    return f"plainnet made a mistake ({type(error).__name__}: {error})"
