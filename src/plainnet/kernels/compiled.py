"""Which form of the kernels runs: NumPy's, which is here to be read, or its compiled twin.

The twins come in a distribution of their own, plainnet-kernels. Where it is installed and fits, its
functions stand in for those of the same names. A twin takes contiguous float32; it declines any
other call, which NumPy's form then answers. A pass that is recorded uses NumPy's forms.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from plainnet.errors import SettingError
from plainnet.kernels.threads import positive, threads_for

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Kind = Literal["numpy", "c"]

FITTING = "0.2."
"""How the version of plainnet-kernels begins whose kernels have these names and arguments."""

MISSING = (
    "the kernels in C are not installed: pip install ./kernels in a clone of plainnet does that, "
    "where there is a C compiler"
)


@dataclass(frozen=True)
class Info:
    """Which kernels run.

    Attributes
    ----------
    kind : "numpy" or "c"
    version : str or None
        Of plainnet-kernels; None where it is not installed or does not fit.
    instructions : str or None
        What its kernels are compiled for here: "avx512", "avx2" or "baseline".
    threads : int
        How many threads divide a large call.
    compiled : tuple of str
        The kernels that have a twin in C, which runs if `kind` is "c".
    """

    kind: Kind
    version: str | None
    instructions: str | None
    threads: int
    compiled: tuple[str, ...] = field(repr=False)


def _fitting() -> Any:
    """The module of the twins, or None if it is missing or of another version."""
    try:
        import plainnet_kernels
    except ImportError:
        return None
    if not plainnet_kernels.__version__.startswith(FITTING):
        warnings.warn(
            f"plainnet-kernels {plainnet_kernels.__version__} is installed, and this plainnet "
            f"needs {FITTING}x: the kernels in NumPy are used",
            stacklevel=2,
        )
        return None
    threads = threads_for(os.environ)
    plainnet_kernels.use_threads(threads)
    chosen, instructions = os.environ.get("PLAINNET_INSTRUCTIONS"), plainnet_kernels.instructions
    if chosen and chosen != instructions:
        warnings.warn(
            f"PLAINNET_INSTRUCTIONS={chosen}: it must be avx512, avx2 or baseline, and the "
            f"processor must have them; {instructions} is used",
            stacklevel=2,
        )
    chosen = os.environ.get("PLAINNET_THREADS")
    if chosen and positive(chosen) is None:
        warnings.warn(
            f"PLAINNET_THREADS={chosen}: it must be a positive number; {threads} is used",
            stacklevel=2,
        )
    return plainnet_kernels


_twins = _fitting()
_in_use: dict[str, Callable[..., Any]] = {}
"""The twins in use, by name: none while NumPy's forms are."""
_recorded: ContextVar[bool] = ContextVar("recorded", default=False)


def use(kind: Kind) -> None:
    """Choose the kernels that run from now on, in all threads.

    Parameters
    ----------
    kind : "numpy" or "c"
        By default "c" where plainnet-kernels is installed. The environment variable
        PLAINNET_KERNELS takes the same two values.

    Raises
    ------
    SettingError
        For another value, and for "c" where plainnet-kernels is missing or does not fit.
    """
    if kind not in ("numpy", "c"):
        raise SettingError(f"the kernels must be 'numpy' or 'c'; got {kind!r}")
    if kind == "numpy":
        _in_use.clear()
    elif _twins is None:
        raise SettingError(MISSING)
    else:
        _in_use.update(_twins.kernels)


def in_use(name: str) -> bool:
    """Whether a call of this kernel now goes to a twin first."""
    return name in _in_use and not _recorded.get()


def info() -> Info:
    """Which kernels run now, and in how many threads."""
    return Info(
        kind="c" if _in_use else "numpy",
        version=None if _twins is None else _twins.__version__,
        instructions=None if _twins is None else _twins.instructions,
        threads=threads_for(os.environ),
        compiled=() if _twins is None else tuple(sorted(_twins.kernels)),
    )


def twin(form: Kernel) -> Kernel:
    """The kernel with NumPy's form and, where it is in use, the twin of the same name."""
    if _twins is None:
        return form
    name = form.__name__

    @wraps(form)
    def kernel(*arguments: Any, **named: Any) -> Any:
        compiled = _in_use.get(name)
        if compiled is not None and not named and not _recorded.get():
            result = compiled(*arguments)
            if result is not NotImplemented:
                return result
        return form(*arguments, **named)

    return cast("Kernel", kernel)


@contextmanager
def numpy_forms(where: bool = True) -> Iterator[None]:
    """Within it, this thread uses NumPy's forms of all kernels; with False, nothing changes."""
    if not where:
        yield
        return
    token = _recorded.set(True)
    try:
        yield
    finally:
        _recorded.reset(token)


def _begin() -> None:
    """As the environment says; a mistake in it does not end a program that imports plainnet."""
    chosen: Any = os.environ.get("PLAINNET_KERNELS") or ("numpy" if _twins is None else "c")
    try:
        use(chosen)
    except SettingError as error:
        warnings.warn(f"PLAINNET_KERNELS={chosen}: {error}; NumPy is used", stacklevel=2)


_begin()
