"""A row for each compiled kernel: arguments to call it with, and how exact it has to be."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from itertools import pairwise
from typing import Any

import numpy as np

from kernels.twins import images, norms, sequences
from kernels.twins.case import Arguments, Array, Case
from plainnet.kernels import activations, adam, cross_entropy, dense_stack, scaling
from plainnet.kernels.pieces import piece_size


def sigmoid(Z: Array) -> Array:
    return 1 / (1 + np.exp(np.minimum(-Z, 700)))


# --- functions of one number ----------------------------------------------------------------------

MADE_FROM_Z = {
    "sigma": sigmoid,
    "Phi": sigmoid,  # of another shape than the normal distribution's, which changes nothing
    "e": lambda Z: np.exp(np.minimum(Z, 20)),
    "T": np.tanh,
    "A": np.tanh,
}
"""What a backward pass reads beside Z."""

NUMBERS = {"slope": 0.1, "alpha": 1.5, "scale": 1.1}
BOOLEANS = ("positive", "negative")
EXTREMES = [0.0, -0.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-38, -1e-38, 1e-45, 88.9, -104.5, 20]


def elementwise(name: str, Z: Array, dA: Array, note: str, *, extremes: bool = False) -> Case:
    """The kernel's inputs come first, Z or what is made from it, then outputs, then scratch."""
    kernel, back = getattr(activations, name), name.endswith("_backward")
    names = list(signature(kernel).parameters)
    n_inputs = sum(each in NUMBERS and i < 4 for i, each in enumerate(names))
    n_inputs = names.index("dZ") if back else 1 + n_inputs
    n_outputs = names.index("dZ" if back else "A") + 1 - n_inputs
    sizes = {"work": 2 * piece_size(Z)} if name == "gelu" else {}

    def build(rng: np.random.Generator) -> Arguments:
        arguments: Arguments = {}
        for each in names[:n_inputs]:
            known = {"Z": Z, "dA": dA, **NUMBERS}
            arguments[each] = known[each] if each in known else MADE_FROM_Z[each](Z)
        for each in names[n_inputs:]:
            kind = bool if each in BOOLEANS else float
            arguments[each] = np.zeros(sizes.get(each, Z.shape), kind)
        return arguments

    outputs = " ".join(names[n_inputs : n_inputs + n_outputs])
    ulps = 8 if name == "tanh_backward" else 4  # 1 - A^2 without a fused operation
    return Case(kernel, build, outputs, ulps, note, extremes)


def of_activations(name: str) -> list[Case]:
    rng = np.random.default_rng(1)
    grid = np.meshgrid(EXTREMES, [0.0, -0.0, 1.0, -2.5, 1e-38, 1e10])
    ordinary = [
        elementwise(name, 4 * rng.standard_normal(shape), rng.standard_normal(shape), f"of {shape}")
        for shape in ((7,), (3, 5, 33), (40_000,))
    ]
    return [*ordinary, elementwise(name, *grid, "of extremes", extremes=True)]


NAMES = "relu leaky_relu elu gelu gelu_tanh silu mish sigmoid tanh softplus"
CASES = [
    case
    for name in NAMES.split()
    for end in ("", "_backward")
    for case in of_activations(name + end)
]


# --- optimizers and losses ------------------------------------------------------------------------


def of_adam(n: int, *, largest: bool) -> Case:
    def build(rng: np.random.Generator) -> Arguments:
        p, g, M = rng.standard_normal((3, n))
        V, V_max = rng.random((2, n))
        return {
            "p": p,
            "g": g,
            "M": M,
            "V": V,
            "V_max": V_max if largest else None,
            "settings": np.array([0.9, 0.999, 1e-7, 0.01, 0.1, 0.99]),
            "work": np.zeros(n),
        }

    outputs = "p M V V_max" if largest else "p M V"
    return Case(adam.adam, build, outputs, note=f"of {n}{', AMSGrad' * largest}")


CASES += [of_adam(n, largest=largest) for n in (5, 371, 30_000) for largest in (False, True)]


def of_cross_entropy(m: int, K: int, scale: float, *, keeps_p: bool = False) -> Case:
    def build(rng: np.random.Generator) -> Arguments:
        return {
            "Z": scale * rng.standard_normal((m, K)),
            "y": rng.integers(0, K, m),
            "losses": np.zeros(m),
            "dL": np.zeros((K, m)).T,
            "p": np.zeros(m) if keeps_p else None,
            "index": np.zeros(m, np.intp),
            "rows": np.zeros((5, m)),
            "far": np.zeros(m, bool),
        }

    note = f"of {m} x {K}, times {scale}{', with p' * keeps_p}"
    outputs = "losses dL p" if keeps_p else "losses dL"
    return Case(cross_entropy.cross_entropy, build, outputs, note=note, ulps=8)


CASES += [
    of_cross_entropy(32, 3, 1),
    of_cross_entropy(70, 10, 5, keeps_p=True),
    of_cross_entropy(9, 2, 60),
    of_cross_entropy(9, 7, 1e4),
    of_cross_entropy(64, 3, 100),  # the true class may be far behind small exponentials
    of_cross_entropy(500, 7, 1000),
    of_cross_entropy(2000, 17, 3),
]


# --- steps of dense layers ------------------------------------------------------------------------


def plan_of(sizes: list[int], activation: int, last: int, *, bias: bool = True) -> Array:
    """The plan of a stack whose weights lie first, then its biases."""
    pairs = list(pairwise(sizes))
    at_W, at_b, rows = 0, sum(n * k for n, k in pairs), []
    for n_in, n_out in pairs:
        rows.append([n_in, n_out, at_W, at_b if bias else -1, activation])
        at_W, at_b = at_W + n_in * n_out, at_b + n_out
    rows[-1][4] = last
    return np.array(rows, np.intp)


