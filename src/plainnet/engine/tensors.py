"""The tensors of a network by name: its parameters, their gradients, its running state.

Layers declare them; here they get their places in three vectors, and what says how fast each
learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_array, as_floats
from plainnet.engine.filling import filling
from plainnet.engine.parameters import Declaration, FlatVector, Segment
from plainnet.errors import SettingError, ShapeError, require_number, require_type

Array = npt.NDArray[Any]


class Tensors:
    """The named tensors of all layers inside `body`; a `Network` is one of these."""

    body: Any
    dtype: np.dtype[Any]

    def _declare(self, rng: np.random.Generator) -> None:
        """Take memory for what the layers of the body have declared, and fill it."""
        tensors: dict[str, Declaration] = {}
        state: dict[str, Declaration] = {}
        for layer in self.body.walk():
            tensors |= {f"{layer.name}.{name}": t for name, t in layer.declared.items()}
            state |= {f"{layer.name}.{name}": t for name, t in layer.declared_state.items()}
        check = filling.get()
        if check is not None:
            n_parameters, n_state = (
                sum(t.size for t in each.values()) for each in (tensors, state)
            )
            check(n_parameters, n_state, self.dtype)
        self._parameters = FlatVector(tensors, self.dtype)
        self._gradients = FlatVector(tensors, self.dtype)
        self._state = FlatVector(state, self.dtype)
        if check is None:
            self._parameters.initialize(rng)
            self._state.initialize(rng)
        self.segments: tuple[Segment, ...] = tuple(self._parameters.segments())

    @property
    def parameters(self) -> Array:
        return self._parameters.flat

    @property
    def gradients(self) -> Array:
        return self._gradients.flat

    @property
    def state(self) -> Array:
        return self._state.flat

    @property
    def n_decaying(self) -> int:
        return self._parameters.n_decaying

    @property
    def tensors(self) -> Mapping[str, Array]:
        """Every parameter by name, as a view into `parameters`, in that vector's order."""
        return self._parameters.views

    @property
    def gradient_tensors(self) -> Mapping[str, Array]:
        """Every gradient by its parameter's name, as a view into `gradients`."""
        return self._gradients.views

    @property
    def state_tensors(self) -> Mapping[str, Array]:
        """All running state by name, as views into `state`."""
        return self._state.views

    def __getitem__(self, name: str) -> Array:
        """The parameter or running state of this name, as a view: `network["0.dense.W"]`."""
        for vector in (self._parameters, self._state):
            if name in vector.views:
                return vector.views[name]
        for layer, others in self._also_called().items():
            for other in others:
                first = layer + name.removeprefix(other)
                if name.startswith(f"{other}.") and first != name:
                    return self[first]
        known = [*self._parameters.views, *self._state.views]
        raise KeyError(f"no parameter {name!r}; the network has {', '.join(known)}")

    def __contains__(self, name: object) -> bool:
        """Whether a parameter or running state is called so."""
        try:
            return isinstance(name, str) and self[name] is not None
        except KeyError:
            return False

    __iter__ = None  # by Python's rule it would ask for the names 0, 1, 2 ...

    def __setitem__(self, name: str, values: npt.ArrayLike) -> None:
        """Write into the parameter of this name; the shapes must agree."""
        view, values = self[name], as_array(name, values)
        if values.shape != view.shape:
            raise ShapeError(f"{name} has the shape {view.shape}; got {values.shape}")
        view[...] = as_floats(name, values, self.dtype)

    def _bind(self) -> None:
        """Give every layer its views. They die in pickle and deepcopy, and are made anew then."""
        for layer in self.body.walk():
            own = {name: f"{layer.name}.{name}" for name in layer.declared}
            layer.bind(
                {name: self._parameters.views[full] for name, full in own.items()},
                {name: self._gradients.views[full] for name, full in own.items()},
                {name: self._state.views[f"{layer.name}.{name}"] for name in layer.declared_state},
            )

    def _also_called(self) -> Mapping[str, tuple[str, ...]]:
        """The other names of a layer, by its name: those of the other places where it stands."""
        return {}

    # --- how fast each tensor learns -------------------------------------------------------------

    def adjust(
        self,
        pattern: str,
        *,
        learning_rate: float | None = None,
        weight_decay: float | None = None,
    ) -> None:
        """Multiply the optimizer's rates for some tensors.

        Parameters
        ----------
        pattern : str
            A tensor's or layer's name, or a pattern of them: "0.dense", "*.b", "2.*".
        learning_rate, weight_decay : float, optional
            Factors >= 0. Weights start with 1 and 1, biases with 1 and 0. A learning rate of 0
            freezes; see `freeze`. The factor of weight decay is that of L1 as well.

        Examples
        --------
        >>> from plainnet import Network
        >>> from plainnet.layers import Dense
        >>> from plainnet.losses import MeanSquaredError
        >>> network = Network([Dense(4), Dense(1)], loss=MeanSquaredError(), input_shape=2)
        >>> network.adjust("*.b", learning_rate=0.1)
        >>> network.adjust("1.dense", weight_decay=0.5)  # this layer's b now decays too
        """
        require_type("pattern", pattern, str)
        if learning_rate is not None:
            learning_rate = require_number("learning_rate", learning_rate, at_least=0)
        if weight_decay is not None:
            weight_decay = require_number("weight_decay", weight_decay, at_least=0)
        also = self._also_called()

        def is_meant(layer: str, tensor: str) -> bool:
            called = (layer, *also.get(layer, ()))
            return any(_is_meant(f"{each}.{tensor}", pattern) for each in called)

        names = {s.name for s in self.segments if is_meant(*s.name.rsplit(".", 1))}
        running = set()  # layers whose running state is meant
        if learning_rate is not None:
            running = {
                layer.name
                for layer in self.body.walk()
                if any(is_meant(layer.name, name) for name in layer.declared_state)
            }
        if not names and running and learning_rate not in (0, 1):
            raise SettingError(
                f"{pattern!r} is running state, which is frozen (learning_rate=0) or not (1); got "
                f"learning_rate={learning_rate!r}"
            )
        if not names and not running:
            raise SettingError(
                f"no parameter is called {pattern!r}; the network has {', '.join(self.tensors)}"
            )
        self._kept -= running
        if learning_rate == 0:
            self._kept |= {
                layer.name
                for layer in self.body.walk()
                if layer.name in running
                and not (layer.declared and names.issuperset(_tensors(layer)))
            }
        self.segments = tuple(
            s.adjusted(learning_rate, weight_decay) if s.name in names else s for s in self.segments
        )

    def freeze(self, pattern: str) -> None:
        """Keep these tensors as they are in training: their learning rate becomes 0.

        A layer in which nothing learns any more keeps its running state too, and uses it in
        training as in prediction, forward and backward: a frozen `BatchNorm` ignores the batch's
        statistics. While gamma or beta still learns it works as before, unless its statistics are
        frozen by name: `network.freeze("*.running_*")`.
        """
        self.adjust(pattern, learning_rate=0.0)

    def unfreeze(self, pattern: str) -> None:
        """Let these tensors learn again, at the optimizer's learning rate."""
        self.adjust(pattern, learning_rate=1.0)

    _kept: frozenset[str] = frozenset()
    """The layers whose running state was frozen by name, whatever their parameters do."""
    _frozen: frozenset[str] = frozenset()
    """All layers that keep their running state, with `_frozen_by` as segments."""
    _frozen_by: tuple[Segment, ...] = ()

    def keeping_state(self) -> frozenset[str]:
        """The names of the layers that keep their running state while training."""
        if self._frozen_by is not self.segments:
            still = {s.name for s in self.segments if s.learning_rate == 0}
            self._frozen = frozenset(
                layer.name
                for layer in self.body.walk()
                if layer.declared_state
                and (
                    layer.name in self._kept
                    or (layer.declared and still.issuperset(_tensors(layer)))
                )
            )
            self._frozen_by = self.segments
        return self._frozen


def _tensors(layer: Any) -> list[str]:
    """The full names of a layer's own parameters."""
    return [f"{layer.name}.{name}" for name in layer.declared]


def _is_meant(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
