"""A vector for each id: rows of a matrix taken, and their gradients added up."""

import numpy as np

from plainnet.kernels.arrays import Array, aligned, carve, counting, shaped, sum_rows
from plainnet.kernels.compiled import twin


def take_rows(
    E: Array,  # (K, n)
    ids: Array,  # (...), integers from 0 to K - 1
    Y: Array,  # (..., n)
) -> Array:
    """Y_i = E_(id_i)."""
    return E.take(ids, axis=0, out=Y, mode="clip")


NARROW = 8
"""Up to this width, rows are too short to be added up one by one."""
SMALL = 40_000
"""A one-hot matrix of as many numbers is made faster than ids are sorted."""
AT_ONCE = 256
"""Rows of one id that are taken together."""


@twin
def add_to_rows(
    dY: Array,  # (..., n)
    ids: Array,  # (...), integers from 0 to K - 1
    dE: Array,  # (K, n), added to
    anew: bool,  # whether to replace what dE holds, instead of adding to it
    index: Array,  # the integers of `add_to_rows_sizes`, scratch
    work: Array,  # its floats, scratch
) -> None:
    """dE_k += sum dY_i over all i whose id is k."""
    N, (K, n) = ids.size, dE.shape
    if anew:
        dE.fill(0)
    dY, ids = dY.reshape(N, n), ids.reshape(N)
    if n <= NARROW:
        _add_numbers(dY, ids, dE, shaped(index, (N, n)))
    elif K * N <= SMALL:
        _add_product(dY, ids, dE, index[:N], *carve(work, (K, N), (K, n)))
    else:
        several = (_most_rows(N, K), n)
        _add_runs(dY, ids, dE, shaped(index, (5, N)), *carve(work, several, several))


def add_to_rows_sizes(N: int, K: int, n: int) -> tuple[int, int]:
    """The integers and floats that `add_to_rows` needs for N ids."""
    if n <= NARROW:
        return N * n, 0
    if K * N <= SMALL:
        return N, aligned(K * N) + K * n
    return 5 * N, 2 * aligned(_most_rows(N, K) * n)


def _most_rows(N: int, K: int) -> int:
    return min(N, max(K, AT_ONCE))


def _add_numbers(dY: Array, ids: Array, dE: Array, places: Array) -> None:
    """Number by number."""
    # np.add.at is fast in one dimension, and slow in two: places in the flat dE.
    n = dE.shape[1]
    np.multiply(ids[:, None], n, out=places[:, :1])
    for i in range(1, n):
        np.add(places[:, 0], i, out=places[:, i])
    np.add.at(dE.reshape(-1), places.reshape(-1), dY.reshape(-1))


def _add_product(dY: Array, ids: Array, dE: Array, place: Array, B: Array, total: Array) -> None:
    """dE += B dY with a one in B at the id of each row."""
    N = len(ids)
    B.fill(0)
    np.multiply(ids, N, out=place)
    place += counting(N)
    B.reshape(-1)[place] = 1
    dE += np.matmul(B, dY, out=total)