def of_dense_stack(
    sizes: list[int], m: int, activation: int = 1, loss: str = "classes", *, bias: bool = True
) -> Case:
    last = dense_stack.SIGMOID if loss == "labels" else dense_stack.IDENTITY
    plan, K = plan_of(sizes, activation, last, bias=bias), sizes[-1]
    n = int(plan[-1, 2] + plan[-1, 0] * plan[-1, 1]) + bias * sum(sizes[1:])

    def build(rng: np.random.Generator) -> Arguments:
        numbers = rng.standard_normal((m, K))
        return {
            "X": rng.standard_normal((m, sizes[0])),
            "classes": rng.integers(0, K, m) if loss == "classes" else None,
            "targets": {"numbers": numbers, "labels": (numbers > 0) * 1.0}.get(loss),
            "parameters": rng.standard_normal(n) * sizes[0] ** -0.5,
            "plan": plan,
            "gradients": np.zeros(n),
            "mean": np.zeros(1),
            "work": np.zeros(dense_stack.dense_stack_size(plan, m)),
        }

    note = f"{'-'.join(map(str, sizes))}, batch {m}, activation {activation}, {loss}"
    note += ", no b" * (not bias)
    return Case(dense_stack.dense_stack, build, "gradients mean", 50, note, float64="mean")


CASES += [
    of_dense_stack([2, 16, 16, 3], 32),
    of_dense_stack([5, 7, 33, 1, 17, 4], 9, dense_stack.TANH),
    of_dense_stack([3, 20, 2], 1, dense_stack.SIGMOID, "numbers"),
    of_dense_stack([3, 40, 5], 50, dense_stack.RELU, "labels", bias=False),
    of_dense_stack([64, 128, 64, 10], 64),
    of_dense_stack([6, 3], 10),
]


def of_dense_outputs(sizes: list[int], m: int, **settings: Any) -> Case:
    stack = of_dense_stack(sizes, m, **settings)

    def build(rng: np.random.Generator) -> Arguments:
        given = stack.build(rng)
        kept = {name: given[name] for name in ("X", "parameters", "plan")}
        return {**kept, "Z": np.zeros((m, sizes[-1])), "work": given["work"]}

    return Case(dense_stack.dense_outputs, build, "Z", 50, stack.note)


CASES += [
    of_dense_outputs([2, 16, 16, 3], 1),
    of_dense_outputs([5, 7, 33, 1, 17, 4], 9, activation=dense_stack.TANH),
    of_dense_outputs([3, 40, 5], 50, loss="labels", bias=False),
    of_dense_outputs([6, 3], 10),
]


def of_dense_steps(sizes: list[int], batch: int, n_rows: int, *, numbers: bool = False) -> Case:
    stack = of_dense_stack(sizes, n_rows, loss="numbers" if numbers else "classes")

    def build(rng: np.random.Generator) -> Arguments:
        given = stack.build(rng)
        n, steps = len(given["parameters"]), -(-(n_rows - 3) // batch)
        n_weights = int(given["plan"][0, 3])
        settings = np.empty((steps, 2, 6))
        settings[:] = 0.9, 0.999, 1e-6, 0.01, 0.0, 1.0
        settings[:, 0, 4:] = 0.01, 0.999
        return {
            **{name: given[name] for name in ("X", "classes", "targets")},
            "order": rng.permutation(n_rows)[3:],
            "batch_size": batch,
            "parameters": given["parameters"],
            "plan": given["plan"],
            "gradients": given["gradients"],
            "M": rng.standard_normal(n),
            "V": 1 + rng.random(n),
            "groups": np.array([[0, n_weights], [n_weights, n]], np.intp),
            "settings": settings,
            "means": np.zeros(steps),
            "done": np.zeros(1, np.intp),
            "work": np.zeros(dense_stack.dense_steps_size(given["plan"], batch)),
        }

    note = f"{'-'.join(map(str, sizes))}, batch {batch}{', numbers' * numbers}"
    outputs = "parameters gradients M V means done"
    return Case(dense_stack.dense_steps, build, outputs, 40, note, float64="means")


CASES += [
    of_dense_steps([2, 16, 16, 3], 32, 203),
    of_dense_steps([5, 9, 2], 7, 30, numbers=True),
]

CASES += norms.CASES + images.CASES + sequences.CASES


def of_times(*shape: int, use: str = "") -> Case:
    def build(rng: np.random.Generator) -> Arguments:
        A = rng.standard_normal(shape)
        return {"A": A, "factor": 1 / 3, "Y": A if use else np.zeros(shape)}

    return Case(scaling.times, build, "Y", 1, f"of {shape} {use}".strip())


CASES += [of_times(7), of_times(5, 33), of_times(40_000, use="in place")]


# --- where no backward pass follows ---------------------------------------------------------------

KEPT = {"gelu": "Phi", "gelu_tanh": "Phi", "silu": "sigma"} | dict.fromkeys(
    ("layer_norm", "rms_norm", "batch_norm", "group_norm"), "A_hat"
)
"""What only the backward pass reads, by kernel: it may be the output itself."""


def without_kept(case: Case) -> Case:
    kept = KEPT[case.kernel.__name__]
    output = {"A_hat": "Y"}.get(kept, "A")

    def build(rng: np.random.Generator) -> Arguments:
        arguments = case.build(rng)
        return {**arguments, kept: arguments[output]}

    outputs = " ".join(name for name in case.outputs.split() if name != kept)
    note = f"{case.note}, without {kept}".lstrip(", ")
    return replace(case, build=build, outputs=outputs, note=note)


CASES += [without_kept(case) for case in CASES if case.kernel.__name__ in KEPT]
