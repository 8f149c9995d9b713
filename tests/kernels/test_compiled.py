"""The compiled kernels against NumPy's forms: the same names, arguments and, nearly, numbers."""

import copy
import inspect

import numpy as np
import pytest

from kernels.twin_cases import CASES, Case
from plainnet import kernels
from plainnet.errors import SettingError

plainnet_kernels = pytest.importorskip("plainnet_kernels", reason="plainnet_kernels is missing")

EPSILON = np.finfo(np.float32).eps
every_case = pytest.mark.parametrize("case", CASES, ids=str)

pytestmark = pytest.mark.usefixtures("compiled_kernels")


def in_dtype(case: Case, arguments: dict, dtype: type) -> dict:
    """Copies with floats of this dtype, in the layout that they have. What is given twice, such as
    an output that is an input, stays one."""

    def converted(name: str, each):
        if not isinstance(each, np.ndarray) or each.dtype.kind != "f" or name in case.float64:
            return copy.deepcopy(each)
        return each.astype(dtype, order="K")

    copies: dict = {}
    with np.errstate(all="ignore"):
        for name, each in arguments.items():
            if id(each) not in copies:
                copies[id(each)] = converted(name, each)
    return {name: copies[id(each)] for name, each in arguments.items()}


def run(case: Case, form, arguments: dict, dtype: type) -> dict[str, np.ndarray]:
    """The outputs by name. What the form returns must be one of them, or None."""
    given = in_dtype(case, arguments, dtype)
    with np.errstate(all="ignore"):
        result = form(*given.values())
    outputs = {name: given[name] for name in case.outputs.split()}
    assert result is None or any(result is each for each in outputs.values())
    return outputs


def twin_of(case: Case):
    return plainnet_kernels.kernels[case.kernel.__name__]


@pytest.mark.parametrize("case", [case for case in CASES if not case.extremes], ids=str)
def test_it_is_as_exact_as_the_case_says(case, rng):
    arguments = in_dtype(case, case.build(rng), np.float32)
    exact = run(case, case.kernel.__wrapped__, arguments, np.float64)
    for name, output in run(case, twin_of(case), arguments, np.float32).items():
        scale = np.abs(exact[name]) + np.sqrt(np.mean(exact[name] ** 2))
        ulps = np.abs(output - exact[name]) / np.maximum(EPSILON / 2 * scale, 1e-300)
        assert ulps.max() <= case.ulps, f"{name}: {ulps.max():.3g} units in the last place"


@pytest.mark.parametrize("case", [case for case in CASES if case.extremes], ids=str)
def test_what_is_not_finite_stays_so(case, rng):
    arguments = case.build(rng)
    wanted = run(case, case.kernel.__wrapped__, arguments, np.float32)
    for name, output in run(case, twin_of(case), arguments, np.float32).items():
        np.testing.assert_allclose(output, wanted[name], rtol=4e-6, atol=1e-34)


@every_case
def test_nothing_but_the_outputs_is_written(case, rng):
    arguments = case.build(rng)
    given = in_dtype(case, arguments, np.float32)
    kept = copy.deepcopy(given)
    assert twin_of(case)(*given.values()) is not NotImplemented
    outputs, names = case.outputs.split(), list(arguments)
    scratch = names[max(map(names.index, outputs)) + 1 :]  # stands behind the outputs
    written = [given[name] for name in (*outputs, *scratch)]
    for name, before in kept.items():
        if not any(given[name] is each for each in written):
            np.testing.assert_array_equal(given[name], before)


def test_every_compiled_kernel_has_a_case_and_the_arguments_of_numpys_form():
    cases = {case.kernel.__name__: case.kernel for case in CASES}
    assert cases.keys() == plainnet_kernels.kernels.keys()
    for name, kernel in cases.items():
        names = ", ".join(inspect.signature(kernel).parameters)
        assert plainnet_kernels.kernels[name].__doc__ == f"({names})", name


@every_case
def test_any_number_of_threads_gives_the_same_bits(case, rng):
    arguments, twin = case.build(rng), twin_of(case)
    outputs = []
    try:
        for n in (1, 2, 3, 7):  # which of them takes which parts, chance decides
            plainnet_kernels.use_threads(n, 16)  # nearly every call is large, and has many parts
            outputs.append(run(case, twin, copy.deepcopy(arguments), np.float32))
    finally:
        plainnet_kernels.use_threads(kernels.info().threads)
    for other in outputs[1:]:
        for name, output in outputs[0].items():
            np.testing.assert_array_equal(output, other[name])


def test_what_the_twin_is_not_written_for_is_left_to_numpy():
    twin = plainnet_kernels.kernels["relu"]
    Z = np.arange(-3.0, 3.0, dtype=np.float32)
    out = np.full_like(Z, 7)
    for bad in (Z.astype(np.float64), Z[::2], Z[:3], Z.astype(">f4"), list(Z), Z[:0]):
        assert twin(bad, out) is NotImplemented
    assert twin(Z, kernels.arrays.ones(len(Z), Z.dtype)) is NotImplemented  # read-only
    assert twin(Z) is NotImplemented
    assert (out == 7).all()


def test_use_and_info():
    assert kernels.info().kind == "c"
    assert "relu" in kernels.info().compiled
    kernels.use("numpy")
    assert kernels.info().kind == "numpy"
    with pytest.raises(SettingError, match="'numpy' or 'c'; got 'fortran'"):
        kernels.use("fortran")


def test_queries_keys_and_values_may_lie_beside_each_other(rng):
    """As in the product that makes them, (m, T, heads + 2 groups, d), and their gradients too."""
    twins = plainnet_kernels.kernels
    m, T, heads, groups, d = 2, 20, 4, 2, 8
    scratch = np.zeros(1, np.float32)

    def results(split) -> list[np.ndarray]:
        Q, K, V = split(Z)
        O, P = np.zeros((m, T, heads, d), np.float32), np.zeros((m, heads, T, T), np.float32)
        Q = np.ascontiguousarray(Q)
        assert twins["attend"](Q, K, V, None, True, 0.0, None, O, P, None, scratch) is O
        gradients = split(np.zeros_like(Z))
        arguments = O, Q, K, V, None, True, 0.0, O, P, None, *gradients, scratch
        assert twins["attend_backward"](*arguments) is None
        return [O, *gradients]

    Z = rng.standard_normal((m, T, heads + 2 * groups, d)).astype(np.float32)
    views = results(lambda Z: np.split(Z, (heads, heads + groups), axis=2))
    copies = results(lambda Z: [x.copy() for x in np.split(Z, (heads, heads + groups), axis=2)])
    for view, copied in zip(views, copies, strict=True):
        np.testing.assert_array_equal(view, copied)
    Q, K, V = np.split(Z, (heads, heads + groups), axis=2)
    O = np.zeros((m, T, heads, d), np.float32)
    declined = twins["attend"](Q, K, V, None, True, 0.0, None, O, None, None, scratch)
    assert declined is NotImplemented  # queries are contiguous
