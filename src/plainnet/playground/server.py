"""The server of `plainnet playground`: on this machine only, until it is stopped."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plainnet.errors import SettingError, optional
from plainnet.playground.guard import Guard
from plainnet.playground.session import Session
from plainnet.playground.web import Opened, application
from plainnet.playground.wire import MOST_BYTES

HOST = "127.0.0.1"
PORT = 8750
MOST_PORTS = 50
"""Ports that are tried, from PORT on, where none is asked for."""
PATIENCE = 3
"""Seconds that pages have to say goodbye when the server stops."""


class Server:
    """A playground that listens.

    Parameters
    ----------
    opened : function (send) -> Session
        Makes the session of a page.
    port : int, optional
        0 for any that is free; by default, the first free one from 8750 on.

    Attributes
    ----------
    port : int
    address : str
        With the token.
    opening : str
        For the browser that the command opens; it lets in once.

    Raises
    ------
    MissingExtraError
        Without the extra `playground`.
    SettingError
        If the port is taken.
    """

    def __init__(self, opened: Opened = Session, port: int | None = None) -> None:
        for package in ("starlette", "uvicorn", "websockets"):
            optional(package, purpose="the playground's server", extra="playground")
        import uvicorn

        self.opened, self._socket = opened, listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.guard = Guard(application(opened), self.port)
        self.address, self.opening = self.guard.address, self.guard.opening
        config = uvicorn.Config(
            self.guard,
            http="h11",
            loop="asyncio",
            ws="websockets-sansio",
            ws_max_size=MOST_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=None,  # the system says when a page on this machine is gone
            lifespan="off",
            log_level="critical",  # a client that talks nonsense is not worth a traceback
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=PATIENCE,
        )
        self._server: Any = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until Ctrl-C, which is raised once all pages are closed, or `stop`."""
        with self._socket:
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._server.should_exit = True


@contextmanager
def running(opened: Opened = Session) -> Iterator[Server]:
    """A server in a thread, on any free port."""
    server = Server(opened, 0)
    thread = threading.Thread(target=server.run, name="plainnet playground server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def listening(port: int | None) -> socket.socket:
    """A socket at this port, or at the first free one."""
    ports = range(PORT, PORT + MOST_PORTS) if port is None else [port]
    for each in ports:
        found = socket.socket()
        if os.name == "posix":  # where connections that have ended keep a port for a minute
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, each))
            found.listen(64)
        except OSError as error:
            found.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return found
    if port is None:
        raise SettingError(
            f"all ports from {PORT} to {ports[-1]} are taken: name another with --port"
        )
    raise SettingError(f"port {port} is taken, or not allowed: leave --port out for a free one")
