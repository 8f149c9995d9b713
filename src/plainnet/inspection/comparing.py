"""Compares two implementations of a network: which array differs first, how much and where."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from numbers import Number
from pathlib import Path
from types import MemberDescriptorType
from typing import Any

import numpy as np
import numpy.typing as npt

from plainnet.arguments.arrays import as_numbers, described
from plainnet.engine.tables import Table
from plainnet.errors import SettingError, require_number, shown
from plainnet.inspection import mistakes
from plainnet.inspection.differences import RIGHT, WRONG, at, instead
from plainnet.network import Network

Array = npt.NDArray[Any]
Place = tuple[int, ...]

FORWARD, LOSS = "forward_propagation", "compute_loss"
BACKWARD, UPDATE = "backward_propagation", "update_parameters"
START = "parameters"

ROUNDING = 1e-14
"""A difference that counts as none if all of the book's numbers are close to 0."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """Which array differs first, in the order of computation.

    Printing it says so in words; a notebook adds a table of the arrays that agree.

    Attributes
    ----------
    first : str or None
        The name of the first array that differs or is missing, or the method that failed; None if
        all agree.
    during : str
        The method that computes it; "parameters" if a shape differs before the pass, and "" if
        existing arrays are compared.
    place : tuple of int or None
        The index of the largest difference.
    agree : tuple of str
        The arrays that agree, all of them before `first`.
    text : str
        The result in words.
    """

    first: str | None
    during: str
    place: Place | None
    agree: tuple[str, ...]
    text: str

    @property
    def same(self) -> bool:
        """Whether all arrays agree."""
        return self.first is None

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from plainnet.inspection.markup import folded, judged, output, paragraph, table

        rows = [(str(name), judged("agrees", right=True)) for name in self.agree]
        if self.first is not None:
            rows.append((str(self.first), judged(WRONG, right=False)))
        verdict = judged(RIGHT if self.same else WRONG, f" {self.text}", right=self.same)
        listed = table(Table(("array", "verdict"), rows))
        title = f"{len(self.agree)} of {len(rows)} agree"
        return output(paragraph(verdict), folded(title, listed, rows=len(rows)))


def compare(
    mine: Any, book: Any, X: Any = None, Y: Any = None, *, tolerance: float = 1e-6
) -> Comparison:
    """Find the first array in `mine` that differs from the one in `book`, such as a wrong dW1.

    With X and Y, two objects of the guide's class, such as a student's and a
    `plainnet.NeuralNetwork`, go through one step of training: copies of both start with the
    parameters of `book`. Biases that are all 0 become small random numbers in both, since a bias of
    0 would hide that it was forgotten. The names are those of the guide:

    - `parameters`, a dictionary of W1, b1, W2 ...; and `learning_rate`, if there is one, which
      becomes that of `book`
    - `forward_propagation(X)`, which returns the cache, a dictionary of A0, Z1, A1, Z2 ...; also in
      a tuple, or as the attribute `cache`
    - `compute_loss(AL, Y)`, a number; a constant added inside the logarithm may be up to 1e-7
    - `backward_propagation(cache, Y)`, which returns dW1, db1, dW2 ..., also as the attribute
      `grads`
    - `update_parameters(grads)`, which changes `parameters`

    If a method of `mine` raises an error, that is the result. If the numbers show which mistake it
    is, such as a missing 1/m or a missing ReLU mask, the text says so.

    Without X and Y, two dictionaries of arrays are compared, in the order of `book`, or two objects
    by the attributes of `book` that are arrays, numbers or dictionaries of them.

    Parameters
    ----------
    mine, book : object or dictionary
    X : array of shape (features, m), optional
        A column per example.
    Y : array of shape (classes, m), optional
        One-hot columns.
    tolerance : float
        The largest difference that counts as none, relative to the largest number in the book's
        array, or for the update to the largest step.

    Examples
    --------
    >>> from plainnet import NeuralNetwork
    >>> class Mine(NeuralNetwork):
    ...     def relu_derivative(self, Z):
    ...         return np.ones_like(Z)
    >>> X, Y = np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([[1, 0], [0, 1]])
    >>> result = compare(Mine(2, [3], 2), NeuralNetwork(2, [3], 2, seed=0), X, Y)
    >>> result.same, result.first, result.agree
    (False, 'dW1', ('A0', 'Z1', 'A1', 'Z2', 'A2', 'loss', 'dW2', 'db2'))
    >>> compare({"W": [[1.0, 2.0]]}, {"W": [[1.0, 3.0]]})
    W differs first: by 1 at [0, 1]: 2 instead of 3
    """
    tolerance = require_number("tolerance", tolerance, above=0)
    for name, value in (("mine", mine), ("book", book)):
        if isinstance(value, type):
            raise SettingError(f"{name} must be an object; got {value!r}; add parentheses")
    if X is not None or Y is not None:
        if X is None or Y is None:
            raise SettingError("a step of training needs both X and Y")
        return _compared(_step(mine, book, X, Y), tolerance)
    if _is_numbers(mine) and _is_numbers(book):
        mine, book = {"array": mine}, {"array": book}
    if isinstance(mine, Mapping) != isinstance(book, Mapping):
        raise SettingError(
            f"a dictionary is compared with a dictionary; got {shown(mine)} and {shown(book)}"
        )
    if not isinstance(book, Mapping):
        if hasattr(book, FORWARD) and hasattr(mine, FORWARD):
            raise SettingError(
                "two networks are compared in a step of training: compare(mine, book, X, Y), with "
                "a column per example"
            )
        mine, book = _attributes(mine), _attributes(book)
    if not book:
        raise SettingError("book has no arrays")
    pairs = (
        _Pair(
            name, mine.get(name, _MISSING), np.asarray(as_numbers(f"book[{name!r}]", array), float)
        )
        for name, array in book.items()
    )
    return _compared(pairs, tolerance)


# --- array by array -------------------------------------------------------------------------------

_MISSING: Any = object()


@dataclass
class _Pair:
    """An array of each; what a difference may come from."""

    name: str
    mine: Any
    book: Array
    during: str = ""
    mistakes: mistakes.Mistakes = ()
    scale: float | None = None
    """What the tolerance is relative to; by default the largest number of the book's."""
    only_shape: bool = False
    optional: bool = False
    """The step goes on without it."""
    range: tuple[float, float] | None = None
    """Numbers that are right as well."""


