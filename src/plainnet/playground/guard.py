"""Who may talk to the server: the browser that opened the address that was printed, nobody else.

Any page in any browser can send requests to 127.0.0.1, and so can every user of the machine. Hence
the address has a token, which is exchanged for a cookie at the first visit; the Host must be this
machine, so that no other name leads here; and the WebSocket must come from a page of this server.
"""

from __future__ import annotations

from secrets import compare_digest, token_urlsafe
from typing import Any

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

STRANGER = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>plainnet playground</title><link rel="icon" href="data:,"><main>
<h1>Please open the address from the terminal</h1>
<p>Open the address that <code>plainnet playground</code> printed: it ends with a token, which lets
only you in. Each start has a new one.</p>
</main></html>
"""


class Guard:
    """An ASGI application that lets only the owner reach another one.

    Attributes
    ----------
    address : str
        With the token, for the owner to open.
    """

    def __init__(self, application: Any, port: int) -> None:
        self.application = application
        self.hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
        self.cookie = f"plainnet-playground-{port}"
        self.token, self._key = token_urlsafe(), token_urlsafe()
        self.address = f"http://{self.hosts[0]}/?token={self.token}"
        sources = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data: blob:",
            "connect-src": " ".join(["'self'", *(f"ws://{host}" for host in self.hosts)]),
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
        policy = "; ".join(f"{name} {where}" for name, where in sources.items())
        self._headers = {**HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or hand it on."""
        from starlette.datastructures import MutableHeaders
        from starlette.websockets import WebSocketClose

        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope)
        if answer is not None and scope["type"] == "websocket":
            answer = WebSocketClose()  # HTTP 403: not every server can say more
        await (self.application if answer is None else answer)(scope, receive, guarded)

    def _answer(self, scope: Any) -> Any:
        """What is answered without asking the application, if anything."""
        from starlette.requests import HTTPConnection
        from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse

        asked = HTTPConnection(scope)
        hosts = asked.headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return PlainTextResponse(f"This server is {self.hosts[0]}, by no other name.", 421)
        if scope["type"] == "websocket":
            if asked.headers.getlist("origin") != [f"http://{hosts[0]}"]:
                return PlainTextResponse("Only a page of this server may connect.", 403)
        elif scope["path"] == "/" and "token" in asked.query_params:
            if not _same(asked.query_params["token"], self.token):
                return HTMLResponse(STRANGER, 403)
            answer = RedirectResponse("/", 303)
            # "lax" lets a link in a mail or a course's page open the playground: that is a GET of
            # the page, which changes nothing. A socket from elsewhere is refused by its Origin.
            answer.set_cookie(self.cookie, self._key, httponly=True, samesite="lax", path="/")
            return answer
        if not _same(asked.cookies.get(self.cookie, ""), self._key):
            return HTMLResponse(STRANGER, 403)
        return None


def _same(given: str, secret: str) -> bool:
    return compare_digest(given.encode("utf-8", "replace"), secret.encode())
