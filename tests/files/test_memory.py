"""A file takes the memory that its numbers need, whatever it says of itself."""

import json
import zipfile

import numpy as np
import pytest

from allocations import peak_of
from plainnet import Network, load, save
from plainnet.errors import FileError
from plainnet.layers import Dense, LearnedPositions, Tanh, TransformerBlock
from plainnet.losses import MeanSquaredError

ALLOWED = 20_000_000


def right_of(path):
    with zipfile.ZipFile(path) as file:
        return ALLOWED + 4 * sum(info.file_size for info in file.infolist())


def expect_small_refusal(path, **allowed):
    def refused():
        with pytest.raises(FileError):
            load(path)

    assert peak_of(refused) < ALLOWED


def write(path, layers, input_shape, parameters=0, pack=np.savez, **changes):
    description = {
        "layers": layers,
        "loss": {"type": "MeanSquaredError"},
        "input_shape": input_shape,
        "dtype": "float32",
        "adjusted": {},
        "metadata": {},
        **changes,
    }
    members = {"parameters": np.zeros(parameters, np.float32), "state": np.zeros(0, np.float32)}
    pack(path, format=np.uint8(1), description=np.array(json.dumps(description)), **members)


def layer(kind, **settings):
    return {"type": kind, **settings}


SMALL_FILES = {
    "dense": ([layer("Dense", units=10**8)], [3]),
    "orthogonal": ([layer("Dense", units=10**5, initializer=layer("Orthogonal"))], [10**5]),
    "positions": ([layer("LearnedPositions", length=10**9)], [None, 3]),
    "embedding": ([layer("Embedding", vocabulary=10**9, width=8)], [None]),
    "categories": ([layer("CategoryEmbedding", sizes=[10**9], width=8)], [1]),
    "convolution": ([layer("Conv2d", filters=10**6, kernel_size=999, padding="same")], [8, 8, 3]),
    "attention": ([layer("MultiHeadAttention", heads=10**6, head_width=10**4)], [None, 3]),
    "parallel": (
        [layer("Parallel", parts=[[0, 3 * 10**8]], layers=[layer("Identity")])],
        [3 * 10**8],
    ),
    "upsample": ([layer("Upsample", factor=10**5)], [10**5, 1, 1]),
    "bilinear": ([layer("Upsample", factor=2, mode="bilinear"), layer("Flatten")], [10**9, 1, 1]),
    "pool": ([layer("MaxPool2d", kernel_size=1)], [10**9, 1, 1]),
    "average": ([layer("AveragePool2d", kernel_size=1)], [10**5, 10**5, 1]),
    "window": ([layer("MaxPool2d", kernel_size=10**9, padding="same")], [8, 8, 1]),
    "example": ([layer("Flatten")], [10**9, 10**9]),
    "many": ([layer("Identity")] * 30_000, [3]),
    "blocks": ([layer("TransformerBlock", heads=1)] * 4_000, [None, 2]),
}


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed], ids=["stored", "packed"])
@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_small_file_takes_little_memory(tmp_path, name, pack):
    layers, shape = SMALL_FILES[name]
    write(tmp_path / "m.npz", layers, shape, pack=pack)
    expect_small_refusal(tmp_path / "m.npz")


def test_layers_in_layers_in_layers(tmp_path):
    layers = []
    for _ in range(300):
        layers = [layer("Residual", layers=layers)]
    write(tmp_path / "m.npz", layers, [3])
    with pytest.raises(FileError, match="nested"):
        load(tmp_path / "m.npz")


