"""Other libraries' words are answered with plainnet's."""

import inspect
import pickle
from copy import deepcopy

import numpy as np
import pytest

from plainnet import Callback, EarlyStopping, Network, find_learning_rate, train
from plainnet.arguments.spelling import METHODS, OBJECTS, OF_TRAINING, OTHER_NAMES, Spelled
from plainnet.errors import ArgumentError, PlainnetError, SettingError
from plainnet.layers import (
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    LeakyReLU,
    MaxPool2d,
    MultiHeadAttention,
    ReLU,
    Residual,
    Sequential,
    TransformerBlock,
)
from plainnet.losses import MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam, RMSprop
from plainnet.schedules import Cosine, Exponential


def network():
    return Network([Dense(3)], loss=SoftmaxCrossEntropy(), input_shape=2, seed=0)


X, y = np.zeros((4, 2), np.float32), np.zeros(4, int)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda: Dense(2, activation="relu"), r"'activation': .* separate layer, such as ReLU\("),
        (lambda: Dense(2, use_bias=False), "plainnet calls it bias"),
        (lambda: Dense(in_features=2, out_features=3), "size of the input is known"),
        (lambda: Dense(2, input_shape=(4,)), r"Network\(\[...\], input_shape=...\)"),
        (
            lambda: Dense(64, 10),
            "Dense takes units and, by name, bias, initializer; got 2",
        ),
        (lambda: Dense(64, 10), "The size of the input is known from the layer before"),
        (lambda: Dense(2, unitz=3), "plainnet calls it units"),
        (lambda: Dense(2, quux=3), "it takes units, bias, initializer"),
        (lambda: Conv2d(1, 32, 3), "Conv2d takes filters, kernel_size and, by name"),
        (lambda: Conv2d(8, 3, strides=2), "plainnet calls it stride"),
        (lambda: MaxPool2d(pool_size=2), "plainnet calls it kernel_size"),
        (lambda: Dropout(p=0.5), "plainnet calls it rate"),
        (lambda: LeakyReLU(alpha=0.1), "plainnet calls it negative_slope"),
        (lambda: BatchNorm(64), "BatchNorm takes nothing and, by name, momentum, epsilon; got 1"),
        (lambda: BatchNorm(eps=1e-3), "plainnet calls it epsilon"),
        (lambda: Embedding(num_embeddings=10, embedding_dim=3), "plainnet calls it vocabulary"),
        (lambda: MultiHeadAttention(num_heads=2), "plainnet calls it heads"),
        (lambda: TransformerBlock(nhead=2), "plainnet calls it heads"),
        (lambda: Residual(Dense(2), ReLU()), r"Residual\(\[a, b, ...\]\)"),
        (lambda: Sequential(Dense(2), ReLU()), r"Sequential\(\[a, b, ...\]\)"),
        (lambda: Network(Dense(2), ReLU(), Dense(3)), r"Network\(\[a, b, ...\]\)"),
        (lambda: Network([], loss=MeanSquaredError(), input_dim=3), "size of the input|Network"),
        (lambda: Adam(lr=0.1), "Adam has no argument 'lr': plainnet calls it learning_rate"),
        (lambda: Adam(0.1, beta_1=0.9), "plainnet calls it betas"),
        (lambda: Adam(params=[], lr=0.1), "leave them out"),
        (lambda: SGD(0.1, 0.9), "SGD takes learning_rate and, by name, momentum"),
        (lambda: RMSprop(alpha=0.99), "plainnet calls it rho"),
        (lambda: SoftmaxCrossEntropy(from_logits=True), "takes pre-activations"),
        (lambda: SoftmaxCrossEntropy(smoothing=0.1), "plainnet calls it label_smoothing"),
        (lambda: Cosine(T_max=10), "spans the whole training"),
        (lambda: Cosine(eta_min=0.1), "plainnet calls it minimum"),
        (lambda: Exponential(gamma=0.9), "plainnet calls it by"),
        (lambda: EarlyStopping(restore_best_weights=True), "always put back"),
        (lambda: EarlyStopping(patients=3), "plainnet calls it patience"),
        (
            lambda: train(network(), X, y, optimizer=SGD(), epochs=1, batch_size=2, verbose=0),
            "train has no argument 'verbose': plainnet calls it progress, and progress=False is",
        ),
        (lambda: train(network(), X, y, SGD()), "train takes network, X, y and, by name, optimi"),
        (lambda: train(network(), X, y, optimizer=SGD(), n_epochs=1), "plainnet calls it epochs"),
        (lambda: train(network(), X, y, lr=1), r"optimizer's: optimizer=Adam\(learning_rate="),
        (lambda: train(network(), X, y, validation_split=0.1), r"plainnet\.data\.split"),
        (
            lambda: find_learning_rate(
                network(), X, y, optimizer=SGD(), batch_size=2, random_state=0
            ),
            "plainnet calls it seed",
        ),
    ],
)
def test_the_answer_names_our_word(call, answer):
    with pytest.raises(ArgumentError, match=answer):
        call()


def test_a_missing_argument_is_what_python_says():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'units'"):
        Dense()


def test_an_error_inside_a_constructor_stays_what_it_is():
    class Odd(Dense):
        def __init__(self, units):
            len(units)

    with pytest.raises(TypeError, match=r"object of type 'int' has no len\(\)"):
        Odd(3)


