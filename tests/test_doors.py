"""The doors: any real numbers come in and are converted once; everything else is refused."""

import numpy as np
import pytest

import plainnet
from plainnet import Cache, Network, check_gradients, train
from plainnet.arguments.arrays import as_array, as_floats, lies_outside
from plainnet.errors import DataError, DTypeError, PlainnetError, ShapeError
from plainnet.layers import Dense, Embedding, Flatten, ReLU
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD

FLOAT32 = np.dtype(np.float32)


def network(dtype=np.float32):
    return Network(
        [Dense(6), ReLU(), Dense(3)],
        loss=SoftmaxCrossEntropy(),
        input_shape=4,
        seed=0,
        dtype=dtype,
    )


class Zarr:
    """Rows on a disk, as Zarr and HDF5 give them: sliced, or picked in ascending order."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.largest = array, array.shape, array.dtype, 0

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        found = self.array[rows]
        self.largest = max(self.largest, len(found))
        return found


def as_memmap(X, folder):
    X.tofile(folder / "X")
    return np.memmap(folder / "X", X.dtype, "r", shape=X.shape)


def frame(X):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(X)


def mixed_frame(X):
    """A column of each kind: NumPy alone would make objects of it."""
    pd = pytest.importorskip("pandas")
    kinds = ["bool", "Int64", "Float32", "uint8"]
    return pd.DataFrame({kind: pd.Series(X[:, i]).astype(kind) for i, kind in enumerate(kinds)})


# Zeros and ones are the same numbers in every real dtype.
X = np.random.default_rng(0).integers(0, 2, (40, 4))
y = X[:, 0] + X[:, 1]
FORMS = {
    "bool": lambda X, folder: X.astype(bool),
    "uint8": lambda X, folder: X.astype(np.uint8),
    "int64": lambda X, folder: X,
    "float16": lambda X, folder: X.astype(np.float16),
    "float32": lambda X, folder: X.astype(np.float32),
    "float64": lambda X, folder: X.astype(np.float64),
    "longdouble": lambda X, folder: X.astype(np.longdouble),
    "big-endian": lambda X, folder: X.astype(">f4"),
    "Fortran order": lambda X, folder: np.asfortranarray(X.astype(np.float64)),
    "read-only": lambda X, folder: np.broadcast_to(X.astype(np.float32), X.shape),
    "list": lambda X, folder: X.tolist(),
    "list of arrays": lambda X, folder: list(X.astype(np.float64)),
    "DataFrame": lambda X, folder: frame(X),
    "nullable DataFrame": lambda X, folder: mixed_frame(X),
    "memmap": lambda X, folder: as_memmap(X.astype(np.uint8), folder),
    "on disk": lambda X, folder: Zarr(X.astype(np.float64)),
}
forms = pytest.mark.parametrize("form", FORMS)


@forms
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_door_takes_every_real_dtype(form, dtype, tmp_path):
    given, right = FORMS[form](X, tmp_path), X.astype(dtype)
    net = network(dtype)
    for name in ("predict", "predict_proba"):
        np.testing.assert_array_equal(getattr(net, name)(given), getattr(net, name)(right))
    assert net.evaluate(given, y) == net.evaluate(right, y)
    if isinstance(given, Zarr):
        return
    np.testing.assert_array_equal(net.forward(given), net.forward(right))
    assert net.loss_and_gradients(given, y) == net.loss_and_gradients(right, y)


@forms
def test_training_sees_the_same_numbers_in_every_dtype(form, tmp_path):
    trained = []
    for given in (FORMS[form](X, tmp_path), X.astype(np.float32)):
        net = network()
        history = train(
            net, given, y, optimizer=SGD(0.1), epochs=2, batch_size=8, seed=0, progress=False,
            validation_data=(given, y), shuffle=False,
        )  # fmt: skip
        trained.append((net.parameters.copy(), history["val_loss"]))
    np.testing.assert_array_equal(trained[0][0], trained[1][0])
    assert trained[0][1] == trained[1][1]


def test_batches_of_an_iterable_are_converted_one_by_one():
    batches = [(X[:20].astype(np.float64), y[:20]), (X[20:].tolist(), y[20:])]
    a, b = network(), network()
    train(a, batches, optimizer=SGD(0.1), epochs=2, progress=False)
    right = X.astype(np.float32)
    train(b, right, y, optimizer=SGD(0.1), epochs=2, batch_size=20, shuffle=False, progress=False)
    np.testing.assert_array_equal(a.parameters, b.parameters)


def test_images_of_bytes_simply_work():
    images = np.random.default_rng(0).integers(0, 256, (30, 5, 5, 1), dtype=np.uint8)
    net = Network([Flatten(), Dense(2)], loss=SoftmaxCrossEntropy(), input_shape=(5, 5, 1), seed=0)
    W, b = net["1.dense.W"].astype(float), net["1.dense.b"].astype(float)
    scores = images.reshape(30, 25).astype(float) @ W.T + b
    np.testing.assert_array_equal(net.predict(images), scores.argmax(axis=1))


def test_what_lies_on_a_disk_is_never_read_as_a_whole():
    rows = Zarr(np.zeros((5000, 4)))
    net, labels = network(), np.zeros(5000, int)
    net.predict(rows)
    net.evaluate(rows, labels)
    train(
        net, rows, labels, optimizer=SGD(0.1), epochs=1, batch_size=16, progress=False,
        validation_data=(rows, labels),
    )  # fmt: skip
    assert 0 < rows.largest <= 1024


def test_data_of_the_right_dtype_are_not_copied():
    right = X.astype(np.float32)
    assert np.shares_memory(network().inputs(right), right)


def test_the_data_stay_as_they_were():
    given = X.astype(np.float64)
    before = given.copy()
    train(network(), given, y, optimizer=SGD(0.1), epochs=1, batch_size=8, progress=False)
    np.testing.assert_array_equal(given, before)


def test_gradients_are_checked_in_float64_whatever_comes():
    rows = np.random.default_rng(1).standard_normal((5, 4))  # away from the kinks of ReLU
    for given in (rows.astype(np.float32), (100 * rows).astype(int)):
        assert check_gradients(network(np.float64), given, y[:5]).passed


def test_a_warm_pass_converts_without_changing_its_cache():
    cache, net = Cache(), network()
    first = net.forward(X.astype(np.float64), cache).copy()
    np.testing.assert_array_equal(net.forward(X.astype(np.float16), cache), first)


# --- what cannot be represented -------------------------------------------------------------------

ROWS = X.astype(np.float64)


def with_number(number):
    holed = ROWS.copy()
    holed[7, 2] = number
    return holed


def objects(number):
    holed = ROWS.astype(object)
    holed[7, 2] = number
    return holed


REFUSED = {
    "text": (ROWS.astype(str), DTypeError, "X is <U32, and a network computes with real numbers"),
    "bytes": (ROWS.astype("S3"), DTypeError, "X is |S3, and a network computes with real numbers"),
    "complex": (ROWS.astype(complex), DTypeError, "X is complex128.*real and imaginary parts"),
    "dates": (X.astype("M8[D]"), DTypeError, "X is datetime64"),
    "durations": (X.astype("m8[s]"), DTypeError, "X is timedelta64"),
    "objects": (ROWS.astype(object), DTypeError, r"X is object.*X\.astype\(np\.float32\)"),
    "text among numbers": (objects("?"), DTypeError, r"X has '\?' in row 7, column 2"),
    "None": (objects(None), DTypeError, "X has None in row 7, column 2"),
    "records": (np.zeros(3, "f4,i4"), ShapeError, r"must have the shape \(m, 4\)"),
    "mask": (np.ma.masked_equal(X, 1), DataError, "masked array, and its mask would be lost"),
    "ragged": ([[1, 2], [3]], DataError, "X cannot be made an array"),
    "too large": (
        with_number(1e39),
        DataError,
        r"X must be finite in float32; got 1e\+39 in row 7, column 2, beyond 3\.4e\+38",
    ),
    "far too small": (
        with_number(-1e300),
        DataError,
        r"finite in float32; got -1e\+300 in row 7, column 2",
    ),
    "infinite": (with_number(np.inf), DataError, "X must be finite; got inf in row 7, column 2"),
    "missing": (with_number(np.nan), DataError, "X must be finite; got nan in row 7, column 2"),
    "words": ([["a", "b", "c", "d"]], DTypeError, "X is <U1"),
    "nothing": (None, ShapeError, r"must have the shape \(m, 4\); got \(\)"),
}
refused = pytest.mark.parametrize(("given", "error", "message"), REFUSED.values(), ids=REFUSED)


@refused
@pytest.mark.parametrize("name", ["predict", "predict_proba", "evaluate", "loss_and_gradients"])
def test_everything_else_is_refused_with_its_place(name, given, error, message):
    arguments = () if name.startswith("predict") else (y[: len(given)] if given is not None else y,)
    with pytest.raises(error, match=message):
        getattr(network(), name)(given, *arguments)


@refused
def test_training_refuses_it_before_anything_changes(given, error, message):
    net = network()
    before = net.parameters.copy()
    labels = y if given is None else y[: len(given)]
    if given is None:
        return  # without data there is another message
    for arguments in ((given, labels), ([(given, labels)],)):
        with pytest.raises(error, match=message):
            train(
                net, *arguments, optimizer=SGD(0.1), epochs=1, progress=False,
                batch_size=8 if len(arguments) == 2 else None,
            )  # fmt: skip
    np.testing.assert_array_equal(net.parameters, before)


def test_float64_takes_what_float32_cannot():
    assert network(np.float64).predict(with_number(1e39)).shape == (40,)


def test_a_number_too_large_is_named_by_its_row_also_behind_the_first_slice():
    rows = np.zeros((3000, 4))
    rows[2500, 1] = 1e39
    for given in (rows, Zarr(rows)):
        with pytest.raises(DataError, match=r"got 1e\+39 in row 2500, column 1"):
            network().predict(given)


def test_sparse_matrices_are_told_the_way_in():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match=r"X is sparse, a csr_matrix: pass X\.toarray\(\)"):
        network().predict(sparse.csr_matrix(ROWS))


def test_missing_numbers_of_a_nullable_table_are_found():
    pd = pytest.importorskip("pandas")
    table = mixed_frame(X)
    table.loc[3, "Int64"] = pd.NA
    with pytest.raises(DataError, match="got nan in row 3, column 1"):
        network().predict(table)
    table["words"] = "a"
    with pytest.raises(PlainnetError):
        network().predict(table)


def test_ids_stay_integers():
    net = Network([Embedding(5, 3), Flatten(), Dense(2)], loss=SoftmaxCrossEntropy(),
                  input_shape=(2,), seed=0)  # fmt: skip
    ids = np.array([[0, 4], [1, 1]])
    right = net.forward(ids).copy()
    for dtype in (np.int8, np.uint16, np.int32, np.uint64, ">i4"):
        np.testing.assert_array_equal(net.forward(ids.astype(dtype)), right)
    with pytest.raises(DTypeError, match=r"X is float64.*takes ids: pass integers"):
        net.forward(ids.astype(float))


def test_texts_and_ragged_ids_are_told_how_to_become_ids():
    net = Network([Embedding(5, 3), Flatten(), Dense(2)], loss=SoftmaxCrossEntropy(),
                  input_shape=(2,), seed=0)  # fmt: skip
    with pytest.raises(DTypeError, match=r"X holds texts, and .*Embedding.* takes ids: a tokeniz"):
        net.predict(["a text", "another"])
    with pytest.raises(DataError, match=r"text\.pad makes one array of sequences of several"):
        net.predict([[1, 2], [3]])


# --- targets, weights, and writing into a network -------------------------------------------------


def test_targets_and_weights_with_a_mask_are_refused():
    masked = np.ma.masked_equal(y, 1)
    for given in ({"y": masked}, {"y": y, "sample_weight": np.ma.masked_equal(np.ones(40), 1)}):
        with pytest.raises(DataError, match="is a masked array"):
            network().evaluate(X, **given)
    real = Network([Dense(1)], loss=MeanSquaredError(), input_shape=4, seed=0)
    with pytest.raises(DataError, match="y is a masked array"):
        real.evaluate(X, masked.astype(float))


def test_targets_of_pandas():
    pd = pytest.importorskip("pandas")
    net = network()
    right = net.evaluate(X, y)
    assert net.evaluate(X, pd.Series(y)) == right
    assert net.evaluate(X, pd.Series(y, dtype="Int64")) == right
    assert net.evaluate(X, y, pd.Series(np.ones(40))) == pytest.approx(right)


def test_a_parameter_takes_real_numbers_only():
    net = network()
    net["0.dense.b"] = range(6)
    assert net["0.dense.b"].tolist() == [0, 1, 2, 3, 4, 5]
    for wrong in (np.ones(6, complex), ["a"] * 6, np.full(6, 1e39)):
        with pytest.raises(PlainnetError, match=r"0\.dense\.b"):
            net["0.dense.b"] = wrong
    assert net["0.dense.b"].tolist() == [0, 1, 2, 3, 4, 5]


# --- the parts ------------------------------------------------------------------------------------


def test_slices_are_read_from_what_may_be_larger_than_memory(tmp_path):
    pd = pytest.importorskip("pandas")
    assert lies_outside(as_memmap(X, tmp_path))
    assert lies_outside(as_memmap(X, tmp_path)[3:9])
    assert lies_outside(Zarr(X))
    for inside in (X, X.tolist(), pd.DataFrame(X), pd.Series(y), np.float32(3), 3, None):
        assert not lies_outside(inside)


def test_an_array_of_a_library_that_refuses():
    class Elsewhere:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("the data are on another device")

    with pytest.raises(DataError, match=r"X cannot be made an array.*the data are on another"):
        as_array("X", Elsewhere())


def test_one_dimension_is_a_row():
    with pytest.raises(DataError, match=r"w must be finite in float32; got 1e\+300 in row 1"):
        as_floats("w", np.array([0, 1e300]), FLOAT32)


def test_tensors_of_pytorch():
    torch = pytest.importorskip("torch")
    net, right = network(), network().predict(X)
    for dtype in (torch.float32, torch.float64, torch.float16, torch.uint8):
        given = torch.from_numpy(X).to(dtype)
        np.testing.assert_array_equal(net.predict(given), right)
        plainnet.train(net, given, y, optimizer=SGD(0.0), epochs=1, batch_size=8, progress=False)
