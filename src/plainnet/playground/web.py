"""The page, its files and its WebSocket, as an ASGI application. `guard` says who may use it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from plainnet.errors import SettingError
from plainnet.playground import assets
from plainnet.playground.messages import refusal
from plainnet.playground.session import Send, Session
from plainnet.playground.wire import packed, unpacked

PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>plainnet playground</title><link rel="stylesheet" href="style.css">
<link rel="icon" href="{assets.ICON}"><body class="plainnet-page">
<main><h1>plainnet playground</h1><div id="playground"></div></main>
<script type="module" src="playground.js"></script></body></html>
"""

MOST_PAGES = 32
"""Connections at a time; each has a network and a thread of its own."""
MOST_WAITING = 16
"""Messages that may wait for a session before no more are read."""
TRY_AGAIN_LATER = 1013


Opened = Callable[[Send], Session]
"""Makes a session that sends its messages there, and is not started yet."""


def application(opened: Opened = Session) -> Any:
    """The page, its files, and a session for each connection."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route, WebSocketRoute

    files = {
        "/playground.js": (assets.module("page"), "text/javascript"),
        "/style.css": (assets.style(), "text/css"),
    }
    connected: set[Any] = set()

    async def page(request: Any) -> Any:
        return HTMLResponse(PAGE)

    async def file(request: Any) -> Any:
        text, kind = files[request.url.path]
        return Response(text, media_type=kind)

    async def socket(websocket: Any) -> None:
        await websocket.accept()
        if len(connected) >= MOST_PAGES:
            why = f"{MOST_PAGES} pages are open, and there is no room for more: close one"
            await websocket.send_bytes(packed(refusal("connect", why), []))
            await websocket.close(TRY_AGAIN_LATER)
            return
        connected.add(websocket)
        try:
            await converse(websocket, opened)
        finally:
            connected.discard(websocket)

    return Starlette(
        routes=[
            Route("/", page),
            *(Route(path, file) for path in files),
            WebSocketRoute("/socket", socket),
        ]
    )


async def converse(websocket: Any, opened: Opened) -> None:
    """Let a session and a page talk until the page is gone; then the session has ended.

    A message to the page is on its way before the session goes on, so that a page which does not
    read fills no memory: its session waits.
    """
    from starlette.websockets import WebSocketDisconnect

    loop, gone = asyncio.get_running_loop(), threading.Event()
    under_way: list[Future[None]] = []

    def send(content: Any, buffers: Any) -> None:
        message = packed(content, buffers)
        if gone.is_set():
            raise ConnectionError("the page is gone")
        under_way[:] = [asyncio.run_coroutine_threadsafe(websocket.send_bytes(message), loop)]
        try:
            under_way[0].result()
        except (Exception, CancelledError) as error:  # a server says this in many ways
            raise ConnectionError("the page is gone") from error

    session = opened(send)
    session.greets = False  # the page says hello, with the link in its address
    session.start()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
            try:
                content, buffers = unpacked(message.get("text") or message.get("bytes") or b"")
            except SettingError as error:
                await websocket.send_bytes(packed(refusal("message", str(error)), []))
                continue
            session.post(content, buffers)
            while session.waiting > MOST_WAITING and not session.join(0):
                await asyncio.sleep(0.01)
    except WebSocketDisconnect:
        pass
    finally:
        gone.set()
        session.close()
        while not session.join(0):
            for each in under_way:
                each.cancel()
            await asyncio.sleep(0.005)
