"""What each extra is for, done with nothing else installed: `python tests/alone.py cli`.

`tests/versions.py` makes the environments, at the lowest versions that pyproject.toml allows, and
runs this in an empty folder. `numpy` stands for no extra at all.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np

import plainnet
from plainnet.layers import Dense, ReLU


def numpy() -> None:
    subprocess.run([sys.executable, "-m", "plainnet.textbook"], check=True, capture_output=True)
    book = plainnet.NeuralNetwork(4, [8], 2, learning_rate=0.5, seed=0)
    X, y = _blobs()
    book.train(X.T, plainnet.one_hot(y, 2).T, epochs=101)
    assert (book.predict(X.T) == y).mean() > 0.9
    network, _ = _trained(plainnet.optimizers.Adam(0.01))
    plainnet.save(network, "network.npz")
    np.testing.assert_array_equal(plainnet.load("network.npz").predict(X), network.predict(X))
    plainnet.trace(network, X[:2], y[:2]).save("trace.html")
    assert "<math" not in Path("trace.html").read_text("utf-8")


def progress() -> None:
    from tqdm import tqdm

    assert tqdm  # without it, `train` prints lines
    _trained(plainnet.optimizers.Adam(0.01), progress=True)


def scipy() -> None:
    _trained(plainnet.LBFGS(), batch_size=None)


def sklearn() -> None:
    from sklearn.model_selection import cross_val_score

    from plainnet.estimators import MLPClassifier, TabularClassifier, load, save

    X, y = _blobs()
    scores = cross_val_score(MLPClassifier(8, solver="lbfgs", random_state=0), X, y)
    assert scores.mean() > 0.9
    model = TabularClassifier(epochs=5, n_networks=1, random_state=0).fit(X, y)
    save(model, "model.skops")
    np.testing.assert_array_equal(load("model.skops").predict_proba(X), model.predict_proba(X))


def images() -> None:
    from PIL import Image

    from plainnet.estimators import ImageClassifier

    pixels = np.random.default_rng(0).integers(0, 256, (20, 9, 9), dtype=np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(f"{i}.png")
    names = [f"{i}.png" for i in range(20)]
    model = ImageClassifier("fast", epochs=2, random_state=0).fit(names, list("ab") * 10)
    np.testing.assert_array_equal(model.predict_proba(names), model.predict_proba(pixels))


def plots() -> None:
    import matplotlib

    matplotlib.use("Agg")
    _, history = _trained(plainnet.optimizers.Adam(0.01))
    history.plot().figure.savefig("history.png")


def notebooks() -> None:
    network, _ = _trained(plainnet.optimizers.Adam(0.01))
    assert "<math" in plainnet.trace(network, _blobs()[0][:2])._repr_html_()


def tensorboard() -> None:
    _trained(plainnet.optimizers.Adam(0.01), callbacks=[plainnet.callbacks.TensorBoardLog("log")])
    assert list(Path("log").glob("events*"))


def data() -> None:
    """A file that is fetched from this machine."""
    from functools import partial
    from hashlib import sha256
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    from plainnet.errors import optional

    Path("web").mkdir()
    Path("web/a.txt").write_text("hello")
    handler = partial(SimpleHTTPRequestHandler, directory="web")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        pooch = optional("pooch", purpose="this", extra="data")
        url = f"http://127.0.0.1:{server.server_port}/a.txt"
        checksum = f"sha256:{sha256(b'hello').hexdigest()}"
        fetched = pooch.retrieve(url, known_hash=checksum, path="cache", progressbar=False)
        server.shutdown()
    assert Path(fetched).read_text() == "hello"


def rl() -> None:
    from plainnet.rl import PPO, load_agent, record

    agent = PPO("CartPole-v1", n_envs=4, n_steps=64, seed=0).learn(2048, progress=False)
    agent.save("agent.npz")
    returns = agent.evaluate(5)
    assert returns.shape == (5,)
    assert load_agent("agent.npz").steps == 2048
    record(agent, "cartpole.gif")


def cli() -> None:
    for command in ("", "train", "predict", "tune", "rl", "rl train", "rl watch", "explain"):
        _command(f"{command} --help")
    _command("train digits --epochs 2 --out digits.npz")
    assert _command("predict digits.npz digits").count("\n") > 300
    _table()
    _command("train flowers.csv --target species --preset fast --epochs 2 --out flowers.skops")
    assert _command("predict flowers.skops flowers.csv --proba").count("\n") == 151
    assert "P[0, 0] = " in _command("explain flowers.skops flowers.csv --row 3")
    _command("train flowers.parquet --target species --preset fast --epochs 2 --out p.skops")
    assert "See plainnet train --help" in _command("train", code=2)


def tune() -> None:
    _table()
    _command("tune flowers.csv --target species --preset fast --epochs 2 --trials 2")


def playground() -> None:
    """The page, as a browser that was let in gets it, and what other extras do for it."""
    from http.cookiejar import CookieJar
    from urllib.request import HTTPCookieProcessor, build_opener

    from plainnet.inspection.tracing.html import mathematics
    from plainnet.playground.datasets import examples_of
    from plainnet.playground.server import running
    from plainnet.playground.settings import Settings

    assert "<math" in mathematics("x^2")
    assert examples_of(Settings(data="iris")).names
    assert "--setting" in _command("playground --help")
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    with running() as server:
        assert b"playground.js" in browser.open(server.address).read()


def widget() -> None:
    from plainnet.playground import View

    view = View(_trained(plainnet.optimizers.Adam(0.01))[0], *_blobs(), learning_rate=0.03)
    assert view._esm
    assert isinstance(view.network.layers[0], Dense)
    view.close()


def _blobs() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def _trained(optimizer, *, progress=False, batch_size=20, callbacks=()):
    X, y = _blobs()
    network = plainnet.Network(
        [Dense(16), ReLU(), Dense(2)],
        loss=plainnet.losses.SoftmaxCrossEntropy(),
        input_shape=4,
        seed=0,
    )
    history = plainnet.train(
        network,
        X,
        y,
        optimizer=optimizer,
        epochs=30,
        batch_size=batch_size,
        seed=0,
        progress=progress,
        callbacks=callbacks,
    )
    assert network.evaluate(X, y)["accuracy"] > 0.9
    return network, history


def _table() -> None:
    from sklearn.datasets import load_iris

    iris = load_iris(as_frame=True).frame.rename(columns={"target": "species"})
    iris["species"] = iris["species"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
    iris.to_csv("flowers.csv", index=False)
    iris.to_parquet("flowers.parquet")


def _command(arguments: str, code: int = 0) -> str:
    """What `plainnet` with these arguments prints."""
    program = Path(sysconfig.get_path("scripts"), "plainnet")
    command = [program, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"plainnet {arguments}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout + done.stderr


CHECKS = [
    numpy,
    progress,
    scipy,
    sklearn,
    images,
    plots,
    notebooks,
    tensorboard,
    data,
    rl,
    cli,
    tune,
    playground,
    widget,
]

if __name__ == "__main__":
    {check.__name__: check for check in CHECKS}[sys.argv[1]]()
