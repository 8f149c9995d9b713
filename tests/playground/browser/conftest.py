"""A headless browser for all tests of the page, and the page itself."""

import shutil
import socket
import threading
import time

import pytest


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    """Where a server of the playground answers, in a thread of this process."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is in the extra `playground`")
    pytest.importorskip("starlette", reason="starlette is in the extra `playground`")
    from plainnet.playground.web import application

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(application(), host="127.0.0.1", port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def playground(browser, address, monkeypatch):
    """Opens the page of a link; gives it and the session in Python that is behind it."""
    from plainnet.playground.session import Session

    sessions, contexts, complaints = [], [], []
    start = Session.start
    monkeypatch.setattr(Session, "start", lambda self: (sessions.append(self), start(self))[1])

    def open_page(link="", width=1280, height=900):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.goto(f"{address}#{link}")
        page.locator(".net-unit[aria-label]").first.wait_for()
        return page, sessions[-1]

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
