"""Dense layers with activations between, in one call: a forward pass, and training steps.

A step of a small network takes most of its time between its calls. The twin of this kernel is one
function; NumPy's form composes the kernels that the layers and the losses use, so that it gives the
same gradient, and is there to be read and tested: it allocates, and networks do not use it.
"""

import numpy as np

from plainnet.kernels import activations
from plainnet.kernels.adam import adam
from plainnet.kernels.affine import affine, affine_backward
from plainnet.kernels.arrays import Array, aligned
from plainnet.kernels.compiled import twin
from plainnet.kernels.cross_entropy import cross_entropy

IDENTITY, RELU, TANH, SIGMOID = range(4)


def dense_stack_size(plan: Array, m: int) -> int:
    """The numbers of scratch memory that the twin needs for m examples, at most."""
    pairs = plan[:, :2].tolist()
    wide = [(n_in, n_out, aligned(n_in), aligned(n_out)) for n_in, n_out in pairs]
    of_layers = sum(
        o + aligned(n_in * o) + aligned(m * o) + aligned(n_out * i) for n_in, n_out, i, o in wide
    )
    outputs = wide[-1][1]
    return of_layers + aligned(m) + aligned(m * outputs) + 2 * aligned(m * max(o for *_, o in wide))


def dense_steps_size(plan: Array, batch_size: int) -> int:
    """The numbers of scratch memory that the twin needs for batches of this size."""
    n, K = int(plan[0, 0]), int(plan[-1, 1])
    gathered = aligned(batch_size * n) + aligned(batch_size * max(K, 2))
    return gathered + dense_stack_size(plan, batch_size)


@twin
def dense_outputs(
    X: Array,  # (m, n)
    parameters: Array,  # (P,)
    plan: Array,  # (layers, 5), integers: n_in, n_out, where W and b begin (-1: no b), activation
    Z: Array,  # (m, K)
    work: Array,  # (dense_stack_size(plan, m),), scratch
) -> Array:
    """What the last layer makes of m examples, without its activation, which is the loss's."""
    np.copyto(Z, _forward(X, parameters, plan)[-1])
    return Z


@twin
def dense_stack(
    X: Array,  # (m, n)
    classes: Array | None,  # (m,), class ids, integers, for the cross-entropy of a softmax
    targets: Array | None,  # (m, K), for the mean squared error, or the sigmoid's cross-entropy
    parameters: Array,  # (P,)
    plan: Array,  # (layers, 5), integers
    gradients: Array,  # (P,), of which the plan's are written
    mean: Array,  # (1,), in float64
    work: Array,  # (dense_stack_size(plan, m),), scratch
) -> Array:
    """The mean loss of m examples, and its gradient with respect to every parameter.

    The activation of the last layer is the loss's: SIGMOID, or IDENTITY.
    """
    A = _forward(X, parameters, plan)
    if classes is not None:
        mean[0], dZ = _cross_entropy(A[-1], classes)
    elif targets is not None:
        mean[0], dZ = _losses_of_numbers(A[-1], targets, sigmoid=plan[-1, 4] == SIGMOID)

    for i in reversed(range(len(plan))):
        n_in, n_out, at_W, at_b, _ = plan[i]
        W, _ = _tensors(parameters, n_in, n_out, at_W, at_b)
        dW, db = _tensors(gradients, n_in, n_out, at_W, at_b)
        dA = np.empty((len(X), n_in), X.dtype) if i else None
        affine_backward(dZ, A[i], W, dW, db, dA)
        if dA is not None:
            dZ = _activated_backward(plan[i - 1, 4], dA, A[i])
    return mean


