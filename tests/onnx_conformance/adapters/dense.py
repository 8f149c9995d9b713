"""Products with matrices, and layers that change only the shape."""

from math import prod

import numpy as np

from onnx_conformance.adapters.through import through
from plainnet.layers import GLU, Dense, Flatten, Reshape, SwiGLU


def gemm(
    A: np.ndarray,
    B: np.ndarray,
    C: np.ndarray | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 1,
) -> np.ndarray:
    """A dense layer for each row of C: there is one row for all of A, or one for each of A's."""
    A = np.ascontiguousarray(A.T) if transA else A
    W = alpha * (B if transB else B.T)
    if C is None:
        return through(Dense(len(W), bias=False), A, W=W)
    biases = np.atleast_2d(beta * C)
    parts = zip(np.split(A, len(biases)), biases, strict=True)
    return np.concatenate(
        [through(Dense(len(W)), rows, W=W, b=np.broadcast_to(b, len(W))) for rows, b in parts]
    )


def matmul(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A dense layer for each matrix of B."""
    vector_A, vector_B = A.ndim == 1, B.ndim == 1
    A, B = (A[None] if vector_A else A), (B[:, None] if vector_B else B)
    outer = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    Z = np.empty((*outer, A.shape[-2], B.shape[-1]), A.dtype)
    A = np.broadcast_to(A, (*outer, *A.shape[-2:]))
    B = np.broadcast_to(B, (*outer, *B.shape[-2:]))
    for i in np.ndindex(outer):
        Z[i] = through(Dense(B.shape[-1], bias=False), A[i], W=B[i].T)
    Z = Z[..., 0, :] if vector_A else Z
    return Z[..., 0] if vector_B else Z


def flatten(X: np.ndarray, *, axis: int = 1) -> np.ndarray:
    return through(Flatten(), X.reshape(prod(X.shape[:axis]), *(X.shape[axis:] or (1,))))


def reshape(X: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """X as one example; an ONNX 0 takes the size from the input."""
    sizes = [X.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)]
    return through(Reshape(sizes), X[None])[0]


def glu(X: np.ndarray, *, axis: int) -> np.ndarray:
    """Our gates have weights, which pick the halves of X here."""
    A = np.moveaxis(X, axis, -1)
    n = A.shape[-1]
    Y = through(GLU(n // 2, bias=False), np.ascontiguousarray(A), W=np.eye(n))
    return np.moveaxis(Y, -1, axis)


def swiglu(a: np.ndarray, b: np.ndarray, *, alpha: float = 1.0) -> np.ndarray:
    """U = alpha a and V = b / alpha, in whose product alpha appears only inside the sigmoid."""
    n = a.shape[1]
    W = np.diag(np.repeat([alpha, 1 / alpha], n))
    return through(SwiGLU(n, bias=False), np.concatenate([a, b], axis=1), W=W)


ADAPTERS = {
    "Flatten": flatten,
    "GLU": glu,
    "Gemm": gemm,
    "MatMul": matmul,
    "Reshape": reshape,
    "SwiGLU": swiglu,
}
