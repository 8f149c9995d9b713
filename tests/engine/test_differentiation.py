"""Derivatives of formulas, operation by operation, against central differences and PyTorch."""

import ast

import numpy as np
import pytest

from plainnet.engine.differentiation import Tape, differentiate
from plainnet.engine.formulas import FUNCTIONS, Formula
from plainnet.engine.formulas import METHODS as CALLED
from plainnet.engine.operations import FLAT, METHODS, OPERATIONS, SIGNS, summed_to_shape

SHAPES = {
    "A": (4, 3), "B": (4, 3), "b": (3,), "c": (), "W": (2, 3), "V": (3, 5), "T": (2, 4, 3),
    "S": (3, 3), "one": (4, 1),
}  # fmt: skip
"""The names in the expressions below; P is positive, i are integers, M booleans."""

EXPRESSIONS = [
    "A + b", "A - one", "b - A", "A * b", "2 * A", "A / b", "c / A", "-A", "A % 0.7", "2.5 % A",
    "A**3", "A**8", "A**0", "P**-3", "A**9", "P**-0.5", "P**A", "2.0**A", "A // 0.3 + A",
    "A @ W.T", "W @ A.T", "T @ W.T", "A @ b", "b @ V", "b @ b", "T @ b", "T @ V", "T @ V[None]",
    "A * [1, 2, 3]", "A @ [[1], [2], [3]]", "A**[1, 2, 3]", "maximum((0, 0.5, 1), A)",
    "A.T", "A[1:, ::-1]", "A[..., None] * b", "A[i]", "A[:, i]", "A[M]", "A[2]", "A[[0, 0, 1]]",
    "A.sum()", "A.sum(axis=1)", "A.sum(0)", "T.sum(axis=(0, 2))", "T.sum(axis=-1, keepdims=True)",
    "A.mean()", "A.mean(axis=0)", "T.mean(axis=(1, 2), keepdims=True) * T", "T.mean(axis=(-1,))",
    "A.max()", "A.max(axis=1)", "A.min(axis=0)", "T.max(axis=(0, 2))", "T.max(axis=(2, 0))",
    "T.min(axis=(1,), keepdims=True) - T", "T.max(axis=-1)",
    "A.reshape(2, -1)", "A.reshape((2, 6))", "T.reshape(*T.shape[:1], -1, c.size) * c",
    "T.reshape(len(T), A.shape[0], *b.shape)",
    "(A > 0) * A", "A * (M[:, None] & (A < 1)).any(axis=0)",
    "abs(A)", "cos(A)", "sin(A)", "tanh(A)", "exp(A)", "expm1(A)", "log(P)", "log1p(P)",
    "sqrt(P)", "Phi(A)", "phi(A)", "sigmoid(A)", "softplus(A)",
    "maximum(A, B)", "minimum(A, b)", "maximum(0, A)", "minimum(A, 0.2)",
    "where(A > 0, A, B)", "where(A > b, c, 2)", "where(M[:, None], b, -inf)[M]",
    "where(P > inf, log(-P), A)",
    "heaviside(A, 0.5) * A", "sign(A) * A", "A + arange(3)", "zeros_like(A) + A.argmax(axis=0) * b",
    "concatenate([A, B])", "concatenate([A, one, B], axis=1)", "concatenate((A, 2 * A), -1)",
    "einsum('ij,jk->ik', A, V)", "einsum('ij,jk', A, V)", "einsum('ij,ij->', A, B)",
    "einsum('ij->j', A)", "einsum('ij->', A)", "einsum('ii->i', S)", "einsum('ii', S)",
    "einsum('ii,ij->j', S, S)", "einsum('ij->ji', A)", "einsum('i,j->ij', b, b)",
    "einsum('...i,ji->...j', T, W)", "einsum('...i,...i', T, A)", "einsum('tij,ij,j->t', T, M2, b)",
    "einsum('ij,ij->ij', A, one)", "einsum('i...->...', A)",
    "A * A.max(axis=1, keepdims=True) + A[:, :1] * exp(-A).sum()",
    "exp(A - A.max(axis=1, keepdims=True)) / exp(A - A.max()).sum(axis=1, keepdims=True)",
]  # fmt: skip


