"""The forward pass in JavaScript, held to NumPy's in the browser."""

import base64
from copy import deepcopy

import numpy as np
import pytest

from plainnet import Network
from plainnet.layers import Dense, Mish, Softplus, Tanh
from plainnet.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy
from plainnet.playground import assets
from plainnet.playground.datasets import examples_of
from plainnet.playground.exporting import recording_of
from plainnet.playground.frames import Frames
from plainnet.playground.settings import Settings
from plainnet.playground.training import Training

pytest.importorskip("playwright", reason="playwright is not installed")

LINKS = [
    "",
    "layers=6-tanh-bn,5-sigmoid-drop0.3",
    "layers=6-gelu,6-elu,6-silu,6-leaky_relu&initialization=too_large",
    "layers=none",
    "layers=4-relu&loss=hinge",
    "layers=7-identity-bn,3-relu&loss=focal&classes=5",
    "initialization=zeros",
    "data=circle&layers=5-tanh",
    "data=hills&layers=5-relu",
    "data=waves&loss=huber&layers=4-elu",
    "data=iris&layers=6-sigmoid",
    "data=digits&layers=8-relu",
]


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    page.evaluate(
        """async (code) => {
          const url = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
          window.it = await import(url);
        }""",
        assets.module("recording") + "\nexport { forwardPass, erf };",
    )
    yield page
    page.close()


GIVEN = {
    "softplus, mish": ([Dense(5), Softplus(), Dense(4), Mish(), Dense(2)], SoftmaxCrossEntropy()),
    "one output": ([Dense(6), Tanh(), Dense(1)], SigmoidCrossEntropy()),
}
"""Networks that settings do not describe, but a view in a notebook may be given."""


def trained(link: str, steps: int = 60) -> Training:
    settings, given = Settings.from_link("data=circle" if link in GIVEN else link), None
    if link in GIVEN:
        layers, loss = deepcopy(GIVEN[link])
        given = Network(layers, loss=loss, input_shape=2, seed=0)
    training = Training(settings, examples_of(settings), given)
    training.run(lambda: training.step >= steps)
    return training


@pytest.mark.parametrize("link", [*LINKS, *GIVEN])
def test_outputs_are_numpys(page, link):
    training = trained(link)
    recording = recording_of(training, 10)
    found = page.evaluate(
        """(recording) => {
          const model = new it.RecordingModel(recording);
          const frame = model.frames.at(-1);
          const outputs = it.forwardPass(recording.layers, model.rows,
            model.rows.length / recording.n_in, frame.parameters, it.floatsOf(frame.state));
          return Array.from(outputs[recording.layers.at(-1).name]);
        }""",
        recording,
    )
    network, X = training.network, training.examples.X
    expected = network.astype(np.float64).outputs(X)
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-9, atol=1e-9)
    in_training = network.outputs(X)
    tolerance = 1e-5 * max(1, float(np.abs(in_training).max()))
    np.testing.assert_allclose(np.reshape(found, expected.shape), in_training, atol=tolerance)


@pytest.mark.parametrize("link", [*LINKS, *GIVEN])
def test_pictures_are_those_of_the_session(page, link):
    training = trained(link)
    recording = recording_of(training, 10)
    arrays = page.evaluate(
        """(recording) => {
          const model = new it.RecordingModel(recording);
          const [, buffers] = model.made(model.frames.at(-1));
          const text = (buffer) => btoa(Array.from(new Uint8Array(buffer),
            (byte) => String.fromCharCode(byte)).join(""));
          return buffers.map(text);
        }""",
        recording,
    )
    _, expected = Frames(training.network, training.examples).frame(training.past.last)
    names = ["parameters", "gradients", "tiles", "scales", "regions", "confidence", "decided"]
    for name, text, array in zip(names, arrays, expected, strict=False):
        if name == "gradients":
            continue  # which are not recorded
        found = np.frombuffer(base64.b64decode(text), array.dtype).reshape(array.shape)
        off = np.abs(found.astype(float) - array.astype(float))
        is_class = bool(training.examples.classes) and name in ("regions", "decided")
        if is_class:
            assert np.mean(off > 0) < 2e-3, name  # ties may fall to either side
        else:
            assert off.max(initial=0) <= (1 if array.dtype == np.uint8 else 1e-4), name


def test_erf(page):
    special = pytest.importorskip("scipy.special", reason="the extra `scipy` is not installed")
    x = np.concatenate([np.linspace(-7, 7, 1001), [0.0, 1e-300, -1e-9, 2.5, -2.5]])
    found = page.evaluate("(x) => x.map(it.erf)", x.tolist())
    np.testing.assert_allclose(found, special.erf(x), rtol=4e-15, atol=0)