class _Failed(Exception):
    """A method of `mine` raised, is missing or returned something else."""

    def __init__(self, method: str, text: str) -> None:
        super().__init__(text)
        self.method = method


def _compared(pairs: Iterator[_Pair], tolerance: float) -> Comparison:
    agree: list[str] = []
    missing: list[str] = []

    def result(first: str, during: str, place: Place | None, text: str) -> Comparison:
        if missing and first != missing[0]:
            text += f"; not in the cache: {', '.join(missing)}"
        return Comparison(first, during, place, tuple(agree), text + _agreeing(agree))

    try:
        for pair in pairs:
            if pair.mine is _MISSING and pair.optional:
                missing.append(pair.name)
                continue
            found = _difference(pair, tolerance)
            if found is not None:
                return result(pair.name, pair.during, *found)
            if not pair.only_shape:
                agree.append(pair.name)
    except _Failed as failure:
        return result(failure.method, failure.method, None, str(failure))
    if missing:
        text = f"{', '.join(missing)}: not in the cache; all else agrees"
        return Comparison(missing[0], FORWARD, None, tuple(agree), text)
    text = f"all agree to a relative {tolerance:g}: {', '.join(map(str, agree))}"
    return Comparison(None, "", None, tuple(agree), text)


def _agreeing(agree: list[str]) -> str:
    if len(agree) < 2:
        return f"; {agree[0]} agrees" if agree else ""
    return f"; {agree[-1]} and all before agree"


def _difference(pair: _Pair, tolerance: float) -> tuple[Place | None, str] | None:
    """Where the two differ most, and the difference in words; None if they agree."""
    name, book = pair.name, pair.book
    if pair.mine is _MISSING:
        return None, f"{name} is missing"
    try:
        mine = np.array(as_numbers(name, pair.mine), float)
    except (ValueError, TypeError):
        return None, f"{name} must be an array of numbers; it is {described(pair.mine)}"

    def close(a: Array, b: Array) -> bool:
        a, b = np.asarray(a), np.asarray(b)
        scale = _largest(b[np.isfinite(b)]) if pair.scale is None else pair.scale
        return a.shape == b.shape and _largest(_distance(a, b)) <= max(tolerance * scale, ROUNDING)

    def mistake() -> str | None:
        if pair.only_shape:
            return "transposed?" if mine.T.shape == book.shape else None
        with np.errstate(all="ignore"):
            texts = (text for text, array in pair.mistakes if close(mine, array))
            return next(texts, None) or mistakes.in_any(mine, book, close)

    if mine.shape != book.shape:
        theirs = f"has {book.shape}" if book.ndim else "is a number"
        hint = f": {found}" if (found := mistake()) else ""
        return None, f"{name} has the shape {mine.shape}, the book's {theirs}{hint}"
    if pair.only_shape or not book.size or close(mine, book):
        return None
    if pair.range is not None and pair.range[0] <= mine <= pair.range[1]:
        return None
    distance = _distance(mine, book)
    place = tuple(map(int, np.unravel_index(np.argmax(distance), book.shape)))
    after = " after the update" if pair.during == UPDATE else ""
    by = "" if np.isnan(distance[place]) else f" by {distance[place]:.3g}"
    where = f"{by}{at(place)}".strip()
    numbers = instead(float(mine[place]), float(book[place]))
    told = f"{where}: {numbers}" if where else numbers
    hint = f"; {found}" if (found := mistake()) else ""
    return place, f"{name}{after} differs first: {told}{hint}"


