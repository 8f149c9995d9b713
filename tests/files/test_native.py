"""Saving and loading: nothing is lost, nothing is run, and a broken file says that it is one."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from plainnet import Cache, Network, load, save
from plainnet.errors import ArgumentError, FileError, SettingError
from plainnet.files import read_metadata
from plainnet.initializers import Initializer, Orthogonal
from plainnet.layers import Dense, Dropout, Flatten, Layer, LeakyReLU, Residual, Sequential, Tanh
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy


class Stretch(Layer):
    """A layer of one's own, with a parameter and running state."""

    def __init__(self, factor: float, *, start: Initializer | None = None) -> None:
        self.factor, self.start = factor, start

    def build(self, input_shape):
        self.declare("g", input_shape, self.start or Half())
        self.declare_state("calls", (2,), Half())
        return input_shape

    def forward(self, A, cache):
        cache["A"] = A
        return A * self.g * self.factor

    def backward(self, dA, cache):
        self.dg[:] = (dA * cache["A"]).sum(axis=0) * self.factor
        return dA * self.g * self.factor


class Half(Initializer):
    """An initializer of one's own."""

    def __call__(self, rng, shape):
        return np.full(shape, 0.5)


class Tripled(MeanSquaredError):
    """A loss of one's own."""

    def forward(self, Z, y, cache):
        return 3 * super().forward(Z, y, cache)


CUSTOM = [Stretch, Half, Tripled]


def network_of(dtype: type = np.float32) -> Network:
    return Network(
        [
            Flatten(),
            Dense(4, initializer=Orthogonal(1.5)),
            LeakyReLU(0.2),
            Residual([Sequential([Dense(4, bias=False), Tanh()]), Dropout(0.25)]),
            Dense(3),
        ],
        loss=SoftmaxCrossEntropy(label_smoothing=0.1),
        input_shape=(2, 3),
        seed=5,
        dtype=dtype,
    )


def own_network() -> Network:
    network = Network([Stretch(2.5, start=Half()), Dense(1)], loss=Tripled(), input_shape=3, seed=1)
    network["0.stretch.calls"] = [7, 8]
    return network


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.npz"


def write(path: Path, **changes: object) -> None:
    """A file like that of `save`, with some entries changed; None leaves one out."""
    network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
    entries: dict[str, object] = {
        "format": np.uint8(1),
        "description": {**network.config(), "metadata": {}},
        "parameters": network.parameters,
        "state": network.state,
    }
    entries |= changes
    if isinstance(entries["description"], dict):
        entries["description"] = json.dumps(entries["description"])
    np.savez(path, **{name: value for name, value in entries.items() if value is not None})


def described(**changes: object) -> dict[str, object]:
    """The description in such a file, changed."""
    config = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3).config()
    return {**config, "metadata": {}, **changes}


# --- what went in comes out -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_with_every_bit(path, dtype, rng):
    network = network_of(dtype)
    network.parameters[:] += rng.standard_normal(network.parameters.shape).astype(dtype)
    save(network, path)
    other = load(path)
    np.testing.assert_array_equal(other.parameters, network.parameters, strict=True)
    assert repr(other) == repr(network)
    assert other.summary() == network.summary()
    X = rng.standard_normal((9, 2, 3)).astype(dtype)
    np.testing.assert_array_equal(other.predict_proba(X), network.predict_proba(X))
    assert other.evaluate(X, np.arange(9) % 3) == network.evaluate(X, np.arange(9) % 3)


def test_classes_of_ones_own_come_back_if_they_are_handed_in(path, rng):
    network = own_network()
    save(network, path)
    other = load(path, custom=CUSTOM)
    assert other["0.stretch.calls"].tolist() == [7, 8]
    assert other.layers[0].factor == 2.5
    assert type(other.loss) is Tripled
    X, y = rng.standard_normal((4, 3)).astype(np.float32), np.zeros(4)
    assert other.loss_and_gradients(X, y) == network.loss_and_gradients(X, y)
    np.testing.assert_array_equal(other.gradients, network.gradients)


@pytest.mark.parametrize("missing", CUSTOM, ids=lambda kind: kind.__name__)
def test_a_class_that_is_not_handed_in_is_named(path, missing):
    save(own_network(), path)
    with pytest.raises(FileError, match=f"unknown type '{missing.__name__}'.*custom="):
        load(path, custom=[kind for kind in CUSTOM if kind is not missing])


