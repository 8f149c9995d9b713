"""The server: whom it lets in, what it serves, and what it leaves behind."""

import gc
import http.client
import json
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial

import pytest

from nonsense import Nonsense
from plainnet.errors import MissingExtraError, SettingError
from plainnet.playground import server as server_module
from plainnet.playground import web
from plainnet.playground.server import Server, running
from plainnet.playground.session import UNDER_WAY, Session
from plainnet.playground.settings import Settings
from plainnet.playground.wire import MOST_BYTES, packed, unpacked

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402

PATIENCE = 60
SMALL = "points=40&layers=5-tanh,4&batch_size=8&epochs=100000"


@pytest.fixture(scope="module")
def server():
    opened = partial(Session, settings=Settings.from_link(SMALL))
    with running(opened) as found:
        yield found


def get(server, path, method="GET", **headers):
    """Status, headers and text of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def enter(server):
    """The cookie that the token is exchanged for."""
    status, headers, _ = get(server, f"/?token={server.guard.token}")
    assert (status, headers["location"]) == (303, "/")
    return headers["set-cookie"].partition(";")[0]


def wait(true):
    """Wait until this is true, or fail."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


class Tab:
    """A connection, as a page has one."""

    def __init__(self, server, **headers):
        host = f"127.0.0.1:{server.port}"
        sent = {"Origin": f"http://{host}", "Cookie": enter(server)} | headers
        opening = client.connect(
            f"ws://{host}/socket", open_timeout=PATIENCE, max_size=None, compression=None,
            additional_headers={name: value for name, value in sent.items() if value is not None},
        )  # fmt: skip
        self.socket = opening.__enter__()
        self.told = []

    def ask(self, command, **fields):
        self.socket.send(json.dumps({"do": command, **fields}))

    def read(self):
        """The next message; a frame is acknowledged."""
        content, _ = unpacked(self.socket.recv(PATIENCE))
        self.told.append(content)
        if content["is"] == "frame":
            self.ask("drawn", number=content["number"])
        return content

    def drain(self):
        """Read to the end; the code with which the server closed, or None for a reset."""
        try:
            while True:
                self.read()
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code

    def until(self, kind, **values):
        while True:
            content = self.read()
            if content["is"] == kind and all(content[n] == value for n, value in values.items()):
                return content

    def reset(self):
        """Be gone at once, as when a browser is killed: the server is sent a reset."""
        linger = struct.pack("ii", 1, 0)
        other = self.socket.socket.dup()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.socket.close()
        # The thread of an older websockets wakes from its waiting only with the next answer.
        text = b'{"do": "gone"}'
        other.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
        other.close()


@contextmanager
def tab(server, **headers):
    found = Tab(server, **headers)
    try:
        yield found
    finally:
        found.socket.close()


def sessions():
    """The threads of sessions."""
    return [each for each in threading.enumerate() if each.name == "plainnet playground"]


def kept():
    """The sessions that are in memory."""
    return [each for each in gc.get_objects() if type(each) is Session]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    before = set(sessions())  # of a test that has failed
    yield
    wait(lambda: not set(sessions()) - before)


# --- who is let in --------------------------------------------------------------------------------


def test_the_token_is_exchanged_for_a_cookie(server):
    assert server.address == f"http://127.0.0.1:{server.port}/?token={server.guard.token}"
    assert len(server.guard.token) >= 32
    status, headers, _ = get(server, server.address.partition(str(server.port))[2])
    assert (status, headers["location"]) == (303, "/")
    cookie, *rules = headers["set-cookie"].split("; ")
    assert cookie.startswith(f"plainnet-playground-{server.port}=")
    assert server.guard.token not in cookie
    assert {rule.lower() for rule in rules} == {"httponly", "samesite=lax", "path=/"}
    status, _, text = get(server, "/", Cookie=cookie)
    assert status == 200
    assert '<script type="module" src="playground.js">' in text
    assert "<script>" not in text