@twin
def dense_steps(
    X: Array,  # (N, n)
    classes: Array | None,  # (N,)
    targets: Array | None,  # (N, K)
    order: Array,  # (q,), integers: the rows of X that the steps take, one batch after the other
    batch_size: int,
    parameters: Array,  # (P,), changed
    plan: Array,  # (layers, 5), integers
    gradients: Array,  # (P,)
    M: Array,  # (P,), changed
    V: Array,  # (P,), changed
    groups: Array,  # (groups, 2), integers: from where to where settings apply
    settings: Array,  # (steps, groups, 6), as `adam` takes them
    means: Array,  # (steps,), in float64
    done: Array,  # (1,), integers
    work: Array,  # (dense_steps_size(...),), scratch
) -> None:
    """Steps of `dense_stack` and `adam`, one after the other; the last batch may be shorter.

    A loss that is not finite ends them before its update; `done` counts the updates.
    """
    mean, done[0] = np.empty(1), 0
    for s, at in enumerate(settings):
        rows = order[s * batch_size : (s + 1) * batch_size]
        some_classes = None if classes is None else classes[rows]
        some_targets = None if targets is None else targets[rows]
        dense_stack(X[rows], some_classes, some_targets, parameters, plan, gradients, mean, work)
        means[s] = mean[0]
        if not np.isfinite(mean[0]):
            return
        for (start, stop), values in zip(groups, at, strict=True):
            p, g, m, v = (each[start:stop] for each in (parameters, gradients, M, V))
            adam(p, g, m, v, None, values, np.empty_like(p))
        done[0] = s + 1


def _forward(X: Array, parameters: Array, plan: Array) -> list[Array]:
    """X, and what each layer hands on."""
    A = [X]
    for n_in, n_out, at_W, at_b, activation in plan:
        W, b = _tensors(parameters, n_in, n_out, at_W, at_b)
        Z = affine(A[-1], W, b, np.empty((len(X), n_out), X.dtype))
        A.append(_activated(activation, Z) if len(A) < len(plan) else Z)
    return A


def _tensors(
    flat: Array, n_in: int, n_out: int, at_W: int, at_b: int
) -> tuple[Array, Array | None]:
    """W, (n_out, n_in), and b, (n_out,), as views."""
    W = flat[at_W : at_W + n_in * n_out].reshape(n_in, n_out).T
    return W, None if at_b < 0 else flat[at_b : at_b + n_out]


def _activated(activation: int, Z: Array) -> Array:
    """A, written over Z."""
    if activation == RELU:
        return activations.relu(Z, Z)
    if activation == TANH:
        return activations.tanh(Z, Z)
    return activations.sigmoid(Z, Z) if activation == SIGMOID else Z


def _activated_backward(activation: int, dA: Array, A: Array) -> Array:
    """dZ, written over dA."""
    if activation == RELU:
        return activations.relu_backward(dA, A, dA, np.empty(A.shape, bool))
    if activation == TANH:
        return activations.tanh_backward(dA, A, dA, np.empty_like(A))
    if activation == SIGMOID:
        return activations.sigmoid_backward(dA, A, dA, np.empty_like(A))
    return dA


def _cross_entropy(Z: Array, classes: Array) -> tuple[float, Array]:
    """The mean loss, and its gradient."""
    m, K = Z.shape
    losses, dL = np.empty(m, Z.dtype), np.empty((K, m), Z.dtype).T
    scratch = np.empty(m, np.intp), np.empty((5, m), Z.dtype), np.empty(m, bool)
    cross_entropy(Z, classes, losses, dL, None, *scratch)
    return losses.mean(dtype=np.float64), np.ascontiguousarray(dL) / m


def _losses_of_numbers(Z: Array, y: Array, *, sigmoid: bool) -> tuple[float, Array]:
    """The mean squared error, or the cross-entropy of sigmoids, and its gradient."""
    if not sigmoid:
        D = Z - y
        return (D**2).mean(dtype=np.float64), D * (2 / Z.size)
    small = np.exp(-np.abs(Z))
    lean = np.heaviside(Z, 0.5) - y  # [Z > 0] - y
    losses = np.log1p(small) + Z * lean
    return losses.mean(dtype=np.float64), (lean - np.sign(Z) * (small / (1 + small))) / Z.size
