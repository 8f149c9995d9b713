"""Every public call of plainnet, with good arguments."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import plainnet
from fuzz.uses import (
    Call,
    M,
    N,
    as_callback,
    as_initializer,
    as_layer,
    as_loss,
    as_optimizer,
    as_schedule,
    as_transform,
    classifier,
    each_batch,
    fresh,
    gymnasiums,
    inputs,
    is_network,
    is_number,
    nothing,
    of_the_call,
    scikits,
    textbooks,
    training,
)
from plainnet import (
    LBFGS,
    Cache,
    Network,
    NeuralNetwork,
    augmentation,
    callbacks,
    check_gradients,
    compare,
    data,
    datasets,
    find_learning_rate,
    generate,
    initializers,
    layers,
    losses,
    metrics,
    one_hot,
    optimizers,
    schedules,
    train,
)
from plainnet.layers import Dense, Embedding, LayerNorm, ReLU
from plainnet.losses import Hinge, MeanSquaredError, SoftmaxCrossEntropy
from plainnet.optimizers import SGD, Adam

# --- the calls ------------------------------------------------------------------------------------


def _layer_calls() -> list[Call]:
    sequence, image, table = (5, 4), (5, 4, 2), (N,)
    small = {"initializer": None, "bias": True}
    recurrent = {"units": 3, "return_sequences": True, "reverse": False, "learned_start": True}
    convolution = {"filters": 2, "stride": 1, "padding": "valid", "dilation": 1, "groups": 1}
    pool = {"kernel_size": 2, "stride": 1, "padding": "valid", "ceil_mode": False}
    attention = {
        "heads": 2, "key_value_heads": None, "bias": True, "dropout": 0.1, "head_width": 2,
        "initializer": None, "output_initializer": None,
    }  # fmt: skip
    rows: list[tuple[str, Sequence[int], dict[str, Any]]] = [
        ("Dense", table, {"units": 3, **small}),
        ("GLU", table, {"units": 3, **small}),
        ("SwiGLU", table, {"units": 3, **small}),
        ("ELU", table, {"alpha": 1.0}),
        ("GELU", table, {"approximate": "none"}),
        ("LeakyReLU", table, {"negative_slope": 0.1}),
        ("PReLU", table, {"initial": 0.25}),
        ("Scale", table, {"initial": 1.0}),
        ("FromFormula", table, {"formula": "R = g * Z; R + h**2", "g": 1.0, "h": [0.5] * 4}),
        ("ParametricActivation", table, {"activation": ReLU()}),
        ("RNN", sequence, {**recurrent, "activation": "tanh"}),
        ("LSTM", sequence, recurrent),
        ("GRU", sequence, {**recurrent, "reset": "after"}),
        ("Bidirectional", sequence, {"layer": layers.RNN(2), "merge": "concat"}),
        ("Masking", sequence, {"value": 0.0}),
        ("AveragePool2d", image, {**pool, "count_padding": False}),
        ("MaxPool2d", image, pool),
        ("Conv1d", sequence, {**convolution, "kernel_size": 2, **small}),
        ("Conv2d", image, {**convolution, "kernel_size": (2, 2), **small}),
        ("ConvTranspose2d", image, {**convolution, "kernel_size": 2, "output_padding": 0, **small}),
        ("Upsample", image, {"factor": 2, "mode": "nearest"}),
        ("BatchNorm", table, {"momentum": 0.9, "epsilon": 1e-5}),
        ("LayerNorm", table, {"epsilon": 1e-5}),
        ("RMSNorm", table, {"epsilon": 1e-5}),
        ("GroupNorm", image, {"groups": 2, "epsilon": 1e-5}),
        ("Dropout", table, {"rate": 0.5}),
        ("Dropout2d", image, {"rate": 0.5}),
        ("GaussianNoise", table, {"standard_deviation": 0.1}),
        ("CategoryEmbedding", table, {"sizes": [3, 2, 3, 2], "width": 2}),
        ("PeriodicEmbedding", table, {"frequencies": 2, "width": 3, "sigma": 0.1}),
        ("PiecewiseLinearEmbedding", table, {"edges": [[0, 1]] * 3 + [[0.0, 1.0, 2.0]]}),
        ("LearnedPositions", sequence, {"length": 5, "initializer": None}),
        ("MultiHeadAttention", sequence, {
            **attention, "causal": True, "rotary": "halves", "rotary_base": 100.0,
        }),
        ("TransformerBlock", sequence, {
            "heads": 2, "hidden": 4, "activation": "gelu", "norm": "pre", "causal": True,
            "cross": False, "dropout": 0.1, "rotary": True, "rotary_base": 100.0,
            "key_value_heads": None, "head_width": 2, "bias": True, "normalization": "LayerNorm",
            "initializer": None, "residual_initializer": None,
        }),
        ("EncoderDecoder", sequence, {
            "encoder": [Dense(4)], "decoder": [layers.CrossAttention(2, source_width=4)],
            "source_length": 2,
        }),
        ("Reshape", table, {"shape": (2, 2)}),
        ("Sequential", table, {"layers": [Dense(2)]}),
        ("Residual", table, {"layers": [Dense(4)]}),
        ("Highway", table, {"layers": [Dense(4)], "gate_bias": -1.0}),
        ("Graph", table, {
            "nodes": {"wide": (Dense(3), "X"), "Y": ([layers.Concatenate(), ReLU()], "wide", "X")},
            "inputs": "X", "outputs": "Y",
        }),
        ("Parallel", table, {"parts": [(0, 1), (1, 4)], "layers": [Dense(1), Dense(2)]}),
    ]  # fmt: skip
    calls = [
        Call(
            f"layers.{name}",
            getattr(layers, name),
            lambda settings=settings: fresh(settings),
            as_layer(shape),
            says={
                **dict.fromkeys(("encoder", "decoder"), ("encoder", "decoder", "layer")),
                "layers": ("layer",),
                "nodes": ("node",),
                **dict.fromkeys(("inputs", "outputs"), ("node", "input", "output", "name")),
                "sizes": ("column",),
                "parts": ("input of shape",),
            },
        )
        for name, shape, settings in rows
    ]
    for name, more in (("Embedding", {}), ("TiedEmbedding", {"layers": [LayerNorm()]})):
        settings = {"vocabulary": 5, "width": 3, "padding": None, "initializer": None, **more}
        calls.append(
            Call(
                f"layers.{name}",
                getattr(layers, name),
                lambda settings=settings: fresh(settings),
                as_layer((3,), ids=5),
                says={"layers": ("layer",), "vocabulary": ("vectors for ids",)},
            )
        )
    bag = {"vocabulary": 5, "width": 3, "combine": "mean", "padding": None, "initializer": None}
    calls.append(
        Call(
            "layers.EmbeddingBag",
            layers.EmbeddingBag,
            lambda: fresh(bag),
            as_layer((3,), ids=5),
            says={"vocabulary": ("vectors for ids",), "combine": ("inputs", "input_shape")},
        )
    )
    calls.append(
        Call(
            "layers.Concatenate",
            lambda **settings: layers.Graph(
                {"Y": (layers.Concatenate(**settings), "X", "X")}, inputs="X", outputs="Y"
            ),
            lambda: {"axis": -1},
            as_layer(sequence),
        )
    )
    calls.append(
        Call(
            "layers.Transposed",
            lambda layer, bias: layers.Graph(
                {"code": (layer, "X"), "again": (layers.Transposed(layer, bias=bias), "code")},
                inputs="X",
                outputs="again",
            ),
            lambda: {"layer": Dense(2), "bias": True},
            as_layer(sequence),
        )
    )
    cross = layers.CrossAttention
    calls.append(
        Call(
            "layers.CrossAttention",
            lambda **settings: layers.EncoderDecoder([Dense(4)], [cross(**settings)], 2),
            lambda: fresh({**attention, "source_width": 4}),
            as_layer(sequence),
        )
    )
    return calls


def _loss_calls() -> list[Call]:
    ids, numbers = np.array([0, 1, 2] * 2), np.zeros((M, 3))
    rows = [
        ("SoftmaxCrossEntropy", {"label_smoothing": 0.1}, 3, ids),
        ("Focal", {"gamma": 2.0}, 3, ids),
        ("Hinge", {"squared": False}, 3, ids),
        ("Huber", {"delta": 1.0}, 3, numbers),
        ("Quantile", {"levels": 0.5}, 3, numbers),
        ("Tweedie", {"power": 1.5}, 3, numbers),
        ("EachPosition", {"loss": MeanSquaredError()}, 3, numbers),
        ("EachOutput", {"losses": {"Y": MeanSquaredError(), "V": (Hinge(), 0.5)}}, 3, numbers),
    ]
    return [
        Call(
            f"losses.{name}",
            getattr(losses, name),
            lambda settings=settings: fresh(settings),
            nothing if name in ("EachOutput", "EachPosition") else as_loss(outputs, y),
            says={"losses": ("loss", "output")},
        )
        for name, settings, outputs, y in rows
    ]


def _setting_calls() -> list[Call]:
    shrinking = {"weight_decay": 0.1, "l1": 0.1}
    lion = {"learning_rate": 0.01, "betas": (0.9, 0.99), **shrinking}
    adam = {**lion, "epsilon": 1e-8}
    schedule = {"warmup": 0.1, "of": "learning_rate", "on": None, "per": "epoch"}
    moved = {"learning_rate": 0.01, "epsilon": 1e-8, **shrinking}
    of_initializers = {
        "Constant": {"value": 0.5}, "HeNormal": {"negative_slope": 0.1},
        "HeUniform": {"negative_slope": 0.1}, "Normal": {"standard_deviation": 0.1},
        "Orthogonal": {"gain": 1.0}, "Uniform": {"limit": 0.1},
    }  # fmt: skip
    of_optimizers = {
        "SGD": {"learning_rate": 0.01, "momentum": 0.5, "nesterov": True, **shrinking},
        "Adadelta": {**moved, "rho": 0.9},
        "Adagrad": moved,
        "Adam": {**adam, "amsgrad": True},
        "AdamW": {**adam, "amsgrad": False},
        "Lion": lion,
        "NAdam": {**adam, "momentum_decay": 0.004},
        "RMSprop": {**moved, "rho": 0.9, "momentum": 0.5, "centered": False},
    }
    of_schedules = {
        "Constant": {}, "CosLog4": {}, "FlatCos": {},
        "Cosine": {"minimum": 0.1, "restarts": 1, "growth": 2.0},
        "Exponential": {"by": 0.9}, "InverseScaling": {"power": 0.5},
        "OneCycle": {"warmup": 0, "peak": 0.3, "start": 0.1, "end": 0.01},
        "Polynomial": {"power": 1.0, "minimum": 0.1},
        "ReduceOnPlateau": {
            "by": 0.1, "patience": 1, "monitor": "val_loss", "mode": "auto", "min_delta": 0.0,
            "minimum": 0.1,
        },
        "Step": {"every": 1, "by": 0.5},
    }  # fmt: skip
    of_callbacks: dict[str, dict[str, Any]] = {
        "EMA": {"decay": 0.9},
        "CSVLog": {"path": "log.csv", "append": False},
        "Checkpoint": {
            "path": "c.npz",
            "monitor": None,
            "every": 1,
            "mode": "auto",
            "steps": None,
        },
        "EarlyStopping": {"monitor": "val_loss", "patience": 1, "min_delta": 0.0, "mode": "auto"},
        "TimeLimit": {"seconds": 5.0},
    }
    evaluate = {"name": "x", "X": inputs((N,)), "y": [0, 1, 2] * 2, "metrics": ["f1"]}
    transforms = {
        "Crop": {"share": 0.2}, "Erase": {"size": 2}, "Rotate": {"degrees": 10.0},
        "Shift": {"pixels": 1, "fill": 0.5},
    }  # fmt: skip

    def several(module: Any, rows: dict[str, Any], use: Any, shared: Any = ()) -> list[Call]:
        return [
            Call(
                f"{module.__name__.removeprefix('plainnet.')}.{name}",
                getattr(module, name),
                lambda settings=settings: fresh({**dict(shared), **settings}),
                use,
            )
            for name, settings in rows.items()
        ]

    return [
        *several(initializers, of_initializers, as_initializer),
        *several(optimizers, of_optimizers, as_optimizer),
        *several(schedules, of_schedules, as_schedule, {**schedule}),
        *several(callbacks, of_callbacks, as_callback),
        *several(augmentation, transforms, as_transform),
        Call(
            "callbacks.Evaluate",
            lambda name, X, y, metrics: callbacks.Evaluate(name, X, y, metrics=metrics),
            lambda: fresh(evaluate),
            as_callback,
            says={"X": ("validation_data",), "y": ("targets", "class ids")},
        ),
    ]


def _data_calls() -> list[Call]:
    ids = [0, 1, 2, 0, 1, 2]
    of_classes = {"y_true": ids, "y_pred": ids, "sample_weight": np.ones(M)}
    of_numbers = {"y_true": np.arange(6.0), "y_pred": np.ones(M), "sample_weight": np.ones(M)}
    proba = {"y_true": ids, "y_pred": np.full((M, 3), 1 / 3), "sample_weight": np.ones(M)}
    scores = {"y_true": [0, 1] * 3, "y_pred": np.arange(6.0), "sample_weight": np.ones(M)}
    windows = {"sequence": np.arange(20), "length": 3, "batch_size": 2}

    def call(name: str, function: Any, settings: Any, use: Any = nothing, **more: Any) -> Call:
        return Call(name, function, lambda: fresh(settings), use, **more)

    of_metrics = [
        ("accuracy", of_classes), ("balanced_accuracy", of_classes), ("f1", of_classes),
        ("log_loss", proba), ("roc_auc", scores), ("mean_squared_error", of_numbers),
        ("root_mean_squared_error", of_numbers), ("mean_absolute_error", of_numbers),
        ("r2_score", of_numbers),
    ]  # fmt: skip
    return [
        *(
            call(f"metrics.{name}", getattr(metrics, name), settings, is_number,
                 says={"y_true": ("classes",), "sample_weight": ("weight",),
                       "y_pred": ("classes", "probabilities", "scores")})
            for name, settings in of_metrics
        ),
        call("metrics.confusion_matrix", metrics.confusion_matrix, {**of_classes, "labels": None}),
        call(
            "one_hot", one_hot, {"y": ids, "n_classes": 3, "dtype": np.float32},
            says={"y": ("class ids",), "n_classes": ("class ids",)},
        ),
        call("data.split", data.split, {"n": M, "fraction": 0.5, "seed": 0, "stratify": ids}),
        call("data.Windows", data.Windows, {**windows, "n": 2, "seed": 0}, each_batch,
             long=("n",)),
        call("data.Streams", data.Streams, windows, each_batch),
        call("datasets.load", datasets.load, {"name": "iris"}),
        call("datasets.text", datasets.text, {"name": "x"}),
        call("datasets.read_idx", datasets.read_idx, {"path": "x.gz"}),
    ]  # fmt: skip


def _network_calls() -> list[Call]:
    def network() -> dict[str, Any]:
        return {
            "layers": [Dense(3)], "loss": SoftmaxCrossEntropy(), "input_shape": N, "seed": 0,
            "dtype": np.float32,
        }  # fmt: skip

    def on_a_network(method: str) -> Callable[..., Any]:
        return lambda **arguments: getattr(classifier(), method)(**arguments)

    def recording(**arguments: Any) -> Any:
        return classifier().forward(inputs((N,)), Cache(**arguments))

    def texts() -> Network:
        return Network(
            [Embedding(5, 4), Dense(5)], loss=SoftmaxCrossEntropy(), input_shape=(None,), seed=0
        )

    examples = {"X": inputs((N,)), "y": np.array([0, 1, 2] * 2), "sample_weight": np.ones(M)}
    targets = ("targets", "class ids")
    rates = {
        "network": classifier, "X": lambda: inputs((N,)), "y": lambda: np.array([0, 1, 2] * 2),
        "optimizer": lambda: SGD(0.1), "batch_size": lambda: 6, "lowest": lambda: 1e-4,
        "highest": lambda: 1.0, "steps": lambda: 12, "seed": lambda: 0,
    }  # fmt: skip
    textbook = {
        "input_size": N, "hidden_layers": [3], "output_size": 3, "learning_rate": 0.1, "seed": 0,
    }  # fmt: skip

    def learn(network: NeuralNetwork) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # a learning rate may be too large
            network.train(inputs((N,)).T, np.eye(3)[:, [0, 1, 2] * 2], 2, print_loss=False)
        assert network.predict(inputs((N,)).T).shape == (1, M)

    def search(**settings: Any) -> Any:
        return LBFGS(**settings)

    def minimise(optimizer: Any) -> None:
        json.dumps(optimizer.config())
        train(
            classifier(), inputs((N,)), [0, 1, 2] * 2, optimizer=optimizer, epochs=2,
            progress=False,
        )  # fmt: skip

    return [
        Call("Network", Network, network, is_network, says={
            "layers": ("layer",), "input_shape": ("input", "output", "shape", "layer")}),
        Call("Network.forward", on_a_network("forward"), lambda: {"X": inputs((N,))}),
        Call("Network.predict", on_a_network("predict"), lambda: {"X": inputs((N,))}),
        Call("Network.predict_proba", on_a_network("predict_proba"), lambda: {"X": inputs((N,))}),
        Call("Network.evaluate", on_a_network("evaluate"), lambda: {**examples},
             says={"y": targets}),
        Call("Network.loss_and_gradients", on_a_network("loss_and_gradients"),
             lambda: {**examples, "cache": Cache(training=True)}, says={"y": targets}),
        Call("Network.adjust", on_a_network("adjust"),
             lambda: {"pattern": "*", "learning_rate": 0.5, "weight_decay": 0.5},
             says={"pattern": ("parameter",)}),
        Call("Network.freeze", on_a_network("freeze"), lambda: {"pattern": "*"},
             says={"pattern": ("parameter",)}),
        Call("Network.astype", on_a_network("astype"), lambda: {"dtype": np.float64}),
        Call("Network.__setitem__",
             lambda values: classifier().__setitem__("2.dense.b", values),
             lambda: {"values": np.ones(3)}, says={"values": ("2.dense.b",)}),
        Call("Cache", recording,
             lambda: {"training": True, "record": True, "seed": 0, "carry": False}),
        Call("train", train, training, long=("epochs",), says={
            "y": targets, "validation_data": ("X", "targets"), "metrics": ("metric",),
            "augment": ("augmentation",), "sample_weight": ("weight",), "mixup": ("mixup",),
            "batch_size": ("accumulate",),
        }),
        Call("find_learning_rate", find_learning_rate,
             lambda: {name: make() for name, make in rates.items()}, long=("steps",),
             says={"y": targets, "lowest": ("highest",)}),
        Call("check_gradients", check_gradients,
             lambda: {"subject": Dense(2), "X": None, "y": None, "input_shape": 3, "batch_size": 2,
                      "training": True, "seed": 0, "samples": 2, "tolerance": 1e-7},
             says={"subject": ("function",), "X": ("input_shape",),
                   "input_shape": ("input", "layer")}),
        Call("check_gradients of a function", check_gradients,
             lambda: {"subject": lambda x: np.sum(np.sin(x)), "X": lambda x: np.cos(x),
                      "y": [1.0, 2.0], "samples": 2, "seed": 0},
             own_manner=of_the_call, says={"subject": ("f",), "X": ("df",), "y": ("x",)}),
        Call("compare", compare,
             lambda: {"mine": NeuralNetwork(2, [3], 2), "book": NeuralNetwork(2, [3], 2),
                      "X": np.ones((2, 3)), "Y": np.eye(2)[:, [0, 1, 1]], "tolerance": 1e-6},
             own_manner=textbooks, says={"mine": ("dictionary",), "book": ("dictionary",)}),
        Call("compare dictionaries", compare,
             lambda: {"mine": {"W": np.ones(2)}, "book": {"W": np.ones(2)}, "tolerance": 1e-6},
             says={"mine": ("dictionary",), "book": ("dictionary", "W")}),
        Call("generate", generate,
             lambda: {"network": texts(), "prompt": [0, 1], "n": 2, "temperature": 1.0, "top_k": 3,
                      "top_p": 0.9, "seed": 0}, says={"prompt": ("X", "ids")}),
        Call("LBFGS", search, lambda: {"memory": 5, "tolerance": 1e-3, "max_evaluations": 20,
                                       "weight_decay": 0.1}, minimise),
        Call("NeuralNetwork", NeuralNetwork, lambda: fresh(textbook), learn,
             own_manner=textbooks, says=dict.fromkeys(
                 ("input_size", "hidden_layers", "output_size"), ("layer",))),
        Call("save", plainnet.save,
             lambda: {"thing": classifier(), "path": "m.npz", "metadata": {"a": 1}}),
        Call("load", lambda path, custom: plainnet.load(path, custom=custom),
             lambda: {"path": _saved(), "custom": [Dense]}, says={"path": ("is not a plainnet",)}),
    ]  # fmt: skip


def _saved() -> str:
    plainnet.save(classifier(), "saved.npz")
    return "saved.npz"


def _estimator_calls() -> list[Call]:
    try:
        from plainnet import estimators
    except ImportError:
        return []
    table, y, numbers = inputs((N,)).astype(float), np.array([0, 1] * 3), np.arange(6.0)
    mlp = {
        "hidden_layer_sizes": (3,), "activation": "relu", "solver": "adam", "alpha": 0.01,
        "batch_size": 4, "learning_rate": "constant", "learning_rate_init": 0.01, "power_t": 0.5,
        "max_iter": 2, "shuffle": True, "random_state": 0, "tol": 1e-4, "verbose": False,
        "warm_start": False, "momentum": 0.9, "nesterovs_momentum": True, "early_stopping": False,
        "validation_fraction": 0.3, "beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-8,
        "n_iter_no_change": 5, "max_fun": 10, "dropout": 0.1, "batch_norm": True,
        "callbacks": (), "schedule": None, "optimizer": None, "ema": None,
    }  # fmt: skip
    network = {
        "layers": [Dense(3), ReLU(), Dense(1)], "loss": None, "optimizer": Adam(0.01), "epochs": 2,
        "batch_size": 4, "early_stopping": False, "patience": 2, "validation_fraction": 0.3,
        "input_shape": None, "callbacks": (), "warm_start": False, "verbose": False,
        "random_state": 0,
    }  # fmt: skip
    tabular = {
        "preset": "default", "hidden_layer_sizes": [3], "dropout": 0.1, "weight_decay": 0.01,
        "learning_rate": 0.01, "epochs": 1, "batch_size": 4, "n_networks": 1,
        "validation_fraction": None, "categorical_features": None, "callbacks": (),
        "random_state": 0, "verbose": False,
    }  # fmt: skip
    images = {
        **tabular, "size": (3, 3), "image_shape": (2, 2), "shift": 1, "flip": True,
        "augment": [augmentation.Erase(1)], "patience": 1, "label_smoothing": 0.1,
        "class_weight": None,
    }  # fmt: skip
    of_texts = {
        "preset": "default", "width": 3, "learning_rate": 0.01, "epochs": 1, "batch_size": 4,
        "dropout": 0.1, "weight_decay": 0.01, "min_count": 1, "max_features": 20, "n_networks": 1,
        "validation_fraction": None, "callbacks": (), "random_state": 0, "verbose": False,
    }  # fmt: skip
    texts = np.array(["a b", "b c", None, "c", "", "a"], object)
    calls = []
    for kind, settings, X, target in (
        ("ImageClassifier", images, table, y),
        ("MLPClassifier", mlp, table, y),
        ("MLPRegressor", mlp, table, numbers),
        ("NetworkClassifier", network, table, y),
        ("NetworkRegressor", network, table, numbers),
        ("TabularClassifier", tabular, table, y),
        ("TabularRegressor", tabular, table, numbers),
        ("TextClassifier", of_texts, texts, y),
        ("TextRegressor", of_texts, texts, numbers),
    ):
        make = getattr(estimators, kind)
        known = make._get_param_names()
        settings = {name: value for name, value in settings.items() if name in known}

        def fitted(estimator: Any, X: Any = X, target: Any = target) -> None:
            estimator.fit(X, target).predict(X)

        def fit(
            X: Any, y: Any, sample_weight: Any, make: Any = make, settings: Any = settings
        ) -> Any:
            return make(**fresh(settings)).fit(X, y, sample_weight=sample_weight).predict(X)

        def predict(
            X: Any, make: Any = make, settings: Any = settings, target: Any = target, known=X
        ) -> Any:
            return make(**fresh(settings)).fit(known, target).predict(X)

        says = {
            "X": ("column", "features", "n_samples", "file"), "y": ("target",),
            "hidden_layer_sizes": ("layer",), "layers": ("layer", "target"),
            "learning_rate_init": ("learning_rate",),
            "input_shape": ("input", "layer", "output"),
            "augment": ("augmentation",),
        }  # fmt: skip
        shared: dict[str, Any] = {"warns": (UserWarning,), "own_manner": scikits, "says": says}
        long = ("epochs", "max_iter", "n_networks", "max_fun")
        calls += [
            Call(kind, make, lambda settings=settings: fresh(settings), fitted, long=long,
                 **shared),
            Call(f"{kind}.fit", fit,
                 lambda X=X, target=target: {"X": X, "y": target, "sample_weight": np.ones(M)},
                 **shared),
            Call(f"{kind}.predict", predict, lambda X=X: {"X": X}, **shared),
        ]  # fmt: skip
    return calls


def _agent_calls() -> list[Call]:
    try:
        from plainnet import rl
        from rl.corridor import Corridor
    except ImportError:
        return []
    shared = {
        "env": Corridor, "n_envs": 2, "learning_rate": 0.01, "anneal": True, "gamma": 0.9,
        "max_norm": 0.5, "hidden": (4,), "seed": 0,
    }  # fmt: skip
    of_actor = {
        "entropy_weight": 0.01, "value_weight": 0.5, "activation": "tanh",
        "normalize_observations": True,
    }  # fmt: skip
    rows = {
        "A2C": {**shared, **of_actor, "n_steps": 3, "lam": 0.9, "normalize_rewards": True},
        "PPO": {**shared, **of_actor, "n_steps": 4, "lam": 0.9, "normalize_rewards": True,
                "epochs": 1, "minibatches": 2, "clip": 0.2, "clip_value": True},
        "REINFORCE": {**shared, **of_actor},
        "DQN": {**shared, "capacity": 50, "learning_starts": 4, "batch_size": 4,
                "target_every": 1, "tau": 0.1, "epsilon": (1.0, 0.1), "exploration": 0.5,
                "double": True, "duelling": True, "n_steps": 2, "prioritized": True},
    }  # fmt: skip

    def learn(agent: Any) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # a learning rate may be too large
            agent.learn(12, progress=False)

    return [
        Call(
            f"rl.{name}",
            getattr(rl, name),
            lambda settings=settings: dict(settings),
            learn,
            long=("epochs", "n_steps", "target_every"),
            own_manner=gymnasiums,
            says={"hidden": ("layer",)},
        )
        for name, settings in rows.items()
    ]


def calls() -> list[Call]:
    """All of them."""
    return [
        *_layer_calls(), *_loss_calls(), *_setting_calls(), *_data_calls(), *_network_calls(),
        *_estimator_calls(), *_agent_calls(),
    ]  # fmt: skip
