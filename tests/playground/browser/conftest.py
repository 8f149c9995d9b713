"""A headless browser for all tests of the page, and the page as the command serves it.

What holds for every page is asserted here: nothing in the console that is wrong, and no request to
another host.
"""

import shutil

import pytest

PATIENCE = 60_000
"""Milliseconds that a test waits for the page; a busy machine may be slow."""


@pytest.fixture(scope="session")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def sessions():
    """All sessions that pages have opened, the newest last."""
    return []


@pytest.fixture(scope="session")
def server(sessions):
    """The server of `plainnet playground`, in a thread of this process."""
    for package in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(package, reason=f"{package} is in the extra `playground`")
    from plainnet.playground.server import running
    from plainnet.playground.session import Session

    def opened(send):
        sessions.append(Session(send))
        return sessions[-1]

    with running(opened) as found:
        yield found


@pytest.fixture
def watched(browser, server):
    """Opens contexts of the browser; what is wrong in any of their pages fails the test."""
    contexts, complaints = [], []
    own = tuple(f"{scheme}://127.0.0.1:{server.port}/" for scheme in ("http", "ws"))

    def asked(request):
        if not request.url.startswith((*own, "data:", f"blob:{own[0]}", "file:")):
            complaints.append(f"asks for {request.url}")

    def said(message):
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    def open_context(width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("request", asked)
        context.on("console", said)
        context.on("weberror", lambda found: complaints.append(f"error: {found.error}"))
        context.on("page", lambda page: page.on("websocket", asked))
        return context

    yield open_context
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def playground(watched, server, sessions):
    """Opens the page of a link; gives it and the session in Python that is behind it."""

    def open_page(link="", width=1280, height=900, context=None, **options):
        page = (context or watched(width, height, **options)).new_page()
        page.goto(f"{server.address}#{link}")
        page.locator(".net-unit[aria-label]").first.wait_for()
        page.wait_for_function("() => document.querySelector('.plainnet-playground').app.frame")
        return page, sessions[-1]

    return open_page
