"""A page without a browser: it obeys the protocol, and remembers what the session sends."""

import queue

from plainnet.playground.session import Session


class Page:
    """Use it as a context: `with Page() as page: page.advance(10)`."""

    def __init__(self, settings=None, **more):
        self.inbox = queue.Queue()
        self.last = {}
        self.session = Session(self._receive, settings, **more)

    def _receive(self, content, buffers):
        self.inbox.put((content, list(buffers)))
        if content["is"] == "frame":
            self.session.post({"do": "drawn", "number": content["number"]})

    def __enter__(self):
        self.session.start()
        self.ask("hello", "state")
        return self

    def __exit__(self, *error):
        self.session.close()
        assert self.session.join(30)

    def send(self, command, **fields):
        self.session.post({"do": command, **fields})

    def wait(self, kind, fits=lambda content: True):
        """The next message of this kind; what comes before it is kept in `last`."""
        while True:
            content, buffers = self.inbox.get(timeout=60)
            self.last[content["is"]] = content
            if content["is"] == kind and fits(content):
                return content if not buffers else (content, buffers)
            assert kind == "refused" or content["is"] != "refused", content["why"]

    def ask(self, command, kind=None, **fields):
        """Send a command, and wait for its answer."""
        self.send(command, **fields)
        return self.wait(kind or command)

    def advance(self, steps):
        """Train, and wait until it pauses."""
        self.send("advance", steps=steps)
        self.wait("state", lambda state: state["status"] in ("playing", "failed"))
        return self.pause()

    def pause(self):
        """Wait until training pauses or fails."""
        if self.last["state"]["status"] == "failed":
            return self.last["state"]
        return self.wait("state", lambda state: state["status"] in ("paused", "failed"))
