"""The served page in a browser: how it is entered, and what a page from elsewhere cannot do."""

import http.server
import threading

import pytest

pytest.importorskip("playwright", reason="playwright is not installed")
LINK = "points=40&layers=5-tanh"


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def elsewhere():
    """The address of an empty page of another server on this machine."""

    class Empty(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}/"
        found.shutdown()
        thread.join()


def test_the_token_goes_and_the_link_stays(server, page):
    page.goto(f"{server.address}#{LINK}")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    page.wait_for_function("() => location.hash.includes('points=40')")
    assert page.url == f"http://127.0.0.1:{server.port}/#{LINK}"
    assert server.guard.token not in page.content()
    assert not page.evaluate("document.cookie")
    page.reload()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert page.said == []


def test_without_the_token_the_page_says_what_to_do(server, page):
    answer = page.goto(f"http://127.0.0.1:{server.port}/")
    assert answer.status == 403
    assert page.get_by_role("heading").inner_text() == "Please open the address from the terminal"


def test_a_link_from_elsewhere_brings_its_settings(server, page, elsewhere):
    """As in a mail or on the page of a course."""
    page.goto(server.address)
    page.goto(elsewhere.replace("127.0.0.1", "localhost"))
    link = f"http://127.0.0.1:{server.port}/#layers=3-tanh"
    page.evaluate("address => { location.href = address; }", link)
    page.locator(".plainnet-playground").wait_for()
    page.wait_for_function(
        "() => document.querySelector('.plainnet-playground').app.state?.settings.layers[0].units"
        " === 3"
    )


CONNECT = """address => new Promise((resolve) => {
  const socket = new WebSocket(address);
  socket.onopen = () => resolve("open");
  socket.onerror = () => resolve("refused");
})"""


def test_a_page_from_elsewhere_cannot_connect_or_read(server, page, elsewhere):
    page.goto(server.address)
    page.locator(".plainnet-playground").wait_for()
    here = f"127.0.0.1:{server.port}"
    assert page.evaluate(CONNECT, f"ws://{here}/socket") == "open"
    page.goto(elsewhere)
    assert page.evaluate(CONNECT, f"ws://{here}/socket") == "refused"
    read = """address => fetch(address, {credentials: "include"})
      .then(() => "read", () => "not read")"""
    for path in ("", "playground.js", f"?token={server.guard.token}"):
        assert page.evaluate(read, f"http://{here}/{path}") == "not read"
    framed = """address => new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.src = address;
      frame.onload = () => {
        try { resolve(frame.contentDocument ? "shown" : "not shown"); }
        catch { resolve("not shown"); }
      };
      document.body.append(frame);
    })"""
    assert page.evaluate(framed, f"http://{here}/") == "not shown"
