"""Where a kernel that slides over an image comes to lie, place by place."""

import itertools

import numpy as np
import pytest

from plainnet.kernels import sliding
from plainnet.kernels.sliding import Window, block_size, blocks, cells, overlap


@pytest.mark.parametrize("offset", range(-7, 8))
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("n_in", "n_out"), [(5, 4), (1, 6), (6, 1), (4, 4)])
def test_overlap_is_where_an_output_has_an_input(offset, stride, n_in, n_out):
    outputs, inputs = overlap(offset, stride, n_in, n_out)
    pairs = [(y, y * stride + offset) for y in range(n_out) if 0 <= y * stride + offset < n_in]
    found = list(zip(range(n_out)[outputs], range(n_in)[inputs], strict=True))
    assert found == pairs


@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (2, 7)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
@pytest.mark.parametrize("before", [(0, 0), (2, 1), (-1, 0)])
def test_cells_pair_outputs_with_the_inputs_they_read(kernel, stride, dilation, before):
    window, (height, width), lines, across = Window(kernel, stride, dilation, before), (5, 4), 4, 3
    expected = set()
    for i, j, y, x in itertools.product(*map(range, (*kernel, lines, across))):
        r = y * stride[0] + i * dilation[0] - before[0]
        s = x * stride[1] + j * dilation[1] - before[1]
        if y > 0 and 0 <= r < height and 0 <= s < width:
            expected.add((i, j, y, x, r, s))
    found = []
    for i, j, (y_out, x_out), (y_in, x_in) in cells(window, (5, 4), slice(1, lines), across):
        down = zip(range(1, lines)[y_out], range(height)[y_in], strict=True)
        for (y, r), (x, s) in itertools.product(
            down, list(zip(range(across)[x_out], range(width)[x_in], strict=True))
        ):
            found.append((i, j, y, x, r, s))
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("block", [1, 10, 40, 100, 10**6])
@pytest.mark.parametrize(("m", "lines"), [(5, 4), (1, 7), (3, 1), (0, 4)])
def test_blocks_are_all_lines_once_and_fit(m, lines, block, monkeypatch):
    monkeypatch.setattr(sliding, "BLOCK", block)
    seen, largest = np.zeros((m, lines), int), block_size(m, lines, 10)
    for examples, part in blocks(m, lines, 10):
        seen[examples, part] += 1
        size = examples.stop - examples.start, part.stop - part.start
        assert size[0] <= largest[0]
        assert size[1] <= largest[1]
        assert size[0] * size[1] * 10 <= max(block, 10)
    assert (seen == 1).all()


def test_a_line_of_no_bytes_is_a_line():
    assert block_size(3, 4, 0) == (3, 4)


@pytest.mark.parametrize(
    ("window", "size", "after", "places"),
    [
        (Window((3, 2)), (5, 4), (0, 0), (3, 3)),
        (Window((3, 2), (2, 3)), (5, 4), (1, 0), (2, 1)),
        (Window((3, 3), (1, 1), (2, 2), (1, 1)), (5, 4), (1, 1), (3, 2)),
        (Window((6, 1)), (5, 4), (0, 0), (0, 4)),
    ],
)
def test_places_are_where_the_kernel_fits(window, size, after, places):
    assert window.places(size, after) == places


def test_a_turned_window_reaches_back():
    assert Window((3, 2), before=(1, 0)).turned() == Window((3, 2), before=(1, 1))
    assert Window((3, 2), (1, 1), (2, 3)).turned() == Window((3, 2), (1, 1), (2, 3), (4, 3))
