"""What one takes away: scripts that come to the same bits, and a file that predicts the same."""

import os
import subprocess
import sys

import numpy as np
import pytest

import plainnet
from plainnet.files import read_metadata
from plainnet.playground.code import engine_code, textbook_code
from plainnet.playground.datasets import examples_of
from plainnet.playground.scripts import WIDTH
from plainnet.playground.settings import Settings
from plainnet.playground.training import Training
from playground_page import Page

CASES = {
    "the defaults": "step=40",
    "nothing yet": "step=0",
    "momentum, l2": "optimizer=momentum&l2=0.01&step=57",
    "nesterov, tanh": "optimizer=nesterov&layers=5-tanh,3-sigmoid&step=16",
    "adamw, another loss": "optimizer=adamw&l2=0.1&loss=hinge&step=24",
    "l1": "l1=0.003&l2=0.001&optimizer=rmsprop&step=20",
    "dropout": "layers=8-relu-drop0.3,6-elu-drop0.5&step=45",
    "batch normalization": "layers=8-bn-relu,4-bn-silu-drop0.2&optimizer=rmsprop&step=45",
    "He without the root": "initialization=he_without_root&network_seed=3&step=17",
    "clipped gradients": "clip_norm=0.05&optimizer=sgd&learning_rate=0.3&step=30",
    "no hidden layer": "layers=none&features=x1,x2,x1*x2&step=9",
    "a schedule, in the middle": "schedule=cosine&epochs=6&step=20",
    "a schedule, twice and a bit": "schedule=one_cycle&epochs=3&step=52",
    "a schedule, once": "schedule=step&epochs=6&step=48",
}
BY_HAND = {
    "edits": [
        {"step": 0, "edit": ["0.dense.W", [3, 1], 0.5]},
        {"step": 11, "edit": ["0.dense.b", [2], -1.25]},
        {"step": 30, "edit": ["2.dense.W", [0, 0], 0.0]},
    ],
    "settings": [
        {"step": 0, "settings": {"learning_rate": 0.05}},
        {"step": 10, "settings": {"batch_size": 16, "l1": 0.002, "l2": 0.01}},
        {"step": 10, "edit": ["0.dense.b", [0], 1.0]},
        {"step": 17, "settings": {"clip_norm": 0.2}},
        {"step": 24, "settings": {"optimizer": "momentum", "learning_rate": 0.1}},
        {"step": 25, "edit": ["0.dense.b", [1], 2.0]},
        {"step": 26, "settings": {"schedule": "cosine", "epochs": 2}},
    ],
    "a rate during a schedule": [
        {"step": 3, "settings": {"schedule": "exponential", "epochs": 9}},
        {"step": 12, "settings": {"learning_rate": 0.002}},
    ],
    "moves": [
        {"step": 5, "move": ["0.dense", 0, 4]},
        {"step": 20, "settings": {"optimizer": "adamw"}},
        {"step": 30, "move": ["2.dense", 3, 1]},
    ],
    "units that go": [
        {"step": 0, "remove": ["2.dense", 7]},
        {"step": 12, "remove": ["0.dense", 3]},
        {"step": 20, "move": ["0.dense", 0, 4]},
        {"step": 30, "edit": ["0.dense.b", [6], 1.0]},
    ],
}


def trained(settings):
    """A training at the settings' step, as the session brings it there."""
    training = Training(settings, examples_of(settings))
    while training.step < settings.step:
        training.run(lambda: training.step >= settings.step)
    return training


def run(code):
    names = {"__name__": "script"}
    exec(compile(code, "script", "exec"), names)
    return names


def expect_same_bits(settings):
    training = trained(settings)
    code = engine_code(settings, training.examples)
    assert max(map(len, code.splitlines())) <= WIDTH
    network = run(code)["network"]
    assert network.parameters.tobytes() == training.network.parameters.tobytes()
    assert network.state.tobytes() == training.network.state.tobytes()


@pytest.mark.parametrize("link", CASES.values(), ids=CASES.keys())
def test_a_script_comes_to_the_same_bits(link):
    expect_same_bits(Settings.from_link(link))


@pytest.mark.parametrize("changes", BY_HAND.values(), ids=BY_HAND.keys())
@pytest.mark.parametrize("step", [30, 53])
def test_a_script_makes_what_was_changed_by_hand(changes, step):
    expect_same_bits(Settings.from_json({"changes": changes, "step": step}))


def test_a_unit_moves_with_what_normalizes_it():
    settings = Settings.from_link("layers=6-bn-relu,6-bn-leaky_relu-drop0.1,6-bn-sigmoid&step=30")
    changes = [
        {"step": 20, "move": ["0.dense", 0, 4]},
        {"step": 25, "remove": ["0.dense", 2]},
    ]
    expect_same_bits(settings.with_changes({"changes": changes}))