def numbers(rng: np.random.Generator) -> dict[str, np.ndarray]:
    known = {name: np.asarray(rng.standard_normal(shape)) for name, shape in SHAPES.items()}
    known |= {"P": rng.uniform(0.5, 2, (4, 3)), "i": np.array([2, 0, 2, 1, 1])}
    return known | {"M": np.array([True, False, True, True]), "M2": rng.random((4, 3)) < 0.5}


def names(plain: str, known: dict[str, np.ndarray]) -> list[str]:
    return sorted(n for n in Formula("Y", plain, "").names if known[n].dtype.kind == "f")


@pytest.mark.parametrize("plain", EXPRESSIONS)
def test_gradients_agree_with_central_differences(plain, rng):
    known, formula, step = numbers(rng), Formula("Y", plain, ""), 1e-6
    upstream = rng.standard_normal(np.shape(formula.evaluate(known)))
    wanted = names(plain, known)
    found = differentiate([formula], known, "Y", upstream, wanted)
    assert list(found) == wanted
    for name in wanted:
        assert found[name].shape == known[name].shape
        expected = np.zeros(known[name].shape)
        for place in np.ndindex(expected.shape):
            ends = []
            for change in (step, -step):
                moved = known[name].copy()
                moved[place] += change
                ends.append(formula.evaluate({**known, name: moved}))
            expected[place] = (upstream * (ends[0] - ends[1]))[np.isfinite(ends[0])].sum()
        np.testing.assert_allclose(found[name], expected / (2 * step), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("plain", EXPRESSIONS)
def test_values_are_those_of_the_formula_and_float32_stays(plain, rng):
    known, formula = numbers(rng), Formula("Y", plain, "")
    exact = formula.evaluate(known)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5)):
        cast = {n: v.astype(dtype) if v.dtype.kind == "f" else v for n, v in known.items()}
        tape = Tape([formula], names(plain, known))
        forward = tape.forward(cast)
        value = forward.named["Y"]
        assert value.dtype == dtype
        np.testing.assert_allclose(value, exact, rtol=tolerance, atol=tolerance)
        gradients = tape.backward(forward, "Y", np.ones_like(value))
        assert {gradient.dtype for gradient in gradients.values()} == {np.dtype(dtype)}


def test_every_operation_is_here():
    assert {*OPERATIONS, *FLAT} >= {name for name, f in FUNCTIONS.items() if callable(f)}
    assert {*METHODS, *FLAT} >= CALLED
    seen = [node for plain in EXPRESSIONS for node in ast.walk(ast.parse(plain))]
    called = [node.func for node in seen if isinstance(node, ast.Call)]
    functions = {each.id for each in called if isinstance(each, ast.Name)}
    methods = {each.attr for each in called if isinstance(each, ast.Attribute)}
    assert functions >= FUNCTIONS.keys() - {"inf", "pi"}
    assert methods >= CALLED
    assert {type(node.op) for node in seen if isinstance(node, ast.BinOp)} >= SIGNS.keys()


@pytest.mark.parametrize(
    ("plain", "at", "slope"),
    [
        ("maximum(Z, 0)", 0, 0),
        ("maximum(0, Z)", 0, 1),
        ("minimum(Z, 0)", 0, 1),
        ("minimum(0, Z)", 0, 0),
        ("abs(Z)", 0, 0),
        ("sign(Z)", 0, 0),
        ("where(Z > 0, 3 * Z, Z)", 0, 1),
        ("minimum(maximum(Z, 0), 1)", 1, 1),
        ("Z**0", 0, 0),
        ("Z**1", 0, 1),
        ("Z**2.0", 0, 0),
        ("softplus(Z)", 0, 0.5),
    ],
)
def test_at_a_kink(plain, at, slope):
    Z = np.array([float(at)])
    found = differentiate([Formula("Y", plain, "")], {"Z": Z}, "Y", np.ones(1), ["Z"])
    assert found["Z"].tolist() == [slope]


