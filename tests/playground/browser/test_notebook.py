"""The view in JupyterLab: the same files, with a notebook's kernel behind them."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import plainnet

pytest.importorskip("playwright", reason="playwright is not installed")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")

PATIENCE = 120_000
"""Milliseconds that JupyterLab and its kernel may take to start on a busy machine."""

CELL = """
import numpy as np
from plainnet import Network
from plainnet.layers import Dense, ReLU
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.playground import View
X = np.random.default_rng(0).standard_normal((200, 2))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
network = Network([Dense(8), ReLU(), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)
view = View(network, X, y, learning_rate=0.03)
view
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab whose folder holds one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    cell = {"cell_type": "code", "source": CELL, "metadata": {}, "outputs": [],
            "execution_count": None, "id": "one"}  # fmt: skip
    after = cell | {"source": "print('accuracy', view.network.evaluate(X, y)['accuracy'])",
                    "id": "two"}  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": [cell, after], "metadata": {"kernelspec": kernel},
                "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    (folder / "view.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"JUPYTER_CONFIG_DIR": folder / "config", "JUPYTER_DATA_DIR": folder / "data",
           "JUPYTER_RUNTIME_DIR": folder / "runtime",
           "PYTHONPATH": Path(plainnet.__file__).parents[1]}  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
         "--ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
         "--LabApp.news_url=None",
         "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
        env={**os.environ, **{name: str(path) for name, path in own.items()}},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, "JupyterLab did not start"
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(20)


def test_a_network_learns_in_a_cell(lab, browser):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(PATIENCE)
    page.goto(f"{lab}/lab/tree/view.ipynb", timeout=PATIENCE)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(1).wait_for()
    page.get_by_text("| Idle").wait_for()  # a cell that is run before there is a kernel is not
    cells.first.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    view = page.locator(".plainnet-playground")
    view.wait_for()
    view.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "() => document.querySelector('.plainnet-playground').app.frame?.step > 300"
    )
    view.get_by_role("button", name="Pause", exact=True).click()
    cells.nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = cells.nth(1).locator(".jp-OutputArea-output")
    output.wait_for()
    assert float(output.inner_text().split()[-1]) > 0.9
    assert errors == []
    page.close()