def _add_runs(dY: Array, ids: Array, dE: Array, index: Array, sums: Array, taken: Array) -> None:
    """Row by row of each id, after the ids have been sorted into runs."""
    N, (k, place, start, length, key) = len(ids), index
    # An id and its place in one number, sorted in place: np.argsort would allocate.
    np.multiply(ids, N, out=place)
    place += counting(N)
    place.sort()
    np.floor_divide(place, N, out=k)
    np.multiply(k, N, out=start)
    place -= start

    # Where the runs start, sorted to the front, and how long they are.
    new = key.view(np.bool_)[:N]
    new[:1] = True
    np.not_equal(k[1:], k[:-1], out=new[1:])
    start.fill(N)
    np.copyto(start, counting(N), where=new)
    start.sort()
    n_runs = int(np.count_nonzero(new))
    start, length, key = start[:n_runs], length[:n_runs], key[:n_runs]
    np.subtract(start[1:], start[:-1], out=length[:-1])
    length[-1] = N - start[-1]

    # The longest run first, by sorting minus its length, and its start, in one number.
    np.multiply(length, -N, out=key)
    key += start
    key.sort()
    np.floor_divide(key, N, out=length)
    np.negative(length, out=length)
    np.multiply(length, N, out=start)
    start += key
    known = k.take(start, out=key, mode="clip")

    # Some of the longest are added up one after the other, the others side by side: one turn for
    # each run, or for each row of the longest that is left. The cut is where that is least.
    turns = np.add(length, counting(n_runs), out=k[:n_runs])
    n_long = int(turns.argmin())
    n_long = n_long if turns[n_long] < n_runs else n_runs
    for i, first, n in zip(known[:n_long], start, length, strict=False):
        for some in range(first, first + n, AT_ONCE):
            chosen = place[some : min(some + AT_ONCE, first + n)]
            dE[i] += sum_rows(dY.take(chosen, 0, taken[: len(chosen)], "clip"), sums[0])

    start, length, known = start[n_long:], length[n_long:], known[n_long:]
    sums = dE.take(known, axis=0, out=sums[: len(known)], mode="clip")
    for j in range(int(length[0]) if len(length) else 0):  # the row with this index of each run
        n = np.count_nonzero(length > j)
        chosen = place.take(start[:n], out=k[:n], mode="clip")
        start += 1
        sums[:n] += dY.take(chosen, 0, taken[:n], "clip")
    dE[known] = sums


TOGETHER = 64
"""Bags whose gradients are added up by one product."""


def sum_bags(
    E: Array,  # (K, n)
    ids: Array,  # (m, T), integers from 0 to K - 1
    weights: Array,  # (m, T)
    lengths: Array,  # (m,), integers: the first steps of each bag, which count
    taken: Array,  # (T, n), scratch
    Y: Array,  # (m, n)
) -> Array:
    """Y_i = sum_t w_it E_(id_it), each bag by itself: its sum does not depend on the others."""
    for i, n in enumerate(lengths):
        np.dot(weights[i, :n], E.take(ids[i, :n], axis=0, out=taken[:n], mode="clip"), out=Y[i])
    return Y


def sum_bags_backward(
    dY: Array,  # (m, n)
    ids: Array,  # (m, T), integers from 0 to K - 1
    weights: Array,  # (m, T)
    dE: Array,  # (K, n), added to
    rank: Array,  # (K,), integers, scratch
    index: Array,  # (2, N) for the N ids of `TOGETHER` bags, integers, scratch
    B: Array,  # (min(N, K) TOGETHER,), scratch
    sums: Array,  # (2, min(N, K), n), scratch
) -> None:
    """dE_k += sum w_it dY_i over all steps t of all bags i whose id is k.

    It is a product with the matrix of weights B, which has a row for each id that occurs. For short
    runs of equal ids this was five times faster than `add_to_sorted_rows`.
    """
    for first in range(0, len(ids), TOGETHER):
        bags = slice(first, first + TOGETHER)
        known = ids[bags].reshape(-1)
        m, (place, found) = len(ids[bags]), index[:, : len(known)]
        # The ids that occur, counted through in ascending order, without sorting them.
        rank.fill(0)
        rank[known] = 1
        rank.cumsum(out=rank)
        n_found = int(rank[-1])
        rank.take(known, out=place, mode="clip")
        place -= 1
        found[place] = known
        found = found[:n_found]

        weights_of = B[: n_found * m]
        weights_of.fill(0)
        place *= m
        by_bag = place.reshape(m, -1)
        by_bag += counting(m)[:, None]
        np.add.at(weights_of, place, weights[bags].reshape(-1))
        total, before = sums[:, :n_found]
        np.matmul(weights_of.reshape(n_found, m), dY[bags], out=total)
        total += dE.take(found, axis=0, out=before, mode="clip")
        dE[found] = total


def sum_bags_backward_weights(
    dY: Array,  # (m, n)
    E: Array,  # (K, n)
    ids: Array,  # (m, T), integers from 0 to K - 1
    taken: Array,  # (T, n), scratch
    dW: Array,  # (m, T)
) -> Array:
    """dw_it = E_(id_it) . dY_i."""
    for i in range(len(ids)):
        np.dot(E.take(ids[i], axis=0, out=taken, mode="clip"), dY[i], out=dW[i])
    return dW