def test_a_script_runs_alone_and_says_how_good_the_network_is(tmp_path):
    settings = Settings.from_link("step=30&layers=4-tanh")
    training = trained(settings)
    (tmp_path / "script.py").write_text(engine_code(settings, training.examples), "utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = training.network.evaluate(*training.examples.train)
    assert f"{found['loss']:.4f}"[:-1] in done.stdout
    assert done.stdout.startswith("training:")
    assert "testing:" in done.stdout


BY_THE_GUIDE = "optimizer=sgd&batch_size=300&learning_rate=0.1&step=150"


@pytest.mark.parametrize(
    "more",
    [
        "",
        "&initialization=glorot&layers=5",
        "&initialization=he_without_root",
        "&initialization=too_small",
        "&initialization=zeros&layers=none",
        "&initialization=too_large&learning_rate=0.001&layers=4&step=20",
        "&test_share=0",
    ],
)
def test_the_class_of_the_guide_comes_close(more):
    settings = Settings.from_json({})
    for part in (BY_THE_GUIDE + more).split("&"):
        name = part.partition("=")[0]
        settings = settings.with_changes({name: getattr(Settings.from_link(part), name)})
    training = trained(settings)
    book = run(textbook_code(settings, training.examples))["network"]
    assert isinstance(book, plainnet.NeuralNetwork)
    dense = [name for name in training.network.tensors if name.endswith("W")]
    for l, name in enumerate(dense, start=1):
        np.testing.assert_allclose(book.parameters[f"W{l}"], training.network[name], atol=2e-4)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("layers=4-tanh", "Tanh"),
        ("layers=4-relu-bn", "batch normalization"),
        ("clip_norm=0.1", "clipped gradients"),
        ("layers=4-relu-drop0.5", "dropout"),
        ("optimizer=adam", "Adam"),
        ("batch_size=32", "batches of 32 of the 225 examples"),
        ("l2=0.1", "regularization"),
        ("schedule=cosine", "a schedule"),
        ("loss=focal", "another loss"),
        ("changes=0:0.dense.b(0)=1", "changes by hand"),
    ],
)
def test_what_the_guide_does_not_have_is_named(link, said):
    with Page(Settings.from_link(link)) as page:
        answer = page.ask("code", form="textbook")
    assert answer["text"] == ""
    assert said in answer["why"]


def test_code_and_file_are_of_the_step_that_is_shown():
    with Page() as page:
        page.advance(40)
        page.send("show", step=30)
        page.wait("state", lambda state: state["shown"] == 30)
        code = page.ask("code", form="engine")
        content, _ = page.ask("file")
        record = page.session.training.past.at(30)
    assert code["step"] == 30
    assert content["name"] == "playground-step-30.npz"
    assert run(code["text"])["network"].parameters.tobytes() == record.parameters.tobytes()


def test_a_script_says_where_the_training_diverges():
    link = "data=plane&layers=none&optimizer=sgd&batch_size=300&learning_rate=1000"
    with Page(Settings.from_link(link)) as page:
        step = page.advance(100)["step"]
        training = page.session.training
        code = page.ask("code", form="engine")["text"]
        page.send("show", step=step - 1)
        page.wait("state", lambda state: state["shown"] == step - 1)
        assert "diverges" not in page.ask("code", form="engine")["text"]
    comment = " ".join(line[2:] for line in code.splitlines() if line.startswith("# "))
    assert comment == f"The playground's training diverges here: {training.failed}."
    with np.errstate(all="ignore"):
        network = run(code)["network"]
    assert network.parameters.tobytes() == training.past.at(step).parameters.tobytes()


@pytest.mark.parametrize(
    "link", ["", "layers=8-bn-relu-drop0.2", "initialization=he_without_root&layers=4-tanh"]
)
def test_a_file_predicts_what_the_network_does(link, tmp_path):
    with Page(Settings.from_link(link)) as page:
        page.advance(25)
        content, (written,) = page.ask("file")
        training = page.session.training
    path = tmp_path / content["name"]
    path.write_bytes(bytes(written))
    network = plainnet.load(path)
    X = training.examples.X
    assert network.predict_proba(X).tobytes() == training.network.predict_proba(X).tobytes()
    metadata = read_metadata(path)
    assert metadata["classes"] == ["0", "1", "2"]
    assert Settings.from_link(metadata["link"]) == training.until(25)


def test_a_script_reads_the_table_that_was_dropped_in(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'yes' if a * b > 0 else 'no'}" for a, b in rng.normal(size=(60, 2))]
    written = "\n".join(["a,b,answer", *rows]).encode()
    with Page() as page:
        page.session.post({"do": "table", "name": "own.csv"}, [written])
        page.wait("table")
        page.advance(15)
        code = page.ask("code", form="engine")["text"]
        parameters = page.session.training.network.parameters.copy()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_bytes(written)
    assert run(code)["network"].parameters.tobytes() == parameters.tobytes()


def test_a_network_of_ones_own_is_left_to_the_reader():
    settings = Settings.from_link("layers=4-tanh")
    training = trained(settings)
    network, examples = training.network, training.examples
    with Page(settings, given=network, examples=examples) as page:
        page.advance(10)
        code = page.ask("code", form="engine")["text"]
        assert page.ask("code", form="textbook")["why"]
        after = page.session.training.network.parameters.copy()
    X, y = examples.train
    names = {"network": network, "X": X, "y": y}
    exec(code, names)
    assert network.parameters.tobytes() == after.tobytes()


def test_another_form_is_refused():
    with Page() as page:
        page.send("code", form="pascal")
        assert "pascal" in page.wait("refused")["why"]
