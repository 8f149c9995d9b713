"""A page without a browser: it talks to a session, and remembers what it was told."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plainnet.playground import messages
from plainnet.playground.session import Session
from plainnet.playground.wire import LENGTH, packed

PATIENCE = 60
"""Seconds until a session that says nothing counts as stuck."""

KINDS = {
    line.split()[0]
    for line in messages.__doc__.partition("\nkinds ")[2].splitlines()[1:]
    if line and not line.startswith(" ")
}
"""The kinds of messages that `messages` lists."""


class Page:
    """What a session talks to; each answer must be one of the kinds that are documented.

    Parameters
    ----------
    draws : bool
        Whether it acknowledges frames.
    """

    def __init__(self, *, draws: bool = True, **settings: Any) -> None:
        self.draws, self.told, self._marks, self.drawn = draws, [], 0, 0
        self._news = threading.Condition()
        self.session = Session(self._take, **settings)
        self.session.greets = False
        self.session.start()

    def _take(self, content: Any, buffers: Any) -> None:
        message = packed(content, buffers)
        (length,) = LENGTH.unpack_from(message)
        content = json.loads(message[LENGTH.size : LENGTH.size + length])["content"]
        assert content["is"] in KINDS, content
        if content["is"] == "frame" and self.draws:
            self.drawn = content["number"]
            self.session.post({"do": "drawn", "number": self.drawn})
        with self._news:
            self.told.append(content)
            self._news.notify_all()

    def wait(self, found: Callable[[], Any]) -> Any:
        """Wait until this is true of what was told."""
        with self._news:
            assert self._news.wait_for(found, PATIENCE), self.told[-3:]
            return found()

    def of(self, kind: str) -> list[Any]:
        return [each for each in self.told if each["is"] == kind]

    def last(self, kind: str) -> Any:
        return next((each for each in reversed(self.told) if each["is"] == kind), None)

    def ask(self, command: str, **fields: Any) -> list[Any]:
        """Send a command, and wait until it has been obeyed; what was told meanwhile."""
        return self.post({"do": command, **fields})

    def post(self, content: Any, buffers: Any = ()) -> list[Any]:
        start = len(self.told)
        self.session.post(content, buffers)
        self.mark()
        return self.told[start:]

    def draw(self) -> None:
        """Acknowledge the next frame."""
        self.drawn += 1
        self.ask("drawn", number=self.drawn)

    def mark(self) -> None:
        """Wait until all that was sent is obeyed: nonsense is refused last, and the state told."""
        self._marks += 1
        mark = f"mark {self._marks}"
        self.session.post({"do": mark})

        def answered() -> bool:
            at = next((i for i, each in enumerate(self.told) if each.get("what") == mark), None)
            return at is not None and any(each["is"] == "state" for each in self.told[at + 1 :])

        self.wait(answered)

    def settle(self) -> Any:
        """Wait until training pauses; the state then."""

        def state() -> Any:
            found = self.last("state")
            return found if found and found["status"] in ("paused", "failed") else None

        self.mark()
        return self.wait(state)

    def train(self, **how_long: int) -> Any:
        self.ask("advance", **how_long)
        return self.settle()

    def refusals(self) -> list[str]:
        return [e["why"] for e in self.of("refused") if not e["what"].startswith("mark ")]

    def close(self) -> None:
        self.session.close()
        assert self.session.join(PATIENCE)


@pytest.fixture
def open_page() -> Iterator[Callable[..., Page]]:
    """Opens pages, which are closed after the test."""
    opened = []

    def call(link: str | None = "", **settings: Any) -> Page:
        page = Page(**settings)
        opened.append(page)
        if link is not None:
            page.ask("hello", link=link)
        return page

    yield call
    for page in opened:
        page.close()


@pytest.fixture(autouse=True)
def _no_mistakes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A session tells its page of an error that nobody expected; in a test, that is a failure.

    The tests' own client logs one if a connection ends while it reads what came before.
    """
    yield
    told = [each for when in ("setup", "call", "teardown") for each in caplog.get_records(when)]
    assert not [
        each for each in told if each.levelno >= logging.ERROR and each.name != "websockets.client"
    ]
