"""Who may talk to the server: the browser that the command opens, and who has read its address.

Any page in any browser can send requests to 127.0.0.1, and so can every user of the machine. Hence
the address has a token, which is exchanged for a cookie; the Host must be this machine, so that no
other name leads here; and the WebSocket must come from a page of this server.

The printed address lets in any number of browsers until the server ends. The command hands another
one to the browser that it opens, since all users of a machine can list the arguments of programs:
its token is exchanged once. Whoever reads it there comes too late, or, if quicker than the browser,
leaves the browser with a refusal. Sessions are apart, so nobody sees or changes those of others.
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
    opening : str
        The same with a token that is exchanged once, for the browser that the command opens.
    """

    def __init__(self, application: Any, port: int) -> None:
        self.application = application
        self.hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
        self.cookie = f"plainnet-playground-{port}"
        self.token, self._once, self._key = token_urlsafe(), token_urlsafe(), token_urlsafe()
        self._is_used = False
        self.address, self.opening = (
            f"http://{self.hosts[0]}/?token={token}" for token in (self.token, self._once)
        )
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
        has_key = _same(asked.cookies.get(self.cookie, ""), self._key)
        if scope["type"] == "websocket":
            if asked.headers.getlist("origin") != [f"http://{hosts[0]}"]:
                return PlainTextResponse("Only a page of this server may connect.", 403)
        elif scope["path"] == "/" and "token" in asked.query_params:
            if not self._lets_in(asked.query_params["token"], has_key):
                return HTMLResponse(STRANGER, 403)
            answer = RedirectResponse("/", 303)
            # "lax" lets a link in a mail or a course's page open the playground: that is a GET of
            # the page, which changes nothing. A socket from elsewhere is refused by its Origin.
            answer.set_cookie(self.cookie, self._key, httponly=True, samesite="lax", path="/")
            return answer
        return None if has_key else HTMLResponse(STRANGER, 403)

    def _lets_in(self, token: str, has_key: bool) -> bool:
        """Whether the token is valid; to the browser that has exchanged it, it still is."""
        if _same(token, self._once):
            was_used, self._is_used = self._is_used, True
            return has_key or not was_used
        return _same(token, self.token)


def _same(given: str, secret: str) -> bool:
    return compare_digest(given.encode("utf-8", "replace"), secret.encode())
