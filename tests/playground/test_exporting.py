"""An exported page: what is in it, and what is refused."""

import base64
import re

import numpy as np
import pytest

from plainnet import Network
from plainnet.errors import SettingError
from plainnet.layers import Conv2d, Dense, Flatten
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.playground.datasets import examples_of
from plainnet.playground.exporting import as_data, chosen, export, page_of, recording_of
from plainnet.playground.settings import Settings
from plainnet.playground.training import Training
from recordings import recording_in


def trained(link: str, steps: int) -> Training:
    settings = Settings.from_link(link)
    training = Training(settings, examples_of(settings))
    training.run(lambda: training.step >= steps)
    return training


def test_the_recorded_weights_are_those_of_the_training():
    training = trained("", 120)
    recording = recording_of(training, 50)
    steps = [frame["step"] for frame in recording["frames"]]
    assert steps[0] == 0
    assert steps[-1] == 120
    assert len(steps) <= 50
    bits = 0
    for frame in recording["frames"]:
        planes = np.frombuffer(base64.b64decode(frame["parameters"]), np.uint8).reshape(4, -1)
        bits ^= sum(plane.astype(np.uint32) << 8 * i for i, plane in enumerate(planes))
        record = training.past.at(frame["step"])
        np.testing.assert_array_equal(bits.view(np.float32), record.parameters)


def test_a_step_of_the_default_network_takes_about_half_a_kilobyte():
    training = trained("", 1000)
    few, many = (len(page_of(training, most)) for most in (100, 250))
    steps = [len(chosen(training.past, most)) for most in (100, 250)]
    assert (many - few) / (steps[1] - steps[0]) < 600


def test_the_file_needs_nothing_else(tmp_path):
    path = tmp_path / "page.html"
    export(path, "layers=3-tanh&points=40", steps=5, title="Spirals <b>")
    text = path.read_text("utf-8")
    assert "<title>Spirals &lt;b&gt;</title>" in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert not re.findall(r"https?://(?!www\.w3\.org)[\w.]+", text)
    assert recording_in(text)["frames"][-1]["step"] == 5


def test_what_cannot_be_replayed_is_refused_before_it_is_written(tmp_path):
    with pytest.raises(SettingError, match=r"\.html file; got .*page\.pdf"):
        export(tmp_path / "page.pdf", "")
    with pytest.raises(SettingError, match="steps"):
        export(tmp_path / "page.html", "", steps=0)
    with pytest.raises(SettingError, match="there is no setting 'nonsense'"):
        export(tmp_path / "page.html", "nonsense=1")
    assert not list(tmp_path.iterdir())


def test_layers_that_the_page_does_not_know():
    network = Network(
        [Conv2d(2, 1), Flatten(), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=(2, 2, 1)
    )
    with pytest.raises(SettingError, match=r"0\.conv2d.*cannot be exported"):
        as_data(network)