def test_the_browser_that_the_command_opens_has_a_token_that_is_exchanged_once():
    with running() as server:
        path = server.opening.partition(str(server.port))[2]
        assert server.guard.token not in path
        status, headers, _ = get(server, path)
        assert (status, headers["location"]) == (303, "/")
        cookie = headers["set-cookie"].partition(";")[0]
        assert get(server, path)[0] == 403
        assert get(server, path, Cookie=f"{server.guard.cookie}=wrong")[0] == 403
        assert get(server, path, Cookie=cookie)[0] == 303  # the page is loaded again
        assert get(server, "/", Cookie=cookie)[0] == 200
        assert get(server, "/", Cookie=enter(server))[0] == 200  # a second browser


def test_each_start_has_its_own_token(server):
    with running() as other:
        assert other.guard.token != server.guard.token
        assert get(other, f"/?token={server.guard.token}")[0] == 403
        cookie = enter(server).partition("=")[2]
        assert get(other, "/", Cookie=f"{other.guard.cookie}={cookie}")[0] == 403


FILES = ["/", "/playground.js", "/style.css"]


@pytest.mark.parametrize("path", [*FILES, "/socket", "/nothing", "/../../etc/passwd"])
@pytest.mark.parametrize("cookie", [None, "", "{name}=", "{name}=wrong", "other={value}", "\xff"])
def test_nothing_is_served_without_the_cookie(server, path, cookie):
    value = enter(server).partition("=")[2]
    name = server.guard.cookie
    given = cookie and cookie.format(name=name, value=value)
    status, headers, text = get(server, path, Cookie=given)
    assert status == 403
    assert "Open the address that <code>plainnet playground</code> printed" in text
    assert value not in text
    assert "set-cookie" not in headers


@pytest.mark.parametrize("token", ["", "wrong", "%ff%fe", "%C3%A9"])
def test_a_wrong_token_is_refused(server, token):
    status, headers, _ = get(server, f"/?token={token}", Cookie=enter(server))
    assert status == 403
    assert "set-cookie" not in headers
    assert get(server, f"/playground.js?token={server.guard.token}")[0] == 403


HOSTS = ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1",
         "127.0.0.1.evil.example:{port}", "0.0.0.0:{port}", "[::1]:{port}", "localhost.:{port}",
         ""]  # fmt: skip


def upgrade(server):
    """What a browser sends to open a WebSocket, without host and cookie."""
    return {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": f"http://127.0.0.1:{server.port}",
    }  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_another_server(server, host):
    """A name that somebody made to lead here (DNS rebinding) gets nothing."""
    host = host.format(port=server.port)
    for path in (*FILES, f"/?token={server.guard.token}"):
        status, headers, _ = get(server, path, Host=host, Cookie=enter(server))
        assert status == 421
        assert "set-cookie" not in headers
    assert get(server, "/socket", Host=host, Cookie=enter(server), **upgrade(server))[0] == 403
    with pytest.raises(InvalidStatus, match="HTTP 4"):
        Tab(server, Host=host)  # a second one


def test_localhost_is_a_name_of_this_machine(server):
    host = f"localhost:{server.port}"
    assert get(server, "/", Host=host, Cookie=enter(server))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None}, {"Origin": "null"}, {"Origin": "http://evil.example"},
        {"Origin": "https://127.0.0.1:{port}"}, {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://localhost:{port}"},
        {"Origin": "http://127.0.0.1:{port}.evil.example"}, {"Cookie": None},
        {"Cookie": "plainnet-playground-{port}=wrong"},
    ],
    ids=str,
)  # fmt: skip
def test_only_a_page_of_this_server_may_connect(server, headers):
    given = {name: value and value.format(port=server.port) for name, value in headers.items()}
    with pytest.raises(InvalidStatus, match="HTTP 403"):
        Tab(server, **given)
    assert not sessions()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", FILES)
def test_other_methods(server, method, path):
    assert get(server, path, method, Cookie=enter(server))[0] == 405


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/style.css/", "/js/main.js", "//etc/passwd", "/..%2f..%2fetc/passwd", "/socket",
     "/web.py", "/%00", "/playground.js%2f..", "/static/../../session.py"],
)  # fmt: skip
def test_no_other_file_is_there(server, path):
    assert get(server, path, Cookie=enter(server))[0] in (404, 307)
    with pytest.raises(InvalidStatus, match="HTTP 40"):
        client.connect(f"ws://127.0.0.1:{server.port}/", origin=f"http://127.0.0.1:{server.port}",
                       additional_headers={"Cookie": enter(server)})  # fmt: skip


