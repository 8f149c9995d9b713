"""Remedies as code: lines that a trial runs first, and that a user can run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from plainnet import initializers
from plainnet import layers as families
from plainnet.layers import Dense, Graph, Layer
from plainnet.network import Network
from plainnet.optimizers import Optimizer
from plainnet.optimizers.lbfgs import LBFGS

DRAW = (
    "import numpy as np\nfrom plainnet.initializers import {kind}\nrng = np.random.default_rng(0)"
)


def redrawn(network: Network, layer: str, *, unfreeze: bool = False) -> str:
    """Draw the weights of a layer anew and set its biases to zero; "" where it has no weights."""
    own = [name for name in network.tensors if name.rpartition(".")[0] == layer]
    weights = [name for name in own if network.tensors[name].ndim > 1]
    if not weights:
        return ""
    rules = ["Orthogonal" if n.rpartition(".")[2] == "U" else "GlorotUniform" for n in weights]
    lines = [
        f'network["{n}"] = {rule}()(rng, {network.tensors[n].shape})'
        for n, rule in zip(weights, rules, strict=True)
    ]
    lines += [f'network["{n}"][...] = 0' for n in own if n.rpartition(".")[2].startswith("b")]
    if unfreeze:
        lines.append(f'network.unfreeze("{layer}")')
    return "\n".join([DRAW.format(kind=", ".join(sorted(set(rules)))), *lines])


def weights_below(network: Network, path: str) -> str:
    """The layer whose weights produce the input of the layer at this path, or that layer itself."""
    below = ""
    for layer in network.body.walk():
        has_weights = any(network.tensors[f"{layer.name}.{n}"].ndim > 1 for n in layer.declared)
        if layer.name == path:
            return path if has_weights else below
        if has_weights:
            below = layer.name
    return below


def rebuilt(
    network: Network,
    changed: Callable[[int, Layer], str],
    *,
    input_shape: int | None = None,
) -> str:
    """Build the network anew, with other layers: `changed` gives each as code.

    "" if the layers are not all plainnet's own, since code for others may not recreate them.
    """
    if isinstance(network.body, Graph):
        return ""
    codes = [changed(i, layer) for i, layer in enumerate(network.layers)]
    for layer, code in zip(network.layers, codes, strict=True):
        if repr(layer) in code and not _is_plain(layer):
            return ""
    names = sorted(set(re.findall(r"\b[A-Z]\w*(?=\()", ", ".join(codes))))
    kinds = [name for name in names if hasattr(families, name)]
    rules = [name for name in names if name not in kinds and hasattr(initializers, name)]
    if len(kinds) + len(rules) < len(names):
        return ""
    imported = f"from plainnet.initializers import {', '.join(rules)}\n" if rules else ""
    return (
        f"{imported}from plainnet import Network\nfrom plainnet.layers import {', '.join(kinds)}\n"
        f"network = Network([{', '.join(codes)}], loss=network.loss, "
        f"input_shape={input_shape or 'network.input_shape'}, seed=0)"
    )


def as_new(network: Network) -> str:
    """Build the network anew, with the same layers."""
    return rebuilt(network, lambda i, layer: repr(layer))


def linear_of(network: Network) -> str:
    """Build a linear model for the same inputs and outputs."""
    flat = "" if len(network.input_shape) == 1 else "Flatten(), "
    kinds = "Dense, Flatten" if flat else "Dense"
    return (
        f"from plainnet import Network\nfrom plainnet.layers import {kinds}\n"
        f"network = Network([{flat}Dense({network.output_shape[-1]})], loss=network.loss, "
        "input_shape=network.input_shape, seed=0)"
    )


def with_units(layer: Layer, units: int) -> str:
    """The layer with this many units or filters."""
    return re.sub(r"\(\d+", f"({units}", repr(layer), count=1)


def enlarged(network: Network) -> str:
    """Build the network anew with wider hidden layers, or with two where it has none."""
    layers = list(network.layers)
    hidden = [i for i, layer in enumerate(layers) if isinstance(layer, Dense)][:-1]
    if hidden:
        return rebuilt(
            network,
            lambda i, layer: (
                f"Dense({max(64, 4 * layer.units)})"
                if i in hidden and isinstance(layer, Dense)
                else repr(layer)
            ),
        )
    if not layers or not isinstance(layers[-1], Dense):
        return ""
    more = "Dense(64), ReLU(), Dense(64), ReLU(), "
    return rebuilt(network, lambda i, layer: (more if i == len(layers) - 1 else "") + repr(layer))


def _is_plain(layer: Layer) -> bool:
    return type(layer).__module__.startswith("plainnet.layers") and not layer.layers


def with_rate(optimizer: Optimizer | LBFGS, factor: float) -> str:
    """Change the learning rate; "" for an optimizer that has none."""
    if not isinstance(optimizer, Optimizer) or not optimizer.learning_rate:
        return ""
    return f"optimizer.learning_rate = {optimizer.learning_rate * factor:.2g}"


def each_layer(change: str, layers: Sequence[Layer]) -> str:
    """Change a setting in several layers."""
    names = ", ".join(f'"{layer.name}"' for layer in layers)
    return f"for layer in map(network.layer, [{names}]): {change}"