def test_a_loaded_network_is_a_network_of_its_own(path):
    network = network_of()
    save(network, path)
    first, second = load(path), load(path)
    first.parameters[:] = 0
    np.testing.assert_array_equal(second.parameters, network.parameters)
    network["4.dense.b"] = [1, 2, 3]
    assert second["4.dense.b"].tolist() == [0, 0, 0]


def test_metadata_come_back_as_they_were(path):
    metadata = {"classes": ["a", "ü"], "mean": [0.1, 1e-300], "units": {"x": None}, "ok": True}
    save(network_of(), path, metadata=metadata)
    assert read_metadata(path) == metadata
    assert load(path).parameters.size == network_of().parameters.size


def test_without_metadata_there_are_none(path):
    save(network_of(), path)
    assert read_metadata(path) == {}


@pytest.mark.parametrize("name", ["model", "model.npz", "model.plain", "ü model.bin"])
@pytest.mark.parametrize("kind", [str, Path])
def test_the_file_is_exactly_as_named(tmp_path, name, kind):
    save(network_of(), kind(tmp_path / name))
    assert os.listdir(tmp_path) == [name]
    assert load(kind(tmp_path / name)).parameters.size == network_of().parameters.size


def test_numpy_alone_can_read_it(path):
    network = network_of()
    save(network, path, metadata={"a": 1})
    with np.load(path, allow_pickle=False) as file:
        assert set(file) == {"format", "description", "parameters", "state"}
        assert file["format"] == 1
        np.testing.assert_array_equal(file["parameters"], network.parameters)
        description = json.loads(str(file["description"]))
    assert description["input_shape"] == [2, 3]
    assert description["metadata"] == {"a": 1}


# --- an error while writing -----------------------------------------------------------------------


@pytest.fixture(params=["metadata", "disk"])
def failing(request, monkeypatch):
    """A call of `save` that fails midway."""

    def call(path: Path) -> None:
        network = network_of()
        if request.param == "metadata":
            with pytest.raises(TypeError):
                save(network, path, metadata={"a": object()})
            return
        real = np.savez

        def half(file, **arrays):
            real(file, format=arrays["format"])
            file.flush()
            raise OSError("no space left on device")

        monkeypatch.setattr(np, "savez", half)
        with pytest.raises(OSError, match="no space"):
            save(network, path)
        monkeypatch.undo()

    return call


def test_an_error_while_writing_leaves_no_file(path, failing):
    failing(path)
    assert os.listdir(path.parent) == []


def test_an_error_while_writing_leaves_the_old_file_whole(path, failing):
    save(network_of(), path, metadata={"version": 1})
    before = path.read_bytes()
    failing(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
    assert read_metadata(path) == {"version": 1}


def test_saving_twice_keeps_the_second(path):
    network = network_of()
    save(network, path, metadata={"version": 1})
    network.parameters[:] = 2
    save(network, path, metadata={"version": 2})
    assert read_metadata(path) == {"version": 2}
    assert (load(path).parameters == 2).all()


# --- files that are none --------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_just_that(path):
    with pytest.raises(FileNotFoundError):
        load(path)
    with pytest.raises(FileNotFoundError):
        read_metadata(path)


both = pytest.mark.parametrize("read", [load, read_metadata])


@both
@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"PK", b"PK\x03\x04", b"\x93NUMPY", b"\x80\x04N.", b"\0" * 1000],
    ids=lambda content: repr(content[:12]),
)
def test_any_other_file_is_refused(path, read, content):
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"model\.npz is not a plainnet model"):
        read(path)


@both
def test_a_single_array_is_refused(path, read):
    with open(path, "wb") as file:
        np.save(file, np.zeros(5))
    with pytest.raises(FileError, match="not a plainnet model"):
        read(path)


@both
@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.zeros(3)},
        {"format": np.zeros(3)},
        {"format": np.array("one")},
        {"format": np.uint8(1)},
        {"format": np.uint8(1), "description": np.array("no JSON")},
    ],
    ids=repr,
)
def test_another_npz_is_refused(path, read, arrays):
    np.savez(path, **arrays)
    with pytest.raises(FileError, match="not a plainnet model"):
        read(path)


