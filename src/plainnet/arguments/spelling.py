"""plainnet's name for an argument that is called by another library's name."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, ParamSpec, TypeVar

from plainnet.errors import ArgumentError, SettingError, require_type

P = ParamSpec("P")
R = TypeVar("R")

_INPUT_IS_KNOWN = (
    "the size of the input is known from the layer before, and that of the data is the network's: "
    "Network([...], input_shape=...)"
)

# What Keras, PyTorch and scikit-learn call it: our names, of which a signature has one, or what to
# do instead.
OTHER_NAMES: dict[str, tuple[str, ...] | str] = {
    # layers
    "activation": "an activation is a separate layer, such as ReLU() after this one",
    "alpha": ("negative_slope", "rho", "learning_rate", "weight_decay"),
    "dilation_rate": ("dilation",),
    "dim_feedforward": ("hidden",),
    "dropout_rate": ("dropout", "rate"),
    "embedding_dim": ("width",),
    "hidden_dim": ("units", "hidden"),
    "hidden_size": ("units", "hidden"),
    "hidden_units": ("units", "hidden"),
    "in_channels": _INPUT_IS_KNOWN,
    "in_features": _INPUT_IS_KNOWN,
    "init": ("initializer",),
    "input_dim": ("vocabulary",),  # of an embedding; below for others
    "input_shape": _INPUT_IS_KNOWN,
    "input_size": _INPUT_IS_KNOWN,
    "kernel": ("kernel_size",),
    "kernel_initializer": ("initializer",),
    "kernel_regularizer": "regularisation is the optimizer's: AdamW(weight_decay=..., l1=...)",
    "nhead": ("heads",),
    "num_embeddings": ("vocabulary",),
    "num_groups": ("groups",),
    "num_heads": ("heads",),
    "num_units": ("units",),
    "out_channels": ("filters", "units"),
    "out_features": ("units",),
    "output_dim": ("width", "units"),
    "p": ("rate",),
    "padding_idx": ("padding",),
    "pool_size": ("kernel_size",),
    "scale_factor": ("factor",),
    "sigma": ("standard_deviation",),
    "size": ("units", "factor", "kernel_size"),
    "std": ("standard_deviation",),
    "stddev": ("standard_deviation",),
    "strides": ("stride",),
    "use_bias": ("bias",),
    # optimizers, losses, schedules
    "beta1": ("betas",),
    "beta2": ("betas",),
    "beta_1": ("betas",),
    "beta_2": ("betas",),
    "decay": ("weight_decay",),
    "eps": ("epsilon",),
    "eta": ("learning_rate",),
    "d_model": _INPUT_IS_KNOWN,
    "embed_dim": _INPUT_IS_KNOWN,
    "num_features": _INPUT_IS_KNOWN,
    "num_layers": "put several, one after the other, into the network's list",
    "optimizer": "the optimizer is an argument of plainnet.train",
    "step_size": ("every",),
    "eta_min": ("minimum",),
    "from_logits": "the loss takes pre-activations: its activation is built in",
    "gamma": ("by", "power"),
    "l1": "an optimizer with a learning rate takes it: SGD(l1=...)",
    "l2": ("weight_decay",),
    "lr": ("learning_rate",),
    "max_lr": "the peak is the optimizer's learning rate",
    "params": "train passes the parameters to the optimizer: leave them out",
    "quantile": ("levels",),
    "reduction": "a loss is the mean over the batch",
    "smoothing": ("label_smoothing",),
    "T_max": "it always spans the whole training",
    # callbacks
    "filename": ("path",),
    "filepath": ("path",),
    "log_dir": ("folder",),
    "restore_best_weights": "the best parameters are always put back",
    "save_best_only": ("monitor",),
}
OF_TRAINING: dict[str, tuple[str, ...] | str] = {
    "accumulate_grad_batches": ("accumulate",),
    "clip": ("clip_norm",),
    "clipnorm": ("clip_norm",),
    "clipvalue": ("clip_value",),
    "criterion": "the loss is the network's: Network([...], loss=...)",
    "device": "plainnet computes on the processor",
    "gradient_accumulation_steps": ("accumulate",),
    "gradient_clip_val": ("clip_norm",),
    "learning_rate": "it is the optimizer's: optimizer=Adam(learning_rate=...)",
    "loss": "the loss is the network's: Network([...], loss=...)",
    "lr": "it is the optimizer's: optimizer=Adam(learning_rate=...)",
    "max_epochs": ("epochs",),
    "max_iter": ("epochs",),
    "max_norm": ("clip_norm",),
    "model": ("network",),
    "n_epochs": ("epochs",),
    "num_epochs": ("epochs",),
    "random_state": ("seed",),
    "validation_split": (
        "split the rows with plainnet.data.split, and pass validation_data=(X[held], y[held])"
    ),
    "verbose": ("progress",),
    "weights": ("sample_weight",),
    "x": ("X",),
}

METHODS = {
    "add": "a network takes all its layers at once: Network([...], ...)",
    "add_module": "a network takes all its layers at once: Network([...], ...)",
    "count_params": "network.parameters.size, or network.summary()",
    "get_weights": "network.tensors, or network.parameters",
    "set_weights": 'network["0.dense.W"] = ..., or network.parameters[:] = ...',
    "predict_classes": "network.predict(X)",
    "predict_on_batch": "network.predict(X)",
    "get_layer": 'network.layer("0.dense"), or network.layers',
    "train_on_batch": "plainnet.step(network, X, y, optimizer)",
    "trainable_weights": "network.tensors",
    "compile": "the loss is Network's argument, the optimizer train's",
    "eval": "predict and evaluate never train",
    "fit": "plainnet.train(network, X, y, optimizer=..., epochs=..., batch_size=...)",
    "load_weights": "plainnet.load(path)",
    "load_state_dict": "network.parameters[:] = ..., or plainnet.load(path)",
    "named_parameters": "network.tensors",
    "save": "plainnet.save(network, path)",
    "save_weights": "plainnet.save(network, path)",
    "state_dict": "network.parameters, network.tensors, or plainnet.save(network, path)",
    "to": "plainnet computes on the processor; network.astype changes the dtype",
    "weights": 'network["0.dense.W"], or network.tensors',
    "train": "plainnet.train(network, X, y, optimizer=..., epochs=..., batch_size=...)",
    "trainable": 'network.freeze("0.dense") and network.unfreeze("0.dense")',
    "zero_grad": "each backward pass overwrites the gradients",
}
OBJECTS = {
    "adam": "Adam()",
    "adamw": "AdamW()",
    "sgd": "SGD()",
    "rmsprop": "RMSprop()",
    "mse": "MeanSquaredError()",
    "mae": "MeanAbsoluteError()",
    "binarycrossentropy": "SigmoidCrossEntropy()",
    "categoricalcrossentropy": "SoftmaxCrossEntropy()",
    "crossentropy": "SoftmaxCrossEntropy()",
    "sparsecategoricalcrossentropy": "SoftmaxCrossEntropy()",
    "squarederror": "MeanSquaredError()",
    "logloss": "SoftmaxCrossEntropy()",
}
"""What the strings of other libraries stand for, in lower case and without spaces."""

_EXAMPLES = {"verbose": "progress=False is silent", "save_best_only": 'monitor="val_loss"'}


class Spelled(ABCMeta):
    """Classes whose constructor, called with a wrong argument name, suggests the right one."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except TypeError:
            refuse_unknown(cls.__name__, cls.__signature__, args, kwargs)
            raise

    @property
    def __signature__(cls) -> Signature:
        """That of the constructor, which `__call__` would hide from `inspect` and from Jupyter."""
        if cls.__init__ is object.__init__:  # type: ignore[misc]
            return Signature()
        own = signature(cls.__init__)  # type: ignore[misc]
        return own.replace(parameters=list(own.parameters.values())[1:])


