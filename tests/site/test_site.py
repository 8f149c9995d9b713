"""The site that `make docs` builds, in a browser: it opens, it can be searched, it harms nobody.

PLAINNET_SITE names a site that is built already, and PLAINNET_AXE the file axe.min.js.
"""

import importlib
import os
import re
import subprocess
import sys
import time
import zlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from test_signatures import MODULES, public

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
AXE = ROOT / "build" / "node_modules" / "axe-core" / "axe.min.js"
MORE_OF_THE_SAME = "math, section > section > section:nth-of-type(n+4)"
"""What is taken out of a page before axe-core looks at it, which takes it long."""
WIDTHS = (1280, 800, 380)
PAGES = {
    "landing": "index.html",
    "chapter": "guide/0*.html",
    "how-to": "howto/*.html",
    "page": "tracing.html",
    "module": "api/schedules.html",
    "layers": "api/layers/normalization.html",
    "formulas": "formulas.html",
    "benchmarks": "benchmarks.html",
    "source": "source/src/plainnet/initializers.py.html",
}
"""One of each kind; a kind that has no page yet is left out."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site."""
    if built := os.environ.get("PLAINNET_SITE"):
        return Path(built)
    for package in ("sphinx", "furo", "myst_parser", "sphinx_copybutton", "latex2mathml"):
        pytest.importorskip(package, reason="sphinx and its extensions are in the extra `docs`")
    for package in ("skops", "gymnasium", "matplotlib", "anywidget"):
        pytest.importorskip(package)
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):  # one build for all of them
        folder = folder.parent
    said = folder / "site.txt"
    try:
        (folder / "site").mkdir()
    except FileExistsError:
        while not said.exists():
            time.sleep(0.1)
    else:
        options = ["-E", "-q", "-W", "--keep-going", "-c", "docs", "-d", folder / "doctrees"]
        command = [sys.executable, "-m", "sphinx", *options, ".", folder / "site"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        (folder / "said").write_text(done.stderr if done.returncode else "", encoding="utf-8")
        (folder / "said").rename(said)
    assert not said.read_text(encoding="utf-8")
    return folder / "site"


@pytest.fixture(scope="module")
def address(site):
    """The site's address on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is in the extra `all-tests`"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens a page; what it asks of other hosts is refused, and that and its errors are kept."""
    contexts, complaints = [], []

    def open_page(url, *, width=1280, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)

        def let_through(route):
            if route.request.url.startswith(("http://127.0.0.1", "file:", "data:")):
                route.continue_()
            else:
                complaints.append(f"asks for {route.request.url}")
                route.abort()

        context.route("**/*", let_through)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("requestfailed", lambda request: complaints.append(f"fails: {request.url}"))
        page.goto(url)
        page.wait_for_load_state()
        return page

    yield open_page
    until_now = list(complaints)  # to close a page ends what it is still asking for
    for context in contexts:
        context.close()
    assert not until_now


def of_kind(site, kind):
    found = sorted(path.relative_to(site).as_posix() for path in site.glob(PAGES[kind]))
    if not found:
        folder = PAGES[kind].partition("/")[0]
        sources = [*(ROOT / folder).glob("0*.md"), *(ROOT / "docs" / folder).glob("*.md")]
        assert not sources, f"{folder} has pages, and the site does not show them"
    return found[:1]


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_fits_every_screen_and_asks_nobody_for_anything(kind, site, address, opened):
    for name in of_kind(site, kind):
        page = opened(f"{address}/{name}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            inside, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert inside <= seen, f"{name} scrolls sideways at {width}"
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_anybody_out(scheme, site, address, opened):
    """By axe-core: contrast, names of what can be clicked, order of headings and so on."""
    axe = Path(os.environ.get("PLAINNET_AXE", AXE))
    if not axe.exists():
        pytest.skip(f"axe-core is not there: npm install --prefix {AXE.parents[2]} axe-core")
    found = []
    for kind in PAGES:
        for name in of_kind(site, kind):
            page = opened(f"{address}/{name}", scheme=scheme)
            page.evaluate(
                "out => document.querySelectorAll(out).forEach(each => each.remove())",
                MORE_OF_THE_SAME,
            )
            page.add_script_tag(path=axe)
            result = page.evaluate("axe.run({resultTypes: ['violations']})")
            found += [
                (name, each["id"], each["nodes"][0]["html"][:200])
                for each in result["violations"]
                if each["impact"] in ("serious", "critical")
            ]
    assert not found


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_search_finds(scheme, site, address, opened):
    start = address if scheme == "http" else site.as_uri()
    page = opened(f"{start}/search.html?q=LayerNorm")
    first = page.locator("ul.search a").first
    first.wait_for()
    assert "LayerNorm" in first.inner_text()
    page.wait_for_load_state("networkidle")  # it fetches what it shows of the pages that it found
    first.click()
    page.wait_for_load_state()
    assert page.locator("dt[id='plainnet.layers.LayerNorm']").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_training_plays_in_a_chapter(scheme, site, address, opened):
    page = opened(f"{address}/guide/02-forward.html", scheme=scheme)
    frame = page.locator("figure.recording iframe")
    frame.scroll_into_view_if_needed()  # it is loaded when it is about to be seen
    inside = frame.content_frame
    inside.locator(".place", has_text=", step 1000").wait_for()
    assert inside.locator(".plainnet-playground").get_attribute("data-theme") == scheme
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        widths = "[document.documentElement.scrollWidth, innerWidth]"
        for each in (page, inside.locator("body")):
            needed, there = each.evaluate(widths)
            assert needed <= there, f"scrolls sideways at {width}"
    inside.get_by_role("button", name="Start over").click()
    inside.locator(".place", has_text=", step 0").wait_for()
    inside.get_by_role("button", name="Play").click()
    inside.locator(".place", has_not_text=", step 0").wait_for()


def test_every_recording_is_in_a_page(site):
    pages = "".join(path.read_text(encoding="utf-8") for path in site.glob("guide/*.html"))
    made = {path.stem for path in site.glob("_static/playground/*.html")}
    assert made == set(re.findall(r'<iframe src="../_static/playground/([\w-]+)\.html"', pages))


def test_mathematics_is_set_by_the_browser(site, address, opened):
    page = opened(f"{address}/formulas.html")
    assert page.locator("math").count() > 300
    assert not page.locator("math merror").count()


def inventory(site):
    """The names in the reference, from the list of them for other sites."""
    lines = (site / "objects.inv").read_bytes().split(b"\n", 4)
    listed = zlib.decompress(lines[4]).decode().splitlines()
    return {line.split(" ")[0] for line in listed if " py:" in line}


def test_the_reference_has_every_public_name(site):
    known = inventory(site)
    for path in MODULES:
        module = importlib.import_module(path)
        for name in public(module):
            if callable(getattr(module, name)):
                assert f"{path}.{name}" in known


def test_the_formulas_of_every_layer_loss_and_optimizer_are_shown(site):
    text = (site / "formulas.html").read_text(encoding="utf-8")
    for path in ("plainnet.layers", "plainnet.losses", "plainnet.optimizers"):
        module = importlib.import_module(path)
        for name in module.__all__:
            value = getattr(module, name)
            abstract = getattr(value, "__abstractmethods__", True)
            if isinstance(value, type) and hasattr(value, "formulas") and not abstract:
                assert f'id="{name.lower()}"' in text or f'id="formulas-{name.lower()}"' in text


def test_no_link_is_broken(site):
    """Links from page to page, with the places in them."""
    pages = {path: path.read_text(encoding="utf-8") for path in site.glob("**/*.html")
             if "files" not in path.parts and "_static" not in path.parts}  # fmt: skip
    ids = {path: set(re.findall(r'\b(?:id|name)="([^"]+)"', text)) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for link in set(re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text)):
            if re.match(r"\w+:", link):
                continue
            target, _, place = link.partition("#")
            file = Path(os.path.normpath(path.parent / target)) if target else path
            if not file.exists() or (place and file in ids and place not in ids[file]):
                broken.append((path.relative_to(site).as_posix(), link))
    assert not broken