@both
def test_a_directory_is_refused(tmp_path, read):
    with pytest.raises(FileError, match="not a plainnet model"):
        read(tmp_path)


@both
def test_a_zip_of_something_else_is_refused(path, read):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("format", "1")
    with pytest.raises(FileError):
        read(path)


@both
def test_a_format_of_the_future_is_named(path, read):
    write(path, format=np.uint8(2))
    with pytest.raises(FileError, match="has the format 2; this plainnet reads 1"):
        read(path)


@pytest.mark.parametrize("name", ["format", "description", "parameters", "state"])
def test_a_file_that_lacks_an_entry_is_refused(path, name):
    write(path, **{name: None})
    with pytest.raises(FileError, match=f"not a plainnet model.*{name}"):
        load(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"parameters": np.zeros(7, np.float32)}, r"\(8,\), and it holds float32 of shape \(7,\)"),
        ({"parameters": np.zeros(9, np.float32)}, r"\(8,\), and it holds float32 of shape \(9,\)"),
        ({"parameters": np.zeros(8)}, "need float32 numbers .* it holds float64"),
        ({"parameters": np.zeros((2, 4), np.float32)}, r"it holds float32 of shape \(2, 4\)"),
        ({"parameters": np.array(["a"] * 8)}, "need float32 numbers .* it holds <U1"),
        ({"state": np.zeros(1, np.float32)}, r"\(0,\), and it holds float32 of shape \(1,\)"),
    ],
)
def test_vectors_of_the_wrong_length_or_dtype_are_refused(path, entry, message):
    write(path, **entry)
    with pytest.raises(FileError, match=message):
        load(path)


@pytest.mark.parametrize(
    "description",
    [
        [],
        3,
        None,
        "text",
        {},
        described(layers=None),
        described(layers=["Dense"]),
        described(layers=[3]),
        described(layers=[[]]),
        described(layers=[{"type": "Dense"}]),
        described(layers=[{"type": "Dense", "units": 2, "colour": "red"}]),
        described(layers=[{"type": "Dense", "units": -2}]),
        described(layers=[{"type": "Dense", "units": "two"}]),
        described(layers=[{"type": "MeanSquaredError"}]),
        described(layers=[{"type": ["Dense"]}]),
        described(layers=[{"type": "Reshape", "shape": [5]}]),
        described(loss=None),
        described(loss={"type": "Dense", "units": 2}),
        described(input_shape=None),
        described(input_shape=[0]),
        described(input_shape=["a"]),
        described(dtype="float16"),
        described(dtype="no dtype"),
    ],
    ids=lambda description: json.dumps(description)[:40],
)
def test_a_description_of_no_network_is_refused(path, description):
    write(path, description=json.dumps(description))
    with pytest.raises(FileError):
        load(path)


@pytest.mark.parametrize("description", [[], 3, {}], ids=repr)
def test_a_description_without_metadata_is_refused(path, description):
    write(path, description=json.dumps(description))
    with pytest.raises(FileError):
        read_metadata(path)


def test_a_file_cut_off_anywhere_is_refused(path):
    save(Network([Dense(2)], loss=MeanSquaredError(), input_shape=3), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 11):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match="not a plainnet model"):
            load(path)


def test_one_wrong_byte_is_found_or_harmless(path):
    network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3, seed=0)
    save(network, path)
    whole = path.read_bytes()
    refused = harmless = 0
    for place in range(0, len(whole), 4):
        for change in (0x01, 0xFF):
            damaged = bytearray(whole)
            damaged[place] ^= change
            path.write_bytes(damaged)
            try:
                other = load(path)
            except FileError:
                refused += 1
            else:
                harmless += 1
                np.testing.assert_array_equal(other.parameters, network.parameters)
    assert refused > harmless


# --- nothing runs ---------------------------------------------------------------------------------


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@both
@pytest.mark.parametrize("name", ["format", "description", "parameters", "state"])
def test_pickled_objects_are_refused_and_never_run(path, read, name):
    mark = path.with_name("mark")
    trap = np.array([Trap(mark)], dtype=object)
    pickle.loads(pickle.dumps(trap))
    assert mark.exists(), "the trap does not work"
    mark.unlink()
    write(path, **{name: trap})
    with pytest.raises(FileError, match="not a plainnet model"):
        read(path)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["Trap", "os.system", "builtins.eval", "plainnet.files.native.os"])
