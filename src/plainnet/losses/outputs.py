"""The losses of a network with several outputs, each with its weight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import Parts, arrays_of, expect_same_rows, named_values
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas, WrittenOut
from plainnet.engine.plan import Place
from plainnet.engine.recording import Window
from plainnet.errors import (
    DataError,
    DTypeError,
    SettingError,
    ShapeError,
    require_number,
    require_type,
    shown,
)
from plainnet.losses.base import Array, Loss
from plainnet.losses.positions import EachPosition

Weighted = Loss | tuple[Loss, float]


class EachOutput(Loss):
    """L = sum_k w_k L_k: every output of a `Graph` has a loss L_k and a weight w_k.

    A `Network` makes it from losses given by name. Targets are a dict with the same names, without
    those of losses that need none, or a tuple in the order of the outputs. Sample weights belong to
    the examples, shape (m,), and hold for all outputs.

    Parameters
    ----------
    losses : mapping of str to Loss or (Loss, weight)
        The loss for each output name; its weight is >= 0, and 1 if left out.
    """

    shown_by = Window

    def __init__(self, losses: Mapping[str, Weighted] | Iterable[tuple[str, Weighted]]) -> None:
        self.losses: dict[str, tuple[Loss, float]] = {}
        for name, given in named_values("losses", losses, "a Loss or (Loss, weight)"):
            require_type("the name of an output", name, str)
            weighted: Any = given if isinstance(given, tuple | list) else (given, 1)
            loss, weight = weighted if len(weighted) == 2 else (weighted, 1)
            require_type(f"the loss of output {name!r}", loss, Loss)
            weight = require_number(f"the weight of output {name!r}", weight, at_least=0)
            self.losses[name] = (copy(loss), weight)
        if not self.losses:
            raise SettingError("losses must have a loss for each output; got none")
        each = [loss for loss, _ in self.losses.values()]
        self.gives_probabilities = any(loss.gives_probabilities for loss in each)
        self.needs_targets = any(loss.needs_targets for loss in each)

    def build(self, output_shape: tuple[Any, ...]) -> None:
        several = all(isinstance(shape, tuple) for shape in output_shape)
        if not several or len(output_shape) != len(self.losses):
            raise ShapeError(
                f"loss {self!r} needs an output for each of its {len(self.losses)} losses; the "
                f"network gives {output_shape}"
            )
        given, self.losses = self.losses, {}  # the losses of an earlier network stay as they are
        for (name, (loss, weight)), shape in zip(given.items(), output_shape, strict=True):
            if loss.of_positions and len(shape) > 1:
                loss = EachPosition(loss)
            loss = copy(loss)
            loss.output_shape = shape
            loss.build(shape)
            self.losses[name] = (loss, weight)
        self.output_shape = output_shape

    def plan(self, own: Place) -> Iterable[Place]:
        for name, (loss, _) in self.losses.items():
            yield Place(name, loss, carries=False)

    # --- targets ----------------------------------------------------------------------------------

    @property
    def taught(self) -> tuple[str, ...]:
        """The outputs that have targets."""
        return tuple(name for name, (loss, _) in self.losses.items() if loss.needs_targets)

    def targets(self, y: Any, dtype: npt.DTypeLike) -> Any:
        known = {}
        for name, given in self._by_name(y).items():
            try:
                known[name] = self.losses[name][0].targets(given, dtype)
            except (DataError, DTypeError, ShapeError) as error:
                raise type(error)(f"y[{name!r}]: {error}") from None
        if known:
            expect_same_rows("y", Parts(known))
        none = np.empty((len(next(iter(known.values()), y)), 0), dtype)
        return Parts({name: known.get(name, none) for name in self.losses})

    def _by_name(self, y: Any) -> dict[str, Any]:
        """The targets of each output that has some."""
        if not self.taught:
            return {}
        if isinstance(y, Parts):  # checked before, or rows of such
            y = y.arrays
        if isinstance(y, tuple | list) and len(y) == len(self.taught):
            y = dict(zip(self.taught, y, strict=True))
        if not isinstance(y, Mapping) or not set(self.taught) <= set(y) <= set(self.losses):
            got = ", ".join(map(str, y)) if isinstance(y, Mapping) else shown(y)
            raise DataError(
                f"y must be a dict with the targets of {', '.join(self.taught)}, or a tuple of "
                f"{len(self.taught)} in this order; got {got}"
            )
        return {name: y[name] for name in self.taught}

    def counts(self, y: Any, sample_weight: Array | None) -> bool:
        each = zip(self.losses.values(), arrays_of(y), strict=True)
        return any(loss.counts(part, sample_weight) for (loss, _), part in each)

    @WrittenOut
    def formulas(loss: Any) -> Formulas:  # noqa: N805
        known = getattr(loss, "losses", {"1": (None, 1.0), "2": (None, 1.0)})
        weights = {name: f"{weight!r}" for name, (_, weight) in known.items()}
        total = Formula(
            "L",
            " + ".join(f"{w} * L_{name}" for name, w in weights.items()),
            "L = " + " + ".join(rf"{w}\, L_\text{{{name}}}" for name, w in weights.items()),
        )
        gradients = [
            Formula(
                f"dZ_{name}",
                f"{w} * dL_{name}",
                rf"dZ_\text{{{name}}} = {w}\, dL_\text{{{name}}}",
            )
            for name, w in weights.items()
        ]
        return Formulas("Z", "L", (total,), tuple(gradients))

    # --- forward and backward ---------------------------------------------------------------------

    def forward(self, Z: Any, y: Any, cache: Cache) -> Array:
        """The weighted sum for each example, shape (m,); a sequence counts by its steps' mean."""
        total = np.zeros(len(Z[0]), Z[0].dtype)
        for loss, weight, part, targets, own in self._each(Z, y, cache):
            losses = loss.forward(part, targets, own)
            total += weight * losses.reshape(len(losses), -1).mean(axis=1)
        return total

    def backward(self, cache: Cache) -> Any:
        """The gradients of the sum over the examples, one for each output."""
        layers = zip(self.losses.values(), cache.layers, strict=True)
        return tuple([weight * loss.backward(own) for (loss, weight), (_, own) in layers])

    def mean(self, Z: Any, y: Any, cache: Cache, sample_weight: Array | None = None) -> float:
        means = [
            (weight, loss.mean(part, targets, own, sample_weight))
            for loss, weight, part, targets, own in self._each(Z, y, cache)
        ]
        total = sum(weight * mean for weight, mean in means)
        if cache.window is not None:
            for name, (_, own) in zip(self.losses, cache.layers, strict=True):
                inner: Any = own.window
                cache.window.note_inner(f"L_{name}", inner["L"])
            cache.window.note("L", np.array(total, Z[0].dtype))
        return total

    def mean_gradient(self, cache: Cache, sample_weight: Array | None = None) -> Any:
        """The gradient of `mean` with respect to each output, as a tuple."""
        gradients, window = [], cache.window
        if window is not None:
            window.went_back = True
        for (name, (loss, weight)), (_, own) in zip(self.losses.items(), cache.layers, strict=True):
            dL = dZ = loss.mean_gradient(own, sample_weight)
            if window is not None:  # which shows both
                window.note_inner(f"dL_{name}", dL)
                dZ = cache.array(f"dZ_{name}", dL.shape, dL.dtype)
            gradients.append(dL if dZ is dL and weight == 1 else np.multiply(dL, weight, out=dZ))
        return tuple(gradients)

    def _each(
        self, Z: Any, y: Any, cache: Cache
    ) -> Iterator[tuple[Loss, float, Array, Array, Cache]]:
        """Each loss with its weight, output, targets and sub-cache, and its mask in place."""
        masks = cache.sequences.masks
        if len(masks) != len(self.losses):
            masks = (cache.mask,) * len(self.losses)
        layers = cache.layers_of(self)
        parts = zip(self.losses.values(), Z, arrays_of(y), layers, masks, strict=True)
        for (loss, weight), part, targets, (_, own), mask in parts:
            cache.mask = mask
            yield loss, weight, part, targets, own

    # --- what its user reads ----------------------------------------------------------------------

    def measures(
        self, Z: Any, y: Any, cache: Cache, sample_weight: Array | None = None
    ) -> dict[str, tuple[float, float]]:
        """The measures of each output, as "class_loss", "class_accuracy"."""
        found = {}
        each = zip(self.losses, self._each(Z, y, cache), strict=True)
        for name, (loss, _, part, targets, own) in each:
            for measure, value in loss.measures(part, targets, own, sample_weight).items():
                found[f"{name}_{measure}"] = value
        return found

    def scores(self, means: dict[str, float]) -> dict[str, float]:
        """The weighted sum of the losses, then the measures of each output."""
        total = sum(weight * means[f"{name}_loss"] for name, (_, weight) in self.losses.items())
        return {"loss": total, **means}

    def activate(self, Z: Any) -> Any:
        """Each output as users read it."""
        return self._made(Z, lambda loss, part: loss.activate(part))

    def probabilities(self, Z: Any) -> Any:
        """The probabilities of those outputs that have some."""
        return Parts(
            {
                name: loss.probabilities(part)
                for (name, (loss, _)), part in zip(self.losses.items(), Z, strict=True)
                if loss.gives_probabilities
            }
        )

    def decide(self, Z: Any) -> Any:
        return self._made(Z, lambda loss, part: loss.decide(part))

    def classes(self, y: Any) -> Any:
        return self._made(arrays_of(y), lambda loss, part: loss.classes(part))

    def _made(self, values: Any, made: Callable[[Loss, Array], Array]) -> Parts:
        each = zip(self.losses.items(), values, strict=True)
        return Parts({name: made(loss, value) for (name, (loss, _)), value in each})