def test_of_equal_elements_the_first_is_the_largest():
    Z = np.array([[1.0, 3, 3], [2, 2, 2]])
    for plain in ("Z.max(axis=1)", "-(-Z).min(axis=1)"):
        found = differentiate([Formula("Y", plain, "")], {"Z": Z}, "Y", np.array([5.0, 7]), ["Z"])
        assert found["Z"].tolist() == [[0, 5, 0], [7, 0, 0]]


def test_several_formulas_and_names_that_nothing_depends_on():
    """d/dx of (x y)^2 + x y at (2, 3), by hand: 2 x y y + y = 39; z stays out of it."""
    formulas = [Formula("u", "x * y", ""), Formula("v", "u", ""), Formula("w", "u**2 + v", "")]
    x, y, z = (np.array(float(n)) for n in (2, 3, 4))
    known = {"x": x, "y": y, "z": z}
    found = differentiate(formulas, known, "w", np.array(1.0), ["x", "y", "z"])
    assert {name: gradient.item() for name, gradient in found.items()} == {"x": 39, "y": 26, "z": 0}
    none = differentiate(
        [Formula("w", "len(x) + 1", "")], {"x": y[None]}, "w", np.array(1.0), ["x"]
    )
    assert none["x"].tolist() == [0]


def test_a_name_that_is_given_to_something_else():
    formulas = [Formula("u", "x * y", ""), Formula("u", "x.size", ""), Formula("w", "u * x", "")]
    known = {"x": np.array(2.0), "y": np.array(3.0)}
    found = differentiate(formulas, known, "w", np.array(1.0), known)
    assert {name: gradient.item() for name, gradient in found.items()} == {"x": 1, "y": 0}


@pytest.mark.parametrize(
    "plain", ["A.flat", "[A, A]", "layers(A)", "concatenate(A)", "einsum(*[A, A])", "A.argsort()"]
)
def test_what_cannot_be_differentiated(plain):
    with pytest.raises(ValueError, match="cannot be differentiated"):
        Tape([Formula("Y", plain, "")], ["A"])


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 1), (4, 3), (1, 1, 3)])
def test_broadcasting_undone(shape, rng):
    whole = rng.standard_normal((2, 4, 3))
    expected = np.zeros(shape)
    for place in np.ndindex(whole.shape):
        at = tuple(0 if n == 1 else i for i, n in zip(place[3 - len(shape) :], shape, strict=True))
        expected[at] += whole[place]
    np.testing.assert_allclose(summed_to_shape(whole, shape), expected)


def test_agrees_with_pytorch(rng):
    """A small network end to end, in float64."""
    torch = pytest.importorskip("torch")
    formulas = [
        Formula("Z", "A @ W.T + b", ""),
        Formula("H", "Z * sigmoid(Z) + maximum(Z, 0) ** 1.5", ""),
        Formula("P", "exp(H - H.max(axis=1, keepdims=True))", ""),
        Formula("L", "log(P.sum(axis=1)) - (P * H).mean(axis=1) + abs(H[:, ::2]).sum(axis=1)", ""),
    ]
    known = {
        "A": rng.standard_normal((5, 4)),
        "W": rng.standard_normal((3, 4)),
        "b": rng.standard_normal(3),
    }
    upstream = rng.standard_normal(5)
    found = differentiate(formulas, known, "L", upstream, known)
    A, W, b = (torch.tensor(known[name], requires_grad=True) for name in "AWb")
    Z = A @ W.T + b
    H = Z * torch.sigmoid(Z) + torch.relu(Z) ** 1.5
    P = torch.exp(H - H.max(dim=1, keepdim=True).values)
    L = torch.log(P.sum(1)) - (P * H).mean(1) + H[:, ::2].abs().sum(1)
    (torch.tensor(upstream) * L).sum().backward()
    for name, expected in zip("AWb", (A, W, b), strict=True):
        np.testing.assert_allclose(found[name], expected.grad.numpy(), rtol=1e-12, atol=1e-14)