@pytest.mark.parametrize("name", ["parameters", "state", "description", "format"])
def test_a_member_that_unpacks_to_far_more_is_not_unpacked(tmp_path, name):
    path = tmp_path / "m.npz"
    write(path, [layer("Dense", units=1)], [3], parameters=4)
    with zipfile.ZipFile(path) as file:
        members = {each: file.read(each) for each in file.namelist()}
    del members[f"{name}.npy"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for each, content in members.items():
            file.writestr(each, content)
        with file.open(f"{name}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(
                stream, {"descr": "<f4", "fortran_order": False, "shape": (2**26,)}
            )
            for _ in range(256):
                stream.write(bytes(2**20))
    assert path.stat().st_size < 400_000
    expect_small_refusal(path)


def test_a_network_takes_its_numbers_twice(tmp_path):
    """Parameters and gradients: no copy on the way, and nothing is drawn at random."""
    network = Network([Dense(2000), Tanh(), Dense(2000)], loss=MeanSquaredError(), input_shape=500)
    save(network, tmp_path / "m.npz")
    size = network.parameters.nbytes
    assert size > ALLOWED
    assert peak_of(lambda: load(tmp_path / "m.npz")) < 2 * size + 5_000_000


def test_a_long_row_of_layers_is_within_its_right(tmp_path):
    blocks = [TransformerBlock(1) for _ in range(60)]
    network = Network(
        [LearnedPositions(4), *blocks], loss=MeanSquaredError(), input_shape=(4, 2), seed=0
    )
    save(network, tmp_path / "m.npz")
    assert peak_of(lambda: load(tmp_path / "m.npz")) < right_of(tmp_path / "m.npz")


@pytest.mark.parametrize("dtype", ["V0", "U0", "S0"])
def test_numbers_that_take_no_bytes(tmp_path, dtype):
    """Any number of them fits into a file."""
    path = tmp_path / "m.npz"
    write(path, [layer("Dense", units=1)], [3], parameters=4)
    with zipfile.ZipFile(path) as file:
        members = {each: file.read(each) for each in file.namelist()}
    del members["parameters.npy"]
    with zipfile.ZipFile(path, "w") as file:
        for each, content in members.items():
            file.writestr(each, content)
        with file.open("parameters.npy", "w") as stream:
            np.lib.format.write_array_header_1_0(
                stream, {"descr": f"|{dtype}", "fortran_order": False, "shape": (10**15,)}
            )
    with pytest.raises(FileError, match="takes no bytes"):
        load(path)


# --- agents ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    pytest.importorskip("gymnasium")
    from plainnet.rl import DQN

    path = tmp_path_factory.mktemp("agent") / "a.npz"
    agent = DQN("CartPole-v1", n_envs=2, hidden=(4,), learning_starts=8, prioritized=True,
                capacity=64, seed=0)  # fmt: skip
    agent.learn(40, progress=False).save(path)
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize(
    "settings",
    [
        {"n_envs": 200_000},
        {"capacity": 10**12},
        {"hidden": [10**8]},
        {"batch_size": 10**12},
        {"n_steps": 10**12},
    ],
    ids=repr,
)
def test_an_agent_that_asks_for_much(agent, tmp_path, settings):
    config = {**json.loads(str(agent["agent"])), **settings}
    np.savez(tmp_path / "a.npz", **{**agent, "agent": np.array(json.dumps(config))})
    expect_small_refusal(tmp_path / "a.npz")


def test_a_memory_grows_with_what_it_holds(agent, tmp_path):
    """Half a million steps of room are no memory before they are made."""
    pytest.importorskip("gymnasium")
    from plainnet.rl import DQN

    DQN("CartPole-v1", n_envs=2, hidden=(4,), seed=0).save(tmp_path / "a.npz")
    assert peak_of(lambda: load(tmp_path / "a.npz")) < 2_000_000


# --- estimators -----------------------------------------------------------------------------------


def schema_file(path, schema, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("schema.json", json.dumps(schema))
        for name, content in members.items():
            file.writestr(name, content)


def node(loader, kind, **more):
    return {"__class__": kind, "__module__": "builtins", "__loader__": loader, **more}


def test_an_estimators_file_that_reads_one_array_over_and_over(tmp_path):
    pytest.importorskip("skops.io")  # its own import is not measured
    array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode"}
    content = [{**array, "type": "numpy", "file": "a", "__id__": i} for i in range(2000)]
    data = np.random.default_rng(0).bytes(2**17)
    schema = {**node("ListNode", "list", content=content), "protocol": 1}
    schema_file(tmp_path / "m.skops", schema, a=data)
    expect_small_refusal(tmp_path / "m.skops")


def test_an_estimators_file_whose_lists_hold_one_another(tmp_path):
    """Sixty lists, each twice in the next: a walk of all would not end."""
    pytest.importorskip("skops.io")  # its own import is not measured
    tree = node("ListNode", "list", content=[], __id__=0)
    for i in range(1, 60):
        again = node("ListNode", "list", content=[], __id__=i - 1)
        tree = node("ListNode", "list", content=[tree, again], __id__=i)
    schema_file(tmp_path / "m.skops", {**tree, "protocol": 1})
    expect_small_refusal(tmp_path / "m.skops")


def test_an_estimators_file_with_a_vast_table_of_contents(tmp_path):
    pytest.importorskip("skops.io")  # its own import is not measured
    zeros = {"__class__": "Zeros", "__module__": "plainnet.initializers"}
    content = [{**zeros, "__loader__": "ObjectNode"}] * 30_000
    schema = {**node("ListNode", "list", content=content), "protocol": 1}
    schema_file(tmp_path / "m.skops", schema)
    expect_small_refusal(tmp_path / "m.skops")


def test_an_estimators_array_that_says_it_is_vast(tmp_path):
    pytest.importorskip("skops.io")  # its own import is not measured
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as file:
        with file.open("a", "w") as stream:
            np.lib.format.write_array_header_1_0(
                stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9,)}
            )
        array = {"__class__": "ndarray", "__module__": "numpy", "__loader__": "NdArrayNode"}
        file.writestr(
            "schema.json", json.dumps({**array, "type": "numpy", "file": "a", "protocol": 1})
        )
    expect_small_refusal(tmp_path / "m.skops")


