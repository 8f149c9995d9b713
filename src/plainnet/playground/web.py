"""The page and its WebSocket, as a Starlette application."""

from __future__ import annotations

import asyncio
from typing import Any

from plainnet.playground import assets
from plainnet.playground.session import Session
from plainnet.playground.settings import Settings
from plainnet.playground.wire import packed, unpacked

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>plainnet playground</title><link rel="stylesheet" href="style.css">
<link rel="icon" href="data:,"><body class="plainnet-page"><main id="playground"></main>
<script type="module">
import { open } from "./playground.js";
open(document.getElementById("playground"));
</script></body></html>
"""


def application(first: Settings | None = None) -> Any:
    """The page, its files, and a session for each connection."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, Response
    from starlette.routing import Route, WebSocketRoute

    async def page(request: Any) -> Any:
        return HTMLResponse(PAGE)

    async def script(request: Any) -> Any:
        return Response(assets.module.__wrapped__("page"), media_type="text/javascript")

    async def style(request: Any) -> Any:
        return Response(assets.style.__wrapped__(), media_type="text/css")

    async def socket(websocket: Any) -> None:
        await websocket.accept()
        loop, outbox = asyncio.get_running_loop(), asyncio.Queue[bytes]()

        def send(content: Any, buffers: Any) -> None:
            loop.call_soon_threadsafe(outbox.put_nowait, packed(content, buffers))

        session = Session(send, first)
        session.start()

        async def pump() -> None:
            while True:
                await websocket.send_bytes(await outbox.get())

        sender = asyncio.create_task(pump())
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                session.post(*unpacked(message.get("text") or message["bytes"]))
        finally:
            sender.cancel()
            session.close()

    return Starlette(
        routes=[
            Route("/", page),
            Route("/playground.js", script),
            Route("/style.css", style),
            WebSocketRoute("/socket", socket),
        ]
    )


if __name__ == "__main__":
    import sys

    import uvicorn

    uvicorn.run(application(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
