"""One save and one load for whatever plainnet has, and what other files seem to be."""

import gzip
import pickle
import zipfile

import numpy as np
import pytest

import plainnet
from plainnet import Network, load, save
from plainnet.callbacks import Checkpoint
from plainnet.errors import FileError, SettingError
from plainnet.files.kinds import FOREIGN
from plainnet.layers import Dense
from plainnet.losses import MeanSquaredError
from plainnet.optimizers import Adam


def network():
    return Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)


def test_an_estimator_and_a_pipeline_around_one(tmp_path):
    pytest.importorskip("skops")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from plainnet.estimators import NetworkRegressor
    from plainnet.estimators import load as load_estimator

    X = np.random.default_rng(0).normal(size=(20, 3))
    model = NetworkRegressor([Dense(1)], epochs=1, random_state=0)
    for thing in (model.fit(X, X[:, 0]), make_pipeline(StandardScaler(), model).fit(X, X[:, 0])):
        for name in ("m.skops", "m", "m.model"):
            save(thing, tmp_path / name)
            assert type(load(tmp_path / name)) is type(thing)
            np.testing.assert_array_equal(load(tmp_path / name).predict(X), thing.predict(X))
            np.testing.assert_array_equal(
                load_estimator(tmp_path / name).predict(X), thing.predict(X)
            )
    with pytest.raises(SettingError, match=r"ending of a network, .* name the file .*m\.skops"):
        save(model, tmp_path / "m.npz")
    with pytest.raises(SettingError, match="metadata go with a network"):
        save(model, tmp_path / "m.skops", metadata={})


def test_an_agent(tmp_path):
    pytest.importorskip("gymnasium")
    from plainnet.rl import A2C, load_agent

    agent = A2C("CartPole-v1", n_envs=2, hidden=(4,), seed=0)
    save(agent, tmp_path / "a.npz")
    X = np.ones((3, 4), np.float32)
    for read in (load, load_agent):
        np.testing.assert_array_equal(read(tmp_path / "a.npz").values(X), agent.values(X))
    assert type(load(tmp_path / "a.npz", env="CartPole-v1")) is A2C
    for ending in (".skops", ".pt"):
        with pytest.raises(SettingError, match="name the file"):
            agent.save(tmp_path / f"a{ending}")
    with pytest.raises(SettingError, match="custom goes with a network"):
        load(tmp_path / "a.npz", custom=[Dense])


def test_what_has_no_file_says_what_has(tmp_path):
    with pytest.raises(SettingError, match=r"save\(network.to_network\(\), path\)"):
        save(plainnet.NeuralNetwork(2, [4], 2), tmp_path / "m")
    for thing in (Adam(), Dense(2), None, {}, np.zeros(3), Network):
        with pytest.raises(SettingError, match="the thing to save must be a Network, an estimator"):
            save(thing, tmp_path / "m")
    with pytest.raises(SettingError, match=r"save\(network, path\)"):
        save(tmp_path / "m", network())
    with pytest.raises(SettingError, match="path must be a file's name"):
        save(network(), None)
    with pytest.raises(SettingError, match="path must be a file's name"):
        load(3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [*FOREIGN, ".PT", ".skops"])
def test_a_name_that_promises_another_format_is_refused(tmp_path, ending):
    with pytest.raises(SettingError, match=r"name the file .*model\.npz"):
        save(network(), tmp_path / f"model{ending}")
    with pytest.raises(SettingError, match=r"name the file .*model\.npz"):
        Checkpoint(tmp_path / f"model{ending}")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_holds_nan_does_not_replace_one_that_works(tmp_path):
    net = network()
    save(net, tmp_path / "m.npz")
    net["0.dense.b"][1] = np.nan
    with pytest.raises(SettingError, match=r"0\.dense\.b contains NaN or infinity"):
        save(net, tmp_path / "m.npz")
    assert np.isfinite(load(tmp_path / "m.npz").parameters).all()


# --- files of others ------------------------------------------------------------------------------


def zip_of(*names):
    def make(path):
        with zipfile.ZipFile(path, "w") as file:
            for name in names:
                file.writestr(name, b"x")

    return make


def npz(path):
    with open(path, "wb") as file:
        np.savez(file, weights=np.zeros(3), x=np.zeros(1))


OTHERS = {
    "an empty file": b"",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "PyTorch": zip_of("model/data.pkl", "model/data/0", "model/version"),
    "a pickle": pickle.dumps({"a": [1, 2]}, protocol=4),
    "Keras": zip_of("config.json", "metadata.json", "model.weights.h5"),
    "ONNX": bytes.fromhex("080a1207") + b"pytorch" + bytes(20),
    "safetensors": (40).to_bytes(8, "little") + b'{"w":{"dtype":"F32"}}' + bytes(60),
    "other arrays: weights, x": npz,
    "a single NumPy array": b"\x93NUMPY\x01\x00v\x00{}",
    "CSV": b"a,b\n1,2\n",
    "JSON": b'{"layers": []}',
    "a web page": b"<!DOCTYPE html><html>404</html>",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n",
    "gzip": gzip.compress(b"x"),
    "Parquet": b"PAR1" + bytes(40),
    "SQLite": b"SQLite format 3\0" + bytes(40),
    "text": b"Dear all\n",
    "binary file": bytes(range(128, 256)) + bytes(8),
    "ends early": b"PK\x03\x04" + bytes(50),
    "zip file of something else": zip_of("readme"),
}


@pytest.mark.parametrize("seems", OTHERS)
def test_what_another_file_seems_to_be(tmp_path, seems):
    path, content = tmp_path / "model", OTHERS[seems]
    path.write_bytes(content) if isinstance(content, bytes) else content(path)
    with pytest.raises(FileError, match=f"model is not a plainnet model: .*{seems}"):
        load(path)


def test_a_folder_and_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileError, match="not a plainnet model: it seems to be a folder"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


def test_a_reader_of_one_kind_is_told_the_other(tmp_path):
    pytest.importorskip("skops")
    from plainnet.estimators import load as load_estimator

    save(network(), tmp_path / "m.npz")
    with pytest.raises(FileError, match=r"not a saved estimator: .*a plainnet file of a network"):
        load_estimator(tmp_path / "m.npz")