@pytest.mark.parametrize("number", [int, float, str])
def test_lists_that_hold_one_another_under_numbers_of_any_kind(tmp_path, number):
    """skops finds 1.0 where 1 was kept."""
    pytest.importorskip("skops.io")  # its own import is not measured
    tree = node("ListNode", "list", content=[], __id__=0)
    for i in range(1, 40):
        again = {"__loader__": "CachedNode", "__id__": number(i - 1)}
        tree = node(
            "ListNode", "list", content=[tree, again], __id__=i if number is int else number(i)
        )
    schema_file(tmp_path / "m.skops", {**tree, "protocol": 1})
    expect_small_refusal(tmp_path / "m.skops")


@pytest.mark.parametrize("where", ["schema", "value"])
def test_an_estimators_file_of_empty_lists(tmp_path, where):
    pytest.importorskip("skops.io")  # its own import is not measured
    many = [[] for _ in range(10**6)]
    schema = {**node("ListNode", "list", content=[]), "protocol": 1}
    if where == "schema":
        schema["more"] = many
    else:
        schema["content"] = [
            {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
             "content": json.dumps(many), "is_json": True}
        ]  # fmt: skip
    schema_file(tmp_path / "m.skops", schema)
    del many, schema
    expect_small_refusal(tmp_path / "m.skops")


@pytest.mark.parametrize("name", ["m.npz", "m.skops"])
def test_a_file_that_lists_too_many_members(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w") as file:
        for i in range(60_000):
            file.writestr(f"x{i}.npy", b"")
    expect_small_refusal(tmp_path / name)


def test_an_agent_of_many_environments(agent, tmp_path):
    config = {**json.loads(str(agent["agent"])), "env": "FrozenLake8x8-v1", "n_envs": 2048}
    arrays = {**agent, "agent": np.array(json.dumps(config)), "state.steps": np.array(0)}
    np.savez(tmp_path / "a.npz", **arrays)
    expect_small_refusal(tmp_path / "a.npz")


def test_an_agent_of_many_episodes_is_within_its_right(agent, tmp_path):
    steps = int(agent["state.steps"])
    np.savez(tmp_path / "a.npz", **{**agent, "state.learning": np.ones((10**6, 3))})
    assert peak_of(lambda: load(tmp_path / "a.npz")) < right_of(tmp_path / "a.npz")
    loaded = load(tmp_path / "a.npz")
    assert (len(loaded.learning), loaded.steps) == (10**6, steps)
    assert loaded.learning.rows[0] == (1, 1.0, 1)


def test_an_estimators_network_of_vast_images(tmp_path):
    pytest.importorskip("skops.io")  # its own import is not measured
    from plainnet.estimators import NetworkRegressor
    from plainnet.layers import GlobalAveragePool2d, Upsample

    layers = [Upsample(40), GlobalAveragePool2d(), Dense(1)]
    X = np.random.default_rng(0).random((8, 4)).astype(np.float32)
    model = NetworkRegressor(layers, input_shape=(2, 2, 1), epochs=1, random_state=0)
    save(model.fit(X, X[:, 0]), tmp_path / "m.skops")
    with zipfile.ZipFile(tmp_path / "m.skops") as file:
        members = {name: file.read(name) for name in file.namelist()}
    small, vast = (text.encode("utf-32-le") for text in ('"factor": 40,', '"factor":999,'))
    with zipfile.ZipFile(tmp_path / "m.skops", "w") as file:
        for name, content in members.items():
            file.writestr(name, content.replace(small, vast))
    assert load(tmp_path / "m.skops").network_.layers[0].factor == 999
    assert peak_of(lambda: load(tmp_path / "m.skops")) < right_of(tmp_path / "m.skops")


def test_a_network_that_is_named_many_times_is_made_once(tmp_path):
    pytest.importorskip("skops.io")
    from plainnet.estimators.state import packed, unpacked

    network = Network([Dense(2)], loss=MeanSquaredError(), input_shape=3)
    arrays = packed({"network_": network})["network_"]
    networks = unpacked({"networks_": [arrays] * 50})["networks_"]
    assert len({id(each) for each in networks}) == 1
