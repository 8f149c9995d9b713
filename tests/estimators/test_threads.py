"""How many threads BLAS has during a fit."""

from threading import Barrier, Thread

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from plainnet import Network
from plainnet.callbacks import Callback
from plainnet.estimators import MLPClassifier, NetworkRegressor, TabularClassifier
from plainnet.estimators.threads import SMALL, suitable_threads
from plainnet.layers import GRU, Conv2d, Dense, Flatten, MultiHeadAttention
from plainnet.losses import MeanSquaredError


def threads():
    """Those of the first BLAS."""
    return next(lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas")


@pytest.fixture(autouse=True)
def _two_threads():
    with threadpool_limits(limits=2, user_api="blas"):
        if threads() != 2:
            pytest.skip("BLAS has one thread only")
        yield


class Notes(Callback):
    """The threads at each epoch."""

    def end_epoch(self, run):
        self.threads = threads()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (MLPClassifier(8, max_iter=1, batch_size=60), 1),
        (MLPClassifier(SMALL // 60, max_iter=1, batch_size=60), 2),
        (NetworkRegressor([Dense(8), Dense(1)], epochs=1, batch_size=60), 1),
        (NetworkRegressor([Dense(SMALL // 60), Dense(1)], epochs=1, batch_size=60), 2),
        (TabularClassifier(epochs=1), 1),
    ],
)
def test_a_small_fit_has_one_thread(estimator, expected, rng):
    X, y, notes = rng.standard_normal((60, 4)), rng.integers(0, 2, 60), Notes()
    estimator.set_params(callbacks=[notes]).fit(X, y)
    assert notes.threads == expected
    assert threads() == 2


@pytest.mark.parametrize(
    ("layers", "input_shape", "each"),
    [
        ([Dense(8), Dense(3)], 5, 5 * 8),
        ([Dense(2)], (7, 5), 7 * 5 * 2),
        ([Conv2d(4, 3), Flatten(), Dense(1)], (6, 5, 2), 6 * 5 * 4 * 3 * 3 * 2),
        ([GRU(3)], (9, 2), 9 * 9 * 3),
        ([GRU(3)], (None, 2), SMALL * 9 * 3),
        ([MultiHeadAttention(2)], (6, 4), 6 * 12 * 4),
    ],
)
def test_what_counts_as_small(layers, input_shape, each):
    network = Network(layers, loss=MeanSquaredError(), input_shape=input_shape)
    for size, expected in ((SMALL // each, 1), (SMALL // each + 1, 2)):
        with suitable_threads(network, size):
            assert threads() == expected
        assert threads() == 2


def test_of_trainings_side_by_side_one_sets_the_limit():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2)
    others = []
    inside, outside = Barrier(2, timeout=60), Barrier(2, timeout=60)

    def train():
        with suitable_threads(network, 1):
            inside.wait()
            outside.wait()

    with suitable_threads(network, 1):
        other = Thread(target=train)
        other.start()
        inside.wait()
        others.append(threads())
    others.append(threads())
    outside.wait()
    other.join()
    assert others == [1, 2]
    with suitable_threads(network, 1), suitable_threads(network, 1):
        assert threads() == 1
    assert threads() == 2


def test_a_training_that_fails_lifts_it_too():
    network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2)
    with pytest.raises(KeyError), suitable_threads(network, 1):
        raise KeyError
    assert threads() == 2