def test_a_description_can_name_only_known_classes(path, kind):
    write(path, description=described(layers=[{"type": kind, "units": 2}]))
    with pytest.raises(FileError, match="unknown type"):
        load(path)


def test_loading_leaves_a_cache_usable(path, rng):
    save(network_of(), path)
    cache = Cache()
    X = rng.standard_normal((4, 2, 3)).astype(np.float32)
    expected = network_of().forward(X, cache).copy()
    np.testing.assert_array_equal(load(path).forward(X, cache), expected)


# --- what would come back as something else -------------------------------------------------------


def two_layers(*, layers=(), loss=None, kind=Network):
    return kind([*layers, Dense(3)], loss=loss or SoftmaxCrossEntropy(), input_shape=4, seed=0)


NAMESAKES = {
    "a layer": lambda: two_layers(layers=[type("Tanh", (Tanh,), {})()]),
    "a layer inside another": lambda: two_layers(
        layers=[Residual([type("Dense", (Dense,), {})(4)])]
    ),
    "an initializer": lambda: two_layers(
        layers=[Dense(4, initializer=type("Orthogonal", (Orthogonal,), {})())]
    ),
    "a loss": lambda: two_layers(loss=type("SoftmaxCrossEntropy", (SoftmaxCrossEntropy,), {})()),
    "two of one name": lambda: two_layers(
        layers=[type("Mine", (Tanh,), {})(), type("Mine", (Tanh,), {})()]
    ),
}


@pytest.mark.parametrize("namesake", NAMESAKES)
def test_a_class_of_ones_own_under_the_name_of_another_is_not_saved(namesake, tmp_path):
    """Loading knows classes by their names, and would make the other one."""
    with pytest.raises(
        SettingError, match=r"cannot be saved under the name of another class.*renam"
    ):
        save(NAMESAKES[namesake](), tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_methods_that_were_replaced_on_an_object_are_not_saved(tmp_path):
    def changed(part, name):
        network = two_layers(layers=[Tanh()])
        setattr(part(network), name, lambda *_: 0)
        return network

    for part, name, shown in (
        (lambda network: network.layers[0], "forward", r"Tanh\(\) overrides forward"),
        (lambda network: network.loss, "activate", "overrides activate"),
        (lambda network: network, "predict", "this Network overrides predict"),
    ):
        with pytest.raises(SettingError, match=shown):
            save(changed(part, name), tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


class Doubled(Network):
    def outputs(self, X):
        return 2 * super().outputs(X)


class Named(Network):
    """Only adds something."""

    names = ("a", "b", "c")


def test_a_network_that_computes_something_else_is_not_saved(tmp_path):
    with pytest.raises(SettingError, match="this Doubled overrides outputs"):
        save(two_layers(kind=Doubled), tmp_path / "m.npz")
    network = two_layers(kind=Named)
    save(network, tmp_path / "m.npz")
    np.testing.assert_array_equal(load(tmp_path / "m.npz").parameters, network.parameters)


def test_metadata_of_numpys_come_back_as_pythons(tmp_path):
    metadata = {"mean": np.float32(0.5), "n": np.int64(3), "of": np.arange(3)}
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    save(network, tmp_path / "m.npz", metadata=metadata)
    assert read_metadata(tmp_path / "m.npz") == {"mean": 0.5, "n": 3, "of": [0, 1, 2]}


@pytest.mark.parametrize("dtype", [str, object])
def test_metadata_may_be_the_classes_that_unique_gives(tmp_path, dtype):
    classes = np.unique(np.array(["dog", "cat", "dog"], dtype))
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    save(network, tmp_path / "m.npz", metadata={"classes": classes})
    assert read_metadata(tmp_path / "m.npz") == {"classes": ["cat", "dog"]}


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"bytes", object(), 10**5000, {(1, 2): 3}, np.array([{1}, "a"], object)],
    ids=type,
)
def test_metadata_that_json_does_not_have(tmp_path, value):
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, seed=0)
    with pytest.raises(ArgumentError, match="metadata must consist of what JSON can hold"):
        save(network, tmp_path / "m.npz", metadata={"a": value})
    assert list(tmp_path.iterdir()) == []
