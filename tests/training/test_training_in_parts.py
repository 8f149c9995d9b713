"""A training in several calls of train() is the training in one: the same bits."""

from itertools import pairwise

import numpy as np
import pytest

from plainnet import Network, train
from plainnet.augmentation import Crop, Erase, Flip, Rotate, Shift
from plainnet.data import Batches, Streams, Windows
from plainnet.layers import (
    LSTM,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    ReLU,
)
from plainnet.losses import SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop

m = 53  # the last batch is short
draws = np.random.default_rng(5)
X, y, w = draws.standard_normal((m, 6)), draws.integers(0, 3, m), draws.random(m)
images = draws.random((m, 8, 8, 1))
text = draws.integers(0, 11, 300)

SPLITS = [(1, 5), (2, 4), (3, 3), (1, 1, 1, 1, 1, 1)]


def dense() -> list:
    return [GaussianNoise(0.1), Dense(9), BatchNorm(), ReLU(), Dropout(0.3), Dense(3)]


def convolution() -> list:
    return [Conv2d(2, 3), BatchNorm(), ReLU(), Dropout(0.2), Flatten(), Dense(3)]


def recurrent() -> list:
    return [Embedding(11, 4), LSTM(5, return_sequences=True), Dropout(0.2), Dense(11)]


def ends(parts, layers=dense, shape=6, data=None, optimizer=Adam, dtype=np.float32, **settings):
    """Everything that the trainings leave behind."""
    network = Network(layers(), loss=SoftmaxCrossEntropy(), input_shape=shape, seed=1, dtype=dtype)
    steps, rng, losses = optimizer(), np.random.default_rng(3), []
    given = (X.astype(dtype), y) if data is None else data(dtype)
    if len(given) == 2:
        settings = {"batch_size": 16, **settings}
    for epochs in parts:
        history = train(
            network, *given, optimizer=steps, epochs=epochs, seed=rng, progress=False, **settings
        )
        losses += history["loss"]
    accumulators = {name: array.tolist() for name, array in steps.state.items()}
    left = (network.parameters.tolist(), network.state.tolist(), losses, accumulators, steps.steps)
    return (*left, rng.bit_generator.state)


def expect_the_same(**settings):
    whole = ends((6,), **settings)
    for parts in SPLITS:
        assert ends(parts, **settings) == whole, f"in {parts}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD,
        lambda: SGD(0.1, momentum=0.9, nesterov=True),
        lambda: Adam(amsgrad=True),
        AdamW,
        NAdam,
        Adagrad,
        lambda: RMSprop(momentum=0.5, centered=True),
        Adadelta,
        Lion,
    ],
)
def test_with_every_optimizer(optimizer, dtype):
    """In batches of 4 there are 84 steps: accumulators next to zero are flushed at the 64th."""
    expect_the_same(optimizer=optimizer, dtype=dtype, batch_size=4)


@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": False},
        {"batch_size": 1},
        {"batch_size": m},
        {"accumulate": 3},
        {"mixup": 0.3},
        {"clip_norm": 0.1},
        {"clip_value": 0.01},
        {"sample_weight": w},
        {"class_weight": "balanced"},
        {"overfit_batches": 2},
        {"validation_data": (X.astype(np.float32), y)},
        {"accumulate": 2, "mixup": 0.2, "sample_weight": w, "class_weight": {0: 2.0}},
    ],
    ids=lambda settings: "+".join(settings),
)
def test_with_every_setting(settings):
    expect_the_same(**settings)


def test_with_images_that_are_augmented():
    transforms = [Flip(), Shift(1), Erase(2), Crop(0.2), Rotate(10)]
    expect_the_same(
        layers=convolution, shape=(8, 8, 1), data=lambda dtype: (images.astype(dtype), y),
        augment=transforms, mixup=0.1,
    )  # fmt: skip


def test_from_the_disk(tmp_path):
    def on_disk(dtype):
        array = np.memmap(tmp_path / "X", dtype, "w+", shape=X.shape)
        array[:] = X
        return array, y

    expect_the_same(data=on_disk, sample_weight=w)


@pytest.mark.parametrize("carry", [False, True])
def test_with_batches_of_sequences(carry):
    def streams(dtype):
        return (Streams(text, length=7, batch_size=4),)

    def windows(dtype):
        return (Windows(text, length=7, batch_size=4, n=5, seed=2),)

    expect_the_same(
        layers=recurrent, shape=(None,), data=streams if carry else windows, carry=carry
    )


def test_an_integer_as_seed_begins_anew():
    """Dropout alone draws here: the same mask each time, and others with a generator."""

    def twice(rng):
        network = Network(
            [Dropout(0.5), Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=6, seed=1
        )
        one_step = {"optimizer": SGD(1e-30), "epochs": 1, "batch_size": m, "shuffle": False}
        return [
            train(network, X.astype(np.float32), y, **one_step, seed=rng, progress=False)["loss"]
            for _ in range(2)
        ]

    first, second = twice(4)
    assert first == second
    first, second = twice(np.random.default_rng(4))
    assert first != second


def copied(batch):
    X, y, weights = batch
    return X.copy(), y.copy(), weights


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_order_of_an_epoch_is_a_shuffle_of_its_own(on_disk):
    """By Fisher and Yates from 0, 1, 2 ..., whatever the epoch before: NumPy's own shuffle."""

    class OnDisk:
        shape, dtype = (20,), np.dtype(float)

        def __len__(self):
            return 20

        def __getitem__(self, rows):
            return np.arange(20.0)[rows]

    source = OnDisk() if on_disk else np.arange(20.0)
    batches = Batches(source, np.arange(20), None, 20, np.random.default_rng(9))
    rng = np.random.default_rng(9)
    seen = []
    for _ in range(4):
        expected = list(range(20))
        rng.shuffle(expected)
        ((_, order, _),) = map(copied, batches)
        assert sorted(order) == list(range(20))
        assert order.tolist() == (sorted(expected) if on_disk else expected)
        seen.append(tuple(expected))
    assert all(one != other for one, other in pairwise(seen))