@pytest.mark.parametrize(
    ("loss", "meant"),
    [("mse", "MeanSquaredError"), ("sparse_categorical_crossentropy", "SoftmaxCrossEntropy"),
     ("binary_crossentropy", "SigmoidCrossEntropy")],
)  # fmt: skip
def test_a_loss_by_its_name(loss, meant):
    with pytest.raises(
        SettingError, match=rf"Loss object; got '{loss}', which is {meant}\(\) here"
    ):
        Network([Dense(2)], loss=loss, input_shape=2)


def test_an_optimizer_by_its_name():
    with pytest.raises(SettingError, match=r"an Optimizer object; got 'adam', which is Adam\(\)"):
        train(network(), X, y, optimizer="adam", epochs=1, batch_size=2)
    with pytest.raises(SettingError, match="Optimizer object; got 'magic'"):
        train(network(), X, y, optimizer="magic", epochs=1, batch_size=2)


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_other_libraries(name):
    with pytest.raises(AttributeError, match=f"a Network has no '{name}': "):
        getattr(network(), name)
    assert not hasattr(network(), name)
    assert name not in dir(network())


def test_an_attribute_that_is_nowhere():
    with pytest.raises(AttributeError, match="no attribute 'quux'"):
        network().quux  # noqa: B018
    for copy in (deepcopy(network()), pickle.loads(pickle.dumps(network()))):
        np.testing.assert_array_equal(copy.parameters, network().parameters)


def test_our_own_words_are_not_in_the_table_for_what_they_are():
    """Each word that is recommended is one that some constructor or function of ours takes."""
    from plainnet import callbacks, layers, losses, optimizers, schedules

    known = {*inspect.signature(train).parameters, *inspect.signature(Network).parameters}
    for module in (callbacks, layers, losses, optimizers, schedules):
        for kind in vars(module).values():
            if isinstance(kind, Spelled):
                known |= set(inspect.signature(kind).parameters)
    for words in (*OTHER_NAMES.values(), *OF_TRAINING.values()):
        assert isinstance(words, str) or known.issuperset(words), words
    objects = {f"{name}()" for module in (losses, optimizers) for name in vars(module)}
    assert objects.issuperset(OBJECTS.values())


def test_signatures_stay_readable():
    assert list(inspect.signature(Dense).parameters) == ["units", "bias", "initializer"]
    assert list(inspect.signature(Cosine).parameters)[:2] == ["warmup", "of"]
    assert next(iter(inspect.signature(train).parameters)) == "network"
    assert "layers" in inspect.signature(Network).parameters


# --- callbacks ------------------------------------------------------------------------------------

SEVEN = "begin_training, begin_epoch, begin_step, end_step, end_epoch, end_training, fail"


@pytest.mark.parametrize(
    "name",
    ["on_epoch_end", "on_train_begin", "end_epochs", "after_epoch", "start_training", "endepoch",
     "on_fit_start", "begin_batch", "end_batch", "finish_training", "notify"],
)  # fmt: skip
def test_a_method_that_is_no_hook_is_told_the_seven(name):
    callback = type("Mine", (Callback,), {name: lambda self, run: None})()
    with pytest.raises(SettingError, match=rf"Mine\.{name} is not a hook, .* hooks are {SEVEN}"):
        train(network(), X, y, optimizer=SGD(), epochs=1, batch_size=2, callbacks=[callback])


def test_a_function_on_the_object_that_is_no_hook_is_told_so_too():
    callback = Callback()
    callback.on_epoch_end = callback.metric = lambda run: None
    with pytest.raises(SettingError, match=rf"Callback\.on_epoch_end is not a hook, .* {SEVEN}"):
        train(network(), X, y, optimizer=SGD(), epochs=1, batch_size=2, callbacks=[callback])
    del callback.on_epoch_end
    train(network(), X, y, optimizer=SGD(), epochs=1, batch_size=2, callbacks=[callback],
          progress=False)  # fmt: skip


@pytest.mark.parametrize("value", [None, 3, "save"])
def test_a_hook_that_cannot_be_called(value):
    callback = Callback()
    callback.end_epoch = value
    with pytest.raises(SettingError, match=f"Callback.end_epoch must be a method; got {value!r}"):
        train(network(), X, y, optimizer=SGD(), epochs=1, batch_size=2, callbacks=[callback])


def test_methods_that_are_not_meant_as_hooks_are_left_alone():
    class Mine(Callback):
        def end_epoch(self, run):
            self._note_end_of_epoch(self.best_epoch())

        def best_epoch(self):
            return 3

        def _note_end_of_epoch(self, epoch):
            self.noted = epoch

    mine = Mine()
    train(
        network(), X, y, optimizer=SGD(), epochs=1, batch_size=2, callbacks=[mine], progress=False
    )
    assert mine.noted == 3


def test_a_hook_that_is_set_on_the_object_is_called():
    callback, seen = Callback(), []
    for name in SEVEN.split(", ")[:-1]:
        setattr(callback, name, lambda run, name=name: seen.append(name))
    train(network(), X, y, optimizer=SGD(), epochs=1, batch_size=4, callbacks=[callback],
          progress=False)  # fmt: skip
    assert seen == SEVEN.split(", ")[:-1]


def test_arguments_of_every_kind_are_errors_of_ours():
    assert issubclass(ArgumentError, PlainnetError)
    assert issubclass(ArgumentError, TypeError)