class Elsewhere:
    """A method that networks of other libraries have: asking for it names the one to use here."""

    def __init__(self, name: str, remedy: str) -> None:
        self.name, self.remedy = name, remedy

    def __get__(self, owner: object, kind: type) -> Any:
        raise AttributeError(f"a {kind.__name__} has no {self.name!r}: {self.remedy}")


def spelled(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a function."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            name = function.__qualname__.removesuffix(".__init__")
            refuse_unknown(name, signature(function), args, kwargs)
            raise

    return call


def refuse_unknown(
    name: str, takes: Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Raise `ArgumentError` if `name` does not take arguments of these names, or this many."""
    parameters = takes.parameters
    known = [n for n, p in parameters.items() if n != "self" and p.kind != Parameter.VAR_KEYWORD]
    if not any(p.kind == Parameter.VAR_KEYWORD for p in parameters.values()):
        for unknown in kwargs:
            if unknown not in known:
                raise ArgumentError(f"{name} has no argument {unknown!r}: {_meant(unknown, known)}")
    kinds = [p.kind for p in parameters.values()]
    nameless = kinds.count(Parameter.POSITIONAL_OR_KEYWORD)
    if len(args) > nameless and Parameter.VAR_POSITIONAL not in kinds:
        raise ArgumentError(_too_many(name, known, nameless, args))


def require_object(name: str, value: Any, kind: type) -> None:
    """`require_type` that also knows what the strings of other libraries stand for."""
    try:
        require_type(name, value, kind)
    except SettingError as error:
        word = "".join(filter(str.isalnum, value.lower())) if isinstance(value, str) else ""
        if word not in OBJECTS:
            raise
        raise SettingError(f"{error}, which is {OBJECTS[word]} here") from None


def _meant(unknown: str, known: Sequence[str]) -> str:
    names = OTHER_NAMES | OF_TRAINING if "optimizer" in known else OTHER_NAMES
    words = names.get(unknown, ())
    if isinstance(words, str):
        return words
    for word in (*words, *get_close_matches(unknown, known, n=1, cutoff=0.75)):
        if word in known:
            example = _EXAMPLES.get(unknown)
            return f"plainnet calls it {word}" + (f", and {example}" if example else "")
    if unknown == "input_dim":
        return _INPUT_IS_KNOWN
    return f"it takes {', '.join(known) or 'none'}"


def _too_many(name: str, known: Sequence[str], nameless: int, args: Sequence[Any]) -> str:
    if known[:1] == ["layers"] and any(isinstance(first, list | tuple) for first in args[:2]):
        return f"{name} takes only by name: {', '.join(known[nameless:])}"
    if known[:1] == ["layers"]:
        return f"{name} takes its layers as one list: {name}([a, b, ...])"
    message = f"{name} takes {', '.join(known[:nameless]) or 'nothing'}"
    if known[nameless:]:
        message += f" and, by name, {', '.join(known[nameless:])}"
    message += f"; got {len(args)} without a name"
    if known[:1] in (["units"], ["filters"]):
        message += f". {_INPUT_IS_KNOWN[0].upper()}{_INPUT_IS_KNOWN[1:]}"
    return message
