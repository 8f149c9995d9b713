"""Arrays that belong together row by row."""

import numpy as np
import pytest

from plainnet.arguments.parts import Parts, arrays_of, by_name, expect_same_rows, like
from plainnet.errors import DataError, ShapeError

A, B = np.arange(4), np.ones((4, 2))


def test_rows_are_taken_from_every_array():
    parts = Parts({"a": A, "b": B})
    assert len(parts) == 4
    for rows in (slice(1, 3), np.array([3, 0])):
        some = parts[rows]
        np.testing.assert_array_equal(some.arrays["a"], A[rows])
        np.testing.assert_array_equal(some.arrays["b"], B[rows])
    other = parts.copy()
    other.arrays["a"][:] = 7
    assert A[0] == 0


def test_one_array_is_its_only_part():
    assert arrays_of(A) == (A,)
    assert like(A, (B,)) is B
    parts = like(Parts({"a": A, "b": B}), (B, A))
    assert list(parts.arrays) == ["a", "b"]
    assert arrays_of(parts) == (B, A)


@pytest.mark.parametrize("values", [{"b": 2, "a": 1}, (1, 2), [1, 2], Parts({"b": 2, "a": 1})])
def test_values_come_by_name_or_in_order(values):
    assert list(by_name("X", ("a", "b"), values).items()) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 1}, "X must have a, b; got a"),
        ({"a": 1, "b": 2, 3: 4}, "X must have a, b; got a, b, 3"),
        ({}, "X must have a, b; got nothing"),
        ((1, 2, 3), r"X must be a dict with a, b, or a tuple of 2 in this order; got \(1, 2, 3\)"),
        (B, r"X must be a dict .*got an array of shape \(4, 2\)"),
        (None, "X must be a dict .*got None"),
    ],
)
def test_other_names_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        by_name("X", ("a", "b"), values)


def test_numbers_of_rows_agree():
    expect_same_rows("X", Parts({"a": A, "b": B}))
    with pytest.raises(ShapeError, match=r"X\['a'\] has 4 rows and X\['c'\] has 1; they must"):
        expect_same_rows("X", Parts({"a": A, "b": B, "c": B[:1]}))
