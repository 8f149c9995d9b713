"""What the playground costs: a frame on the server and in the browser, and the first picture.

OPENBLAS_NUM_THREADS=1 python benchmarks/playground.py

Seen on a quiet Intel Xeon of two cores on 2026-12-01 (limits in brackets, for the default network,
2-8-8-3 on a spiral): ten steps 0.74 ms alone, a frame with its ten steps 3.83 ms (twice that and
4 ms more, 5.48 ms), drawing 1.8 ms and 4.1 ms until all canvases have their pixels (6 ms), the
first picture 0.32 s after the server's answer (2 s), 59 frames a second (20). Digits with 64-32-10:
a frame 4.87 ms, drawing 1.6 ms, the first picture 0.35 s, 45 frames a second.
"""

import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from plainnet.playground.building import network_of, optimizer_of
from plainnet.playground.datasets import examples_of
from plainnet.playground.session import Session
from plainnet.playground.settings import Settings
from plainnet.playground.wire import packed
from plainnet.training import train

NETWORKS = {
    "2-8-8-3 on a spiral": "",
    "64-32-10 on digits": "data=digits&layers=32-relu",
    "64-64-32-10 on digits": "data=digits&layers=64-relu,32-relu",
}
FRAMES, ROUNDS = 50, 15
SECONDS = 5
"""How long a browser plays."""


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


class Page:
    """Stands for a page that draws at once; counts frames and their bytes."""

    def __init__(self, link: str) -> None:
        self.arrived, self.frames, self.bytes = threading.Event(), 0, 0
        self.session = Session(self.take, Settings.from_link(link))
        self.session.start()
        self.wait()

    def take(self, content: dict[str, Any], buffers: Any) -> None:
        message = packed(content, buffers)
        if content["is"] == "frame":
            self.frames, self.bytes = self.frames + 1, len(message)
            self.session.post({"do": "drawn", "number": content["number"]})
        elif content["is"] == "state" and content["status"] == "paused":
            self.arrived.set()

    def wait(self) -> None:
        self.arrived.wait()
        self.arrived.clear()

    def play(self, frames: int) -> float:
        """Seconds per frame of ten steps."""
        start = time.perf_counter()
        self.session.post({"do": "advance", "steps": 10 * frames})
        self.wait()
        return (time.perf_counter() - start) / frames


def ten_steps_alone(link: str) -> Any:
    settings = Settings.from_link(link)
    examples = examples_of(settings)
    network, optimizer = network_of(settings, examples), optimizer_of(settings)
    per_epoch = -(-examples.n_train // settings.batch_size)
    epochs = -(-10 * FRAMES // per_epoch)

    def run() -> float:
        start = time.perf_counter()
        train(network, *examples.train, optimizer=optimizer, epochs=epochs,
              batch_size=settings.batch_size, seed=0, progress=False)  # fmt: skip
        return (time.perf_counter() - start) / (epochs * per_epoch) * 10

    return run


def on_the_server() -> None:
    print("| network | ten steps alone | a frame with its ten steps | limit | bytes |")
    print("|---|---|---|---|---|")
    for name, link in NETWORKS.items():
        alone, page = ten_steps_alone(link), Page(link)
        spent: dict[str, list[float]] = {"alone": [], "frame": []}
        for _ in range(ROUNDS):
            spent["alone"].append(1e3 * alone())
            spent["frame"].append(1e3 * page.play(FRAMES))
        page.session.close()
        ten, frame = (statistics.median(each) for each in spent.values())
        print(f"| {name} | {ten:.2f} ms | {frame:.2f} ms | {2 * ten + 4:.2f} ms | {page.bytes:,} |")


@contextmanager
def server() -> Iterator[str]:
    """The address of the command, which runs in a process of its own."""
    command = [sys.executable, "-m", "plainnet", "playground", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


SEE = """(() => {
  const look = () => {
    const app = document.querySelector(".plainnet-playground")?.app;
    if (!app?.frame) return requestAnimationFrame(look);
    const { responseEnd } = performance.getEntriesByType("navigation")[0];
    window.firstPicture = performance.now() - responseEnd;
  };
  look();
})()"""
"""Notes when the browser comes to paint after the first frame is drawn."""

PLAY = """async ([seconds, waits]) => {
  const { app } = document.querySelector(".plainnet-playground");
  const canvases = [...document.querySelectorAll("canvas")].filter((each) => each.offsetParent);
  const spent = [];
  const look = () => {
    spent.push(app.drawing); // of the frame before
    if (waits) canvases.forEach((each) => each.getContext("2d").getImageData(0, 0, 1, 1));
  };
  app.send("begin");
  app.on("frame", look);
  app.send("play");
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  app.listeners.frame.splice(app.listeners.frame.indexOf(look), 1);
  app.send("pause");
  return spent.slice(2);
}"""
"""Milliseconds that each frame was drawn for; `waits` until every canvas has its pixels."""


def in_the_browser() -> None:
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print("The browser is left out: Playwright and Chromium are needed.")
        return
    print("| network | first picture | drawing, median | 95% | with all pixels | frames a second |")
    print("|---|---|---|---|---|---|")
    with server() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, link in NETWORKS.items():
            first = []
            for _ in range(5):  # each time with nothing in the cache
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                page = context.new_page()
                page.add_init_script(SEE)
                page.goto(f"{address}#{link}")
                first.append(page.wait_for_function("() => window.firstPicture").json_value())
                if len(first) < 5:
                    context.close()
            page.evaluate(PLAY, [1, False])  # to warm up
            spent = page.evaluate(PLAY, [SECONDS, False])
            whole = statistics.median(page.evaluate(PLAY, [SECONDS, True]))
            median, most = np.quantile(spent, [0.5, 0.95])
            print(
                f"| {name} | {statistics.median(first):.0f} ms | {median:.1f} ms | {most:.1f} ms "
                f"| {whole:.1f} ms | {len(spent) / SECONDS:.0f} |"
            )
            context.close()
        browser.close()


if __name__ == "__main__":
    print(f"{processor()}, Python {platform.python_version()}, NumPy {np.__version__}")
    on_the_server()
    print()
    in_the_browser()
