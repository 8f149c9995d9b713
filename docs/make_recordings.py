"""Make the pictures of the playground: of each recording, and of the page itself.

python docs/make_recordings.py
"""

import subprocess
import sys
import tempfile
import tomllib
from io import BytesIO
from pathlib import Path
from signal import SIGINT

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from plainnet.playground import export

DOCS = Path(__file__).parent
FIGURES = DOCS.parent / "guide" / "figures"
RECORDINGS = tomllib.loads((DOCS / "recordings.toml").read_text(encoding="utf-8"))
CHAPTERS = {"spiral": "02", "xor": "01", "rate": "05", "deep": "07"}
PANELS = {
    "layers": ("Inside the layers", ""),
    "representations": ("Representations", ""),
    "steps": ("One example, step by step", "Trace"),
    "lessons": ("Lessons", "A line is not enough"),
}
"""Each with its tab, and with a button to press in it."""
CHROMIUM = "/usr/bin/chromium"
COLORS = 64


def save(shown: Page | Locator, path: Path, **options: bool) -> None:
    """With a palette of its own, which takes a third of the room."""
    picture = Image.open(BytesIO(shown.screenshot(**options))).convert("RGB")
    picture.quantize(COLORS, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)


def recordings(browser: Browser) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, each in RECORDINGS.items():
            path = Path(folder, "page.html")
            export(path, each["setting"], steps=each["steps"], title=each["title"])
            page = browser.new_page(viewport={"width": 736, "height": 560})
            page.goto(path.as_uri())
            page.wait_for_timeout(500)
            save(page, FIGURES / f"{CHAPTERS[name]}-playground-{name}.png", full_page=True)
            page.close()


def the_page(browser: Browser) -> None:
    """The page itself after 1000 steps, and the panels below."""
    folder = DOCS / "playground"
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "plainnet", "playground", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = next(word for line in server.stdout for word in line.split() if "://" in word)
            page = browser.new_page(viewport={"width": 1280, "height": 940})
            page.goto(address)
            page.get_by_label("Epochs", exact=True).fill("125")
            page.get_by_role("button", name="Train", exact=True).click()
            page.get_by_text("Epoch 125, step 1000").wait_for()
            page.wait_for_timeout(1000)
            save(page, folder / "page.png")
            page.eval_on_selector(".transport", "bar => { bar.style.position = 'static'; }")
            panel = page.locator(".panel", has=page.get_by_role("tablist"))
            for name, (tab, button) in PANELS.items():
                page.get_by_role("tab", name=tab).click()
                if button:
                    page.get_by_role("button", name=button, exact=True).click()
                page.wait_for_timeout(1000)
                save(panel, folder / f"{name}.png")
        finally:
            server.send_signal(SIGINT)


def main() -> None:
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        recordings(browser)
        the_page(browser)
        browser.close()


if __name__ == "__main__":
    main()