def _distance(a: Array, b: Array) -> Array:
    """|a - b|, 0 where both are NaN or the same infinity."""
    with np.errstate(invalid="ignore"):
        return np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))


def _largest(array: Array) -> float:
    return float(np.max(np.abs(array), initial=0.0))


def _attributes(value: Any) -> dict[str, Any]:
    """The public attributes that are numbers, arrays of them or dictionaries of those."""
    if isinstance(value, Network):
        return {**value.tensors, **value.state_tensors}
    found: dict[str, Any] = {}
    for name in _names_of_attributes(value):
        try:
            attribute = getattr(value, name)
        except Exception:  # of a property of somebody's class
            continue
        inside = attribute.items() if isinstance(attribute, Mapping) else ()
        entries = [(f"{name}[{key!r}]", entry) for key, entry in inside] or [(name, attribute)]
        for full_name, entry in entries:
            if not name.startswith("_") and _is_numbers(entry):
                found[full_name] = entry
    return found


def _names_of_attributes(value: Any) -> dict[str, None]:
    """Those of the object, then its class's properties and slots."""
    names = dict.fromkeys(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        for name, member in vars(kind).items():
            if isinstance(member, property | MemberDescriptorType):
                names[name] = None
    return names


def _is_numbers(value: Any) -> bool:
    if not isinstance(value, np.ndarray | Number | list | tuple):
        return False
    try:
        as_numbers("", value)
    except (ValueError, TypeError):
        return False
    return True


# --- a step of training ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """What a step of the book computes."""

    last: int
    """The number of the output layer."""
    P: dict[str, Array]
    """The parameters before the step."""
    C: dict[str, Array]
    loss: float
    G: dict[str, Array]
    after: dict[str, Array]
    """The parameters after the step."""
    learning_rate: float | None


def _names_in_cache(last: int) -> list[str]:
    """In the order of computation."""
    return ["A0", *(f"{letter}{l}" for l in range(1, last + 1) for letter in "ZA")]


def _by_the_book(book: Any, X: Array, Y: Array) -> _Step:
    if not isinstance(getattr(book, START, None), dict):
        raise SettingError(f"book must be an object like plainnet.NeuralNetwork; got {shown(book)}")
    rng = np.random.default_rng(0)
    for name, array in book.parameters.items():
        if not np.any(array):
            book.parameters[name] = 0.1 * rng.standard_normal(np.shape(array))
    P = {name: np.array(array) for name, array in book.parameters.items()}
    last = len(P) // 2
    C = _dictionary(book.forward_propagation(X.copy()), book, "cache")
    _expect("cache", C, _names_in_cache(last))
    loss = float(book.compute_loss(C[f"A{last}"].copy(), Y.copy()))
    G = _dictionary(book.backward_propagation(dict(C), Y.copy()), book, "grads")
    _expect("gradients", G, [f"d{name}" for name in P])
    book.update_parameters(dict(G))
    return _Step(last, P, C, loss, G, book.parameters, getattr(book, "learning_rate", None))


def _step(mine: Any, book: Any, X: Any, Y: Any) -> Iterator[_Pair]:
    """The arrays of a step, in the order of computation, each computed when it is its turn."""
    mine, book = _copy("mine", mine), _copy("book", book)
    X, Y = np.array(as_numbers("X", X), float), np.array(as_numbers("Y", Y))
    step = _by_the_book(book, X, Y)
    P, C, G, last = step.P, step.C, step.G, step.last

    if not isinstance(getattr(mine, START, None), dict):
        raise _Failed(START, "there is no dictionary `parameters` of W1, b1 and so on")
    for name, array in P.items():
        yield _Pair(name, mine.parameters.get(name, _MISSING), array, START, only_shape=True)
        mine.parameters[name] = array.copy()
    if hasattr(mine, "learning_rate") and step.learning_rate is not None:
        mine.learning_rate = step.learning_rate

    returned = _call(mine, FORWARD, "X", X.copy())
    cache = _dictionary(returned, mine, "cache") or _failed(FORWARD, "cache", returned)
    wrong: mistakes.Mistakes
    for name in _names_in_cache(last):
        l = int(name[1:])
        if name[0] == "Z":
            wrong = mistakes.in_pre_activation(l, P, C)
        else:
            wrong = mistakes.in_activation(l, C) if l else ()
        needed = name == f"A{last}"
        given = cache.get(name, _MISSING)
        yield _Pair(name, given, C[name], FORWARD, wrong, optional=not needed)

    AL = C[f"A{last}"]
    loss = _call(mine, LOSS, "AL, Y", cache[f"A{last}"], Y.copy())
    if np.size(loss) == 1 and _is_numbers(loss):
        loss = np.reshape(loss, ())
    wrong, right = mistakes.in_loss(AL, Y), _range(AL, Y, step.loss)
    yield _Pair("loss", loss, np.asarray(step.loss), LOSS, wrong, range=right)

    returned = _call(mine, BACKWARD, "cache, Y", cache, Y.copy())
    grads = _dictionary(returned, mine, "grads") or _failed(BACKWARD, "grads", returned)
    for l in range(last, 0, -1):
        wrong = mistakes.in_weight_gradient(l, last, P, C, Y)
        yield _Pair(f"dW{l}", grads.get(f"dW{l}", _MISSING), G[f"dW{l}"], BACKWARD, wrong)
        wrong = mistakes.in_bias_gradient(l, last, P, C, Y)
        yield _Pair(f"db{l}", grads.get(f"db{l}", _MISSING), G[f"db{l}"], BACKWARD, wrong)

    _call(mine, UPDATE, "grads", grads)
    for name, before in P.items():
        change = step.after[name] - before
        wrong = mistakes.in_update(before, change, step.learning_rate or 0.0)
        given, size = mine.parameters.get(name, _MISSING), _largest(change)
        yield _Pair(name, given, step.after[name], UPDATE, wrong, scale=size)


def _copy(name: str, network: Any) -> Any:
    try:
        return deepcopy(network)
    except (Exception, SystemExit) as error:
        raise SettingError(f"{name} must be an object that can be copied: {error}") from error


def _call(mine: Any, method: str, arguments: str, *values: Any) -> Any:
    function = getattr(mine, method, None)
    if not callable(function):
        raise _Failed(method, f"there is no method {method}({arguments})")
    try:
        with np.errstate(all="ignore"):  # what is not finite is a difference
            return function(*values)
    except (Exception, SystemExit) as error:
        kind, text = type(error).__name__, " ".join(str(error).split())
        raise _Failed(
            method, f"{method}({arguments}) raised {kind}: {text}{_line(error)}"
        ) from error


def _line(error: BaseException) -> str:
    """Where it was raised: the last line that is neither NumPy's nor plainnet's."""
    others = (str(Path(np.__file__).parent), str(Path(__file__).parents[1]), "<__array")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(others)]
    if not own:
        return ""
    code = f": {own[-1].line}" if own[-1].line else ""
    return f" (in {own[-1].name}, line {own[-1].lineno}{code})"


def _dictionary(returned: Any, owner: Any, attribute: str) -> dict[str, Any]:
    """The dictionary that a method returned, alone or among others, or kept; empty without one."""
    several = returned if isinstance(returned, tuple) else (returned,)
    for value in (*several, getattr(owner, attribute, None)):
        if isinstance(value, dict):
            return value
    return {}


def _failed(method: str, attribute: str, returned: Any) -> dict[str, Any]:
    raise _Failed(
        method,
        f"{method} must return a dictionary of arrays, or keep it as the attribute {attribute}; it "
        f"returned {described(returned)}",
    )


def _expect(what: str, given: dict[str, Any], names: list[str]) -> None:
    missing = [name for name in names if name not in given]
    if missing:
        raise SettingError(f"the {what} of book must have {', '.join(missing)}")


def _range(AL: Array, Y: Array, book_loss: float) -> tuple[float, float] | None:
    """The loss with the largest and the smallest number in the logarithm, if it is that loss."""
    low, high = (float(-np.sum(Y * np.log(AL + small)) / Y.shape[1]) for small in (1e-7, 1e-300))
    return (low, high) if low <= book_loss <= high else None