@pytest.mark.parametrize("path", [*FILES, "/nothing", "/?token=wrong"])
@pytest.mark.parametrize("host", [None, "evil.example"])
def test_every_answer_has_the_rules_for_the_browser(server, path, host):
    headers = {"Host": host} if host else {}
    _, answered, _ = get(server, path, Cookie=enter(server), **headers)
    policy = dict(rule.split(" ", 1) for rule in answered["content-security-policy"].split("; "))
    here = f"127.0.0.1:{server.port}"
    assert policy == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
        "img-src": "'self' data: blob:", "frame-ancestors": "'none'", "base-uri": "'none'",
        "connect-src": f"'self' ws://{here} ws://localhost:{server.port}", "form-action": "'none'",
    }  # fmt: skip
    assert answered["x-content-type-options"] == "nosniff"
    assert answered["referrer-policy"] == "no-referrer"
    assert answered["cache-control"] == "no-store"
    assert answered["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in answered


def test_the_files_are_the_page(server):
    status, headers, text = get(server, "/playground.js", Cookie=enter(server))
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert text.rstrip().endswith('openPage(document.getElementById("playground"));')
    assert "import {" not in text
    status, headers, text = get(server, "/style.css", Cookie=enter(server))
    assert (status, headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "http" not in text


# --- messages -------------------------------------------------------------------------------------


def test_a_page_trains(server):
    with tab(server) as page:
        page.ask("hello")
        assert page.until("frame")["step"] == 0
        page.ask("advance", steps=25)
        assert page.until("state", status="paused", step=25)["link"].endswith("step=25")


def test_some_hundred_messages_of_nonsense(server, capfd, caplog):
    nonsense = Nonsense(5)
    with tab(server) as page:
        page.ask("hello", link=SMALL)
        for i in range(400):
            content, buffers = nonsense.message()
            try:
                message = packed(content, [memoryview(each) for each in buffers])
            except (ValueError, RecursionError):
                message = nonsense.random.randbytes(nonsense.random.randrange(40))
            if nonsense.random.random() < 0.3:
                at = nonsense.random.randrange(len(message) + 1)
                message = message[:at] + nonsense.random.randbytes(2) + message[at + 1 :]
            page.socket.send(message)
            page.socket.send(nonsense.random.choice(["", "{", "[1", "\0", '{"do": "\\ud800"}']))
            if i % 20 == 0:
                page.ask(f"mark {i}")
                page.until("refused", what=f"mark {i}")
        page.ask("hello", link=SMALL)
        page.ask("advance", steps=9)
        page.until("state", status="paused", step=9)
        whys = [each["why"] for each in page.told if each["is"] == "refused"]
    assert len(whys) > 500
    assert not [why for why in whys if "made a mistake" in why]
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_a_large_message_is_read_and_a_larger_one_is_not(server):
    with tab(server) as page:
        page.ask("hello")
        page.socket.send(packed({"do": "nothing"}, [bytearray(10 * 2**20)]))
        assert "there is no command" in page.until("refused")["why"]
        with suppress(ConnectionClosed):  # in the middle of it, perhaps
            page.socket.send(bytes(MOST_BYTES + 1))
        assert page.drain() in (1009, None)


def test_text_that_is_not_utf_8(server, capfd, caplog):
    with tab(server) as page:
        page.ask("hello")
        page.until("frame")
        page.socket.socket.sendall(b"\x81\x84\0\0\0\0\xff\xff\xff\xff")
        assert page.drain() in (1007, None)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_frames_are_not_compressed(server):
    with tab(server) as page:
        assert page.socket.response.headers.get("Sec-WebSocket-Extensions") is None


# --- many pages, and pages that go ----------------------------------------------------------------


def test_twenty_pages_play_and_one_more_is_served(server):
    pages = [Tab(server) for _ in range(20)]
    try:
        for page in pages:
            page.ask("hello")
            page.ask("play")
        for page in pages:
            page.until("frame", step=10)
        with tab(server) as another:
            another.ask("hello")
            another.ask("advance", steps=3)
            assert another.until("state", status="paused", step=3)
        assert get(server, "/", Cookie=enter(server))[0] == 200
        for page in pages:
            page.ask("pause")
            page.until("state", status="paused")
    finally:
        for page in pages:
            page.socket.close()


def test_too_many_pages_are_told_so(monkeypatch):
    monkeypatch.setattr(web, "MOST_PAGES", 2)
    with running() as server, tab(server) as one, tab(server) as two:
        for page in (one, two):
            page.ask("hello")
            page.until("frame")
        with tab(server) as third:
            told = third.read()
            assert (told["is"], told["what"]) == ("refused", "connect")
            assert told["why"] == "2 pages are open, and there is no room for more: close one"
            assert third.drain() == 1013
        one.socket.close()

        def is_welcome():
            with tab(server) as third, suppress(ConnectionClosed):
                third.ask("hello")
                return third.read()["is"] == "welcome"

        wait(is_welcome)


@pytest.mark.parametrize("way", ["closes", "is reset", "says goodbye"])
def test_pages_that_go_leave_nothing(server, way):
    threads, before = threading.active_count(), len(kept())
    for i in range(17):
        page = Tab(server)
        page.ask("hello")
        page.ask("play")
        if i % 3:
            page.until("frame", step=10)
        if way == "is reset":
            page.reset()
        elif way == "closes":
            page.socket.socket.shutdown(socket.SHUT_RDWR)
        page.socket.close()
    wait(lambda: not sessions())
    wait(lambda: threading.active_count() <= threads)

    def is_freed():
        gc.collect()
        return len(kept()) <= before

    wait(is_freed)


def test_a_page_that_does_not_draw_is_sent_two_frames(server):
    with tab(server) as page:
        page.ask("hello")
        page.until("frame")
        page.ask("play")
        for i in range(30):
            page.socket.send(json.dumps({"do": f"mark {i}"}))
        told = []
        while not told or told[-1].get("what") != "mark 29":
            told.append(unpacked(page.socket.recv(PATIENCE))[0])
        assert sum(each["is"] == "frame" for each in told) <= UNDER_WAY


def test_a_page_that_does_not_read_makes_its_session_wait(server):
    """And the server serves others; what was sent to it fills no memory."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", server.port))
    raw.sendall(
        (
            f"GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:{server.port}\r\n"
            f"Cookie: {enter(server)}\r\n\r\n"
        ).encode()
    )
    assert b"101" in raw.recv(100)
    hello = b'{"do": "hello"}'
    frame = bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello
    raw.settimeout(0.5)
    taken = 0
    with suppress(TimeoutError):  # the server reads no more, since nobody reads its answers
        while taken < 10_000:
            raw.sendall(frame * 100)
            taken += 1
    assert taken < 10_000
    with tab(server) as another:
        another.ask("hello")
        another.ask("advance", steps=3)
        assert another.until("state", status="paused", step=3)
    raw.close()


def test_the_server_ends_with_pages_open():
    with running() as server:
        pages = [Tab(server) for _ in range(4)]
        for page in pages:
            page.ask("hello")
            page.ask("play")
            page.until("frame", step=10)
    assert not sessions()
    for page in pages:
        assert page.drain() == 1012
        page.socket.close()
    with pytest.raises(OSError, match="refused"):
        get(server, "/")
    Server(port=server.port)._socket.close()  # at once, though the system remembers connections


# --- ports and the command ------------------------------------------------------------------------


def test_a_port_that_is_taken(server, monkeypatch):
    with pytest.raises(SettingError, match=f"port {server.port} is taken, or not allowed"):
        Server(port=server.port)
    monkeypatch.setattr(server_module, "PORT", server.port)
    found = server_module.listening(None)
    assert server.port < found.getsockname()[1] < server.port + server_module.MOST_PORTS
    assert found.getsockname()[0] == "127.0.0.1"
    found.close()
    monkeypatch.setattr(server_module, "MOST_PORTS", 1)
    with pytest.raises(SettingError, match="are taken: name another with --port"):
        server_module.listening(None)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"needs uvicorn for the playground's server"):
        Server()


def test_importing_the_package_imports_no_server():
    code = (
        "import sys, plainnet.playground.server\nprint({'starlette', 'uvicorn'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
