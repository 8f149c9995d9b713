"""Every number of a pass, in its formula.

A trace is one pass over a few examples: forward, loss, backward, and the update that an optimizer
makes of it. Its arrays are those of a recording; how a number is made of others is read off the
formulas of the layers when it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from plainnet.arguments.parts import Parts
from plainnet.arguments.spelling import require_object, spelled
from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula
from plainnet.engine.recording import ABOVE, Frame, WindowOfSteps
from plainnet.errors import (
    SettingError,
    UnknownNameError,
    counted,
    require_boolean,
    require_optional,
    shown,
)
from plainnet.inspection.origins import Made, Memory
from plainnet.inspection.parts import Part, activation_shown, parts_of
from plainnet.inspection.terms import Index, LazyTerms, Many, Number, Term, Terms
from plainnet.inspection.updates import updated
from plainnet.inspection.uses import Place, Uses
from plainnet.inspection.writing import Writer
from plainnet.network import Network
from plainnet.optimizers import Optimizer

Array = npt.NDArray[Any]
Direction = Literal["forward", "backward", "update"]


@spelled
def trace(
    network: Network,
    X: Any,
    y: Any = None,
    optimizer: Optimizer | None = None,
    *,
    sample_weight: npt.ArrayLike | None = None,
    training: bool | None = None,
    seed: int | np.random.Generator | None = 0,
) -> Trace:
    """Record one pass over a few examples, so that every number in it can be looked at.

    Nothing changes: neither the network's parameters, gradients and running state, nor the
    optimizer, nor any random numbers.

    Parameters
    ----------
    network : Network
    X : array of shape (m, *input_shape)
        One example or a few. With several inputs, a dict of arrays.
    y : array of m targets, optional
        As the network's loss takes them. Without them, the pass ends with the output.
    optimizer : Optimizer, optional
        The trace ends with the update that its next step makes.
    sample_weight : array of shape (m,), optional
    training : bool, optional
        Whether dropout drops and batch norm uses the batch; by default if there are targets.
    seed : int, numpy.random.Generator or None
        For dropout.

    Raises
    ------
    SettingError
        If there is an optimizer and no y.

    Examples
    --------
    >>> from plainnet.layers import Dense
    >>> from plainnet.losses import MeanSquaredError
    >>> from plainnet.optimizers import SGD
    >>> network = Network([Dense(1)], loss=MeanSquaredError(), input_shape=2, dtype=np.float64)
    >>> network["0.dense.W"] = [[0.5, -0.25]]
    >>> record = trace(network, [[3.0, 2.0]], [2.0], SGD(0.1))
    >>> print(record.unit("0.dense.Z", (0, 0)))
    Z[0, 0] = 3*0.5 + 2*(-0.25) + 0 = 1
    >>> print(record.unit("0.dense.dW", (0, 1)))
    dW[0, 1] = -2*2 = -4
    >>> print(record.unit("update.0.dense.W.p_next", (0, 1)))
    p_next[0, 1] = -0.25 - 0.1*(-4) = 0.15
    """
    require_object("network", network, Network)
    require_optional("optimizer", optimizer, Optimizer)
    if training is not None:
        require_boolean("training", training)
    if optimizer is not None and y is None and network.loss.needs_targets:
        raise SettingError("an update follows from a loss: pass the targets y with the optimizer")
    own = deepcopy(network)
    cache = Cache(training=y is not None if training is None else training, record=True, seed=seed)
    if y is None:
        X = own.inputs(X)
        outputs = own.forward(X if not isinstance(X, Parts) else X.arrays, cache)
        activation_shown(own.loss, outputs, cache.children["loss"])
        return Trace(own, X, cache, None, {})
    X, targets, weights = own.check(X, y, sample_weight)
    loss = own.step(X, targets, cache, weights)
    updates = {} if optimizer is None else dict(updated(own, deepcopy(optimizer)))
    return Trace(own, X, cache, loss, updates)


# --- one number -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One number, and how it is made.

    Attributes
    ----------
    name : str
        The full name of its array, such as "0.dense.Z".
    index : tuple of int
    value : number
    formula : Formula or None
        None for what no formula makes: data, targets, parameters, what is drawn at random.
    term : Number, Operation, Function or Many
        What it is made of, as a tree.
    """

    name: str
    index: Index
    value: Any
    formula: Formula | None
    term: Term

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers of other arrays that it is made of, each once, from left to right."""
        if self.formula is None:
            return ()
        found: dict[tuple[str, Index], Number] = {}
        ahead: list[Term] = [self.term]
        while ahead:
            term = ahead.pop()
            if isinstance(term, Number):
                if term.array:
                    found.setdefault((term.array, term.index), term)
            else:
                ahead += reversed(term.terms if isinstance(term, Many) else term.operands)
        return tuple(found.values())

    def text(self, *, digits: int = 3, most: int = 8, names: bool = False) -> str:
        """The line as it is printed.

        Parameters
        ----------
        digits : int
            Significant digits.
        most : int
            The terms of a sum that are written out.
        names : bool
            Names with indices, such as W[3, 0], in the place of their values.
        """
        local = self.name.rpartition(".")[2]
        return Writer(digits, most, names=names).line(local, self.index, self.term)

    def __str__(self) -> str:
        return self.text()


# --- one step -------------------------------------------------------------------------------------


class Step:
    """What one layer does in one direction, or the loss, or an optimizer to one tensor.

    Attributes
    ----------
    number : int
        Its place in `Trace.steps`.
    layer : str
        The name of the layer, "loss", or "update" with the tensor's name.
    direction : "forward", "backward" or "update"
    """

    def __init__(self, trace: Trace, number: int, part: Part, direction: Direction) -> None:
        self.trace, self.number, self.part, self.direction = trace, number, part, direction
        self.layer = part.path

    @property
    def subject(self) -> str:
        """The layer, loss or optimizer as code."""
        return self.part.code

    @cached_property
    def formulas(self) -> tuple[Formula, ...]:
        """Those of the layer in this direction, as far as the pass has computed them."""
        formulas = self.part.window.formulas
        side = formulas.backward if self.direction == "backward" else formulas.forward
        return tuple(formula for formula in side if formula.result in self.part.window)

    @property
    def inputs(self) -> dict[str, Array]:
        """The arrays that the formulas read and do not make, by their names in them."""
        made = {formula.result for formula in self.formulas}
        names = dict.fromkeys(
            name for formula in self.formulas for name in sorted(formula.names) if name not in made
        )
        return self._arrays(names or self.part.handed(self.direction))

    @property
    def outputs(self) -> dict[str, Array]:
        """The arrays that they make."""
        names = [formula.result for formula in self.formulas]
        return self._arrays(names or self.part.returned(self.direction))

    def _arrays(self, names: Any) -> dict[str, Array]:
        window = self.part.window
        return {name: window[name] for name in names if name in window}

    def line(self, name: str, index: int | Index) -> Line:
        """How an element of one of its arrays is made."""
        return self.trace.unit(self.part.full(name), index)

    def lines(self) -> Iterator[Line]:
        """All elements of its outputs, one line each."""
        for name, array in self.outputs.items():
            for index in np.ndindex(array.shape):
                yield self.line(name, index)

    def __repr__(self) -> str:
        return f"<Step {self.number}: {self.layer}, {self.direction}>"


# --- all of it ------------------------------------------------------------------------------------


class Trace(Mapping[str, Array]):
    """One pass, of which `plainnet.trace` has kept every number.

    `trace["0.dense.Z"]` is an array, and iteration goes over the names of all of them.

    Attributes
    ----------
    network : Network
        The copy that made the pass.
    loss : float or None
    steps : tuple of Step
        In the order in which they were made.
    """

    def __init__(
        self,
        network: Network,
        X: Any,
        cache: Cache,
        loss: float | None,
        updates: Mapping[str, Any],
    ) -> None:
        self.network, self.loss, self._cache = network, loss, cache
        data = X.arrays if isinstance(X, Parts) else {"": X}
        self._data = {f"X.{name}" if name else "X": array for name, array in data.items()}
        self._parts = {part.path: part for part in parts_of(cache, updates)}
        self._terms: dict[tuple[Frame, Formula], Terms] = {}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        ordered = sorted(self._parts.values(), key=lambda part: part.end)
        passes = [part for part in ordered if part.kind != "update" and part.is_a_step("forward")]
        back = [part for part in ordered if part.kind != "update" and part.is_a_step("backward")]
        back.sort(key=lambda part: -part.begin)
        each: list[tuple[Part, Direction]] = [(part, "forward") for part in passes]
        each += [(part, "backward") for part in back]
        each += [(part, "update") for part in ordered if part.kind == "update"]
        return tuple(Step(self, i, part, direction) for i, (part, direction) in enumerate(each))

    def step(self, which: int | str, direction: Direction = "forward") -> Step:
        """A step by its number, or by the name of its layer and the direction."""
        if isinstance(which, str):
            if which.startswith("update"):
                direction = "update"
            for step in self.steps:
                if (step.layer, step.direction) == (which, direction):
                    return step
            known = ", ".join(s.layer for s in self.steps if s.direction == direction)
            raise UnknownNameError(f"no step {direction} of {which!r}; there are {known or 'none'}")
        if not -len(self.steps) <= which < len(self.steps):
            raise UnknownNameError(
                f"no step {which}; the trace has {counted(len(self.steps), 'step')}"
            )
        return self.steps[which]

    # --- arrays ----------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Array:
        if name in self._data:
            return np.asarray(self._data[name])
        part, local = self._find(name)
        return part.window[local]

    def __iter__(self) -> Iterator[str]:
        yield from self._data
        for part in self._parts.values():
            yield from map(part.full, part.names())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return any(name == each for each in self)

    def _find(self, name: Any) -> tuple[Part, str]:
        """The part that has an array of this name, and what the part calls it."""
        if not isinstance(name, str):
            raise UnknownNameError(
                f'name must be that of an array, such as "0.dense.Z"; got {shown(name)}'
            )
        path, _, local = name.rpartition(".")
        while path and path not in self._parts:
            path, _, last = path.rpartition(".")
            local = f"{last}.{local}"
        part = self._parts.get(path)
        if part is None:
            known = ", ".join([*self._data, *self._parts])
            raise UnknownNameError(
                f"no array {name!r}: a name is a layer's and an array's, such as "
                f'"0.dense.Z"; the trace has {known}'
            )
        if local not in part.names():
            raise UnknownNameError(f"no array {name!r}; {path} has {', '.join(part.names())}")
        return part, local

    # --- numbers ---------------------------------------------------------------------------------

    def unit(self, name: str, index: int | Index | None = None) -> Line:
        """How one number is made.

        Of a number that another layer has made, such as a layer's input, the line is that of the
        other layer.

        Parameters
        ----------
        name : str
            The full name of its array, "0.dense.Z", or with the index, "0.dense.Z[0, 3]".
        index : int or tuple of int
        """
        name, index = _split(name, index)
        if name in self._data:
            array = self._data[name]
            place = _checked(name, array, index)
            return Line(name, place, array[place], None, Number(name, place, array[place]))
        part, local = self._find(name)
        return self._line(part, local, _checked(name, part.window[local], index))

    def _line(self, part: Part, name: str, index: Index) -> Line:
        full, value = part.full(name), part.window[name][index]
        made = part.window.made(name, index)
        if made:  # by a formula, or by several that add up
            terms = [
                self._terms_of(part, formula, frame).element(inner)
                for formula, frame, inner in made
            ]
            term = terms[0] if len(terms) == 1 else _sum(terms, value)
            return Line(full, index, value, made[0][0], term)
        origin = self._origin(part, name, index)
        if origin is not None:
            owner, other, place = origin
            if owner is None:
                return self.unit(other, place)
            return self._line(owner, other, place)
        readers = self._readers(part, name, index)
        if readers and np.isclose(sum(each.value for each in readers), value):
            shown = Formula(name, " + ".join(each.array for each in readers), "")
            values = np.array([each.value for each in readers])
            total = Many("sum", LazyTerms(len(readers), readers.__getitem__), values, value)
            return Line(full, index, value, shown, total)
        return Line(full, index, value, None, Number(name, index, value))

    def _terms_of(self, part: Part, formula: Formula, frame: Frame) -> Terms:
        key = frame, formula
        if key not in self._terms:
            window = part.window

            def place(name: str, index: Index) -> tuple[str, Index]:
                if name in window:
                    return part.full(name), frame.outside(name, index)
                return "", index

            known = {name: frame.known(name) for name in formula.names}
            result = frame.known(formula.result) if part.is_evaluable(formula.result) else None
            self._terms[key] = Terms(formula, known, result, place)
        return self._terms[key]

    def goes_into(self, name: str, index: int | Index | None = None) -> tuple[Number, ...]:
        """The numbers that one number goes into directly, in the order of the layers.

        Parameters
        ----------
        name, index
            As `unit` takes them. Of a number that another layer has made, it is what goes on from
            there.
        """
        line = self.unit(name, index)
        known: list[Place] = []
        if line.name in self._data:
            place = (np.asarray(self._data[line.name]), line.index)
            return self._numbers(self._uses.of(place, []))
        part, local = self._find(line.name)
        known.append((part, local, line.index))
        layer = part.window.subject
        if local in getattr(layer, "declared", ()):  # each place of a shared layer reads it
            known = [(p, local, line.index) for p in self._passing if p.window.subject is layer]
        update = self._parts.get(f"update.{getattr(layer, 'name', '')}.{local.removeprefix('d')}")
        tensor = local.removeprefix("d") in getattr(layer, "declared", ())
        sums = self._sums_with(part, local, line.index)
        if update is not None and tensor:
            name = "dp" if local.startswith("d") else "p"
            is_sum = self._line(update, name, line.index).name == update.full(name)
            (sums if is_sum else known).append((update, name, line.index))
        return self._numbers(sums + self._uses.of(part.place(local, line.index), known))

    def _numbers(self, places: list[Place]) -> tuple[Number, ...]:
        return tuple(self._number(*place) for place in dict.fromkeys(places))

    def _sums_with(self, part: Part, name: str, index: Index) -> list[Place]:
        """The gradients that are sums of what all readers give back, of which this is one."""
        read = name.removeprefix("d")
        if name == read or read not in set(part.read()):
            return []
        place = part.place(read, index)
        if place is None:
            return []
        makers = [(each, own) for each, own in self._forward.at(*place) if each.owner is not None]
        around = [(each, own) for each, own in self._read.at(*place) if each.owner.holds(part)]
        found = []
        for each, own in makers + around:
            owner = each.owner
            if not owner.window.went_back:
                continue
            gradient = ABOVE if isinstance(owner.window, WindowOfSteps) else f"d{each.name}"
            inner = owner.inner_index(each.name, own)
            if gradient not in owner.window or owner.is_evaluable(gradient):
                continue
            line = self._line(owner, gradient, inner)
            parts = [self.unit(n.array, n.index) for n in line.numbers]
            here = part.full(name), index
            if line.name == owner.full(gradient) and here in [(p.name, p.index) for p in parts]:
                found.append((owner, gradient, inner))
        return found

    # --- from part to part -----------------------------------------------------------------------

    @cached_property
    def _forward(self) -> Memory:
        """What the data and the forward pass have made."""
        made = [Made(np.asarray(array), None, name) for name, array in self._data.items()]
        return Memory(made + [each for p in self._passing for each in p.made(backward=False)])

    @cached_property
    def _backward(self) -> Memory:
        return Memory([each for part in self._passing for each in part.made(backward=True)])

    @cached_property
    def _uses(self) -> Uses:
        return Uses(list(self._parts.values()))

    @cached_property
    def _read(self) -> Memory:
        """What each part reads of others."""
        return Memory([Made(p.window[name], p, name) for p in self._passing for name in p.read()])

    @property
    def _passing(self) -> list[Part]:
        return [part for part in self._parts.values() if part.kind != "update"]

    def _origin(self, part: Part, name: str, index: Index) -> tuple[Part | None, str, Index] | None:
        """Who has made an element that a part was handed."""
        if part.kind == "update":
            return self._origin_of_update(part, name, index)
        place = part.place(name, index)
        if place is None:
            return None
        window = part.window
        gradients = {*window.on_the_way_back, *part.handed("backward"), ABOVE}
        backward = name in gradients or (name in window.from_inside and name.startswith("d"))
        found: list[tuple[bool, int, Made, Index]] = []
        memory = self._backward if backward else self._forward
        for made, own in memory.at(*place):
            owner: Part | None = made.owner
            if owner is None:
                found.append((False, -1, made, own))
            elif owner is not part and self._may_come_from(part, name, owner, made.name, backward):
                nearness = -owner.begin if backward else owner.end
                found.append((owner.is_evaluable(made.name), nearness, made, own))
        if not found:
            return self._handed_on(part, place, backward)
        *_, made, own = max(found, key=lambda each: each[:2])
        if made.owner is None:
            return None, made.name, own
        inner = made.owner.inner_index(made.name, own)
        # What a recurrent layer returns for a masked step is not its state.
        alike = made.owner.window[made.name][inner] == window[name][index]
        return (made.owner, made.name, inner) if alike else None

    def _handed_on(
        self, part: Part, place: tuple[Array, Index], backward: bool
    ) -> tuple[Part, str, Index] | None:
        """Which container around the part was handed this element, and handed it on."""
        around = [each for each in self._passing if each.holds(part)]
        for owner in reversed(around):
            direction = "backward" if backward else "forward"
            handed = [Made(owner.window[n], owner, n) for n in owner.handed(direction)]
            for made, own in Memory(handed).at(*place):
                return owner, made.name, own
        return None

    def _may_come_from(self, part: Part, name: str, owner: Part, made: str, backward: bool) -> bool:
        """Whether the owner had made it when the part was handed it."""
        if name in part.window.by_name or name in part.window.from_inside:
            return part.holds(owner)
        if owner.holds(part):  # what a container hands on to the layers inside it
            return owner.is_evaluable(made) and made not in owner.returned("forward")
        return owner.begin > part.end if backward else owner.end < part.begin

    def _origin_of_update(
        self, part: Part, name: str, index: Index
    ) -> tuple[Part | None, str, Index] | None:
        tensor = part.path.removeprefix("update.")
        path, _, local = tensor.rpartition(".")
        owner = self._parts.get(path)
        wanted = {"p": local, "dp": f"d{local}"}.get(name)
        if owner is None or wanted is None or wanted not in owner.window:
            return None
        alike = owner.window[wanted][index] == part.window[name][index]
        return (owner, wanted, index) if alike else None  # a shared layer's is a sum

    def _readers(self, part: Part, name: str, index: Index) -> list[Number]:
        """The gradients that come back from all who read what a part has made."""
        if part.kind == "update":
            return self._places_of_shared(part, name, index)
        inside = name in part.window.on_the_way_back and not part.is_evaluable(name)
        if not inside and name not in part.handed("backward") and name != ABOVE:
            return []
        place = part.place("Y" if name == ABOVE else name[1:], index)
        if place is None:
            return []
        found = [
            (made.owner, made.name, own)
            for made, own in self._read.at(*place)
            if (part.holds(made.owner) if inside else made.owner.begin > part.end)
        ]
        outer = [each for each in found if not any(o[0].holds(each[0]) for o in found)]
        return [self._number(owner, f"d{read}", own) for owner, read, own in outer]

    def _places_of_shared(self, part: Part, name: str, index: Index) -> list[Number]:
        """The gradients of a tensor at each place of a layer that stands in several."""
        tensor = part.path.removeprefix("update.")
        path, _, local = tensor.rpartition(".")
        if name != "dp" or path not in self._parts:
            return []
        layer = self._parts[path].window.subject
        alike = [each for each in self._passing if each.window.subject is layer]
        return [self._number(each, f"d{local}", index) for each in alike]

    def _number(self, part: Part, name: str, index: Index) -> Number:
        return Number(name, index, part.window[name][index], part.full(name))


def _sum(terms: list[Term], value: Any) -> Many:
    """The sum of terms; of those that are sums, of their terms."""
    parts = [
        term if isinstance(term, Many) and term.kind == "sum" else _alone(term) for term in terms
    ]
    ends = np.cumsum([len(part.terms) for part in parts])

    def pick(i: int) -> Term:
        which = int(np.searchsorted(ends, i, side="right"))
        first = ends[which] - len(parts[which].terms)
        return parts[which].terms[i - int(first)]

    values = np.concatenate([part.values for part in parts])
    return Many("sum", LazyTerms(len(values), pick), values, value)


def _alone(term: Term) -> Many:
    return Many("sum", [term], np.array([term.value]), term.value)


# --- names and indices ----------------------------------------------------------------------------

WITH_INDEX = re.compile(r"(.+)\[([-\d\s,]+)\]")


def _split(name: Any, index: Any) -> tuple[Any, Any]:
    """A name and its index, of which the name may hold both: "0.dense.Z[0, 3]"."""
    match = WITH_INDEX.fullmatch(name) if isinstance(name, str) and index is None else None
    if match:
        return match[1], tuple(int(i) for i in match[2].split(",") if i.strip())
    if index is None:
        return name, ()
    return name, index


def _checked(name: str, array: Array, index: Any) -> Index:
    """The index of an element, if the array has it."""
    given = index if isinstance(index, tuple | list) else (index,)
    whole = all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in given)
    fits = whole and len(given) == array.ndim
    if not fits or not all(-n <= i < n for i, n in zip(given, array.shape, strict=True)):
        raise UnknownNameError(
            f"{name} has the shape {array.shape}, so an index is "
            f"{counted(array.ndim, 'whole number')} within it; got {index!r}"
        )
    return tuple(int(i) % n for i, n in zip(given, array.shape, strict=True))
