"""Convolution along time."""

from dataclasses import replace

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import SettingError, ShapeError, require_integer
from plainnet.initializers import Initializer
from plainnet.kernels.correlation import (
    correlate,
    correlate_backward,
    correlate_backward_size,
    correlate_size,
)
from plainnet.kernels.sliding import Pair, Window
from plainnet.layers.base import NO_GRADIENT, Array, Shape
from plainnet.layers.convolution.filters import (
    DB,
    DOWN_LATEX,
    W_BY_GROUP,
    Convolution,
    filtered,
    meeting,
)
from plainnet.layers.convolution.sliding import (
    MOST_PIXELS,
    around,
    expect_places,
    pair,
    plain,
    require_padding,
)

_SEEN, _DZ1 = (f"{name}.reshape(*{name}.shape[:2], groups, -1)" for name in ("seen", "dZ"))


class Conv1d(Convolution):
    """Convolution along time: a kernel that slides over a sequence as in `Conv2d` over an image.

    Sequences may have any length. Masked steps count as zeros, so that a padded sequence gives the
    same result as it does alone.

    Parameters
    ----------
    filters, kernel_size, stride, dilation : int
        As in `Conv2d`, in steps of time.
    padding : "valid", "same", "causal", int or (int, int)
        Zeros before and after the sequence. "causal" adds as many as "same", but all before it, so
        that no output depends on a later step (van den Oord et al. 2016, WaveNet, section 2.1).
        With "causal" and stride 1, a cache with `carry=True` continues the sequences of the
        previous pass.
    groups, bias, initializer
        As in `Conv2d`.

    Tensors
    -------
    W : (filters, kernel_size, channels / groups), decays. PyTorch's weight, of shape
        (filters, channels / groups, kernel_size), is weight.transpose(0, 2, 1) here.
    b : (filters,)
    """

    uses_mask = True

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: str | int | Pair = "valid",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        self._set(filters, groups, bias, initializer)
        most = MOST_PIXELS
        self.kernel_size = require_integer("kernel_size", kernel_size, at_least=1, at_most=most)
        self.stride = require_integer("stride", stride, at_least=1, at_most=most)
        self.dilation = require_integer("dilation", dilation, at_least=1, at_most=most)
        self.padding = plain(padding)
        # Time is the height of an image of width 1.
        self.window = Window((self.kernel_size, 1), (self.stride, 1), (self.dilation, 1))
        if isinstance(self.padding, str):
            require_padding(self.padding, "valid", "same", "causal")
        else:
            pair("padding", self.padding, at_least=0)

    def build(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise ShapeError(f"needs an input of shape (time, features); got {input_shape}")
        time, features = input_shape
        self._declare(features, (self.kernel_size,))
        if time is None:
            return (None, self.filters)
        self.window, places = self._slide(time)
        return (places, self.filters)

    def expect_carry(self, training: bool) -> None:
        if self.padding != "causal" or self.stride != 1:
            raise SettingError(
                f'layer {self.name}: a cache with carry=True needs padding="causal" and stride=1; '
                f"got {self!r}"
            )

    def _slide(self, time: int) -> tuple[Window, int]:
        """The window over `time` steps, and how many places it has."""
        reach = self.window.span[0] - 1
        if self.padding == "causal":
            before, after = (reach, 0), (0, 0)
        elif isinstance(self.padding, str):
            before, after = around(self.padding, self.window, (time, 1))
        else:
            first, last = pair("padding", self.padding, at_least=0)
            before, after = (first, 0), (last, 0)
        window = replace(self.window, before=before)
        return window, expect_places(window, (time, 1), after)[0]

    # `data` is the mask, (m, time).
    formulas = Formulas(
        input="A",
        output="Z",
        forward=(
            Formula("seen", "A * data[..., None]", r"\tilde A_{rc} = A_{rc}\, \mathrm{data}_r"),
            meeting(0, "down", DOWN_LATEX, "output", "input"),
            *filtered(
                f"einsum('iyr,mrgc,gfic->mygf', down, {_SEEN}, {W_BY_GROUP})"
                ".reshape(len(A), *output_shape)",
                r"Z_{yf} = \sum_{ic} W_{fic} \tilde A_{(sy+di-p)c}",
            ),
        ),
        backward=(
            Formula(
                "dW",
                f"einsum('iyr,mrgc,mygf->gfic', down, {_SEEN}, {_DZ1}).reshape(W.shape)",
                r"dW_{fic} = \sum_y dZ_{yf} \tilde A_{(sy+di-p)c}",
            ),
            DB,
            Formula(
                "dseen",
                f"einsum('iyr,gfic,mygf->mrgc', down, {W_BY_GROUP}, {_DZ1}).reshape(A.shape)",
                r"d\tilde A_{(sy+di-p)c} \mathrel{+}= \sum_f W_{fic} dZ_{yf}",
            ),
            Formula("dA", "dseen * data[..., None]", r"dA_{rc} = d\tilde A_{rc}\, \mathrm{data}_r"),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        mask = cache.mask
        try:
            window, places = self._slide(A.shape[1])
        except ShapeError as error:
            raise ShapeError(f"layer {self.name} ({self!r}) {error}") from None
        cache["mask"] = None if mask is None else mask[:, :, None]
        if mask is not None:
            if places != A.shape[1]:
                raise SettingError(
                    f"layer {self.name} ({self!r}) turns {A.shape[1]} steps into {places}, and the "
                    "mask no longer fits"
                )
            A = np.multiply(A, cache["mask"], out=cache.array("masked", A.shape, A.dtype))
        if cache.carry:
            A, window = self._continued(A, cache), replace(window, before=(0, 0))
        cache["A"] = A
        Z = cache.array("Z", (len(A), places, self.filters), A.dtype)
        images, W, image, groups = A[:, :, None], self.W[:, :, None], Z[:, :, None], self.groups
        size = correlate_size(images.shape, W.shape, window, groups, image.shape, A.itemsize)
        work = cache.array("work", (size,), A.dtype)
        correlate(images, W, self._biases(), window, groups, image, work)
        return Z

    def backward(self, dZ: Array, cache: Cache) -> Array:
        A, mask = cache["A"], cache["mask"]
        carried = self.window.span[0] - 1 if cache.carry else 0
        window, _ = self._slide(A.shape[1] - carried)
        if cache.carry:
            window = replace(window, before=(0, 0))
        # As images of width 1.
        images, dimages, W, dW = (array[:, :, None] for array in (A, dZ, self.W, self.dW))
        groups, db = self.groups, self._bias_gradients()
        shapes = dimages.shape, images.shape, W.shape
        size = correlate_backward_size(*shapes, window, groups, A.itemsize)
        work = cache.array("work", (size,), dZ.dtype)
        if not cache.needs_input_gradient:
            correlate_backward(dimages, images, W, window, groups, dW, db, None, work)
            return NO_GRADIENT
        dA = cache.array("dA", A.shape, dZ.dtype)
        correlate_backward(dimages, images, W, window, groups, dW, db, dA[:, :, None], work)
        if carried:  # contiguous, or the layer below would copy it
            m, time, features = A.shape
            whole, dA = dA, cache.array("dA_new", (m, time - carried, features), A.dtype)
            np.copyto(dA, whole[:, carried:])
        return dA if mask is None else np.multiply(dA, mask, out=dA)

    def _continued(self, A: Array, cache: Cache) -> Array:
        """The steps under the kernel that the pass before saw, and then these."""
        m, time, features = A.shape
        reach = self.window.span[0] - 1
        before = cache.carried.get("A")
        if before is None:
            before = cache.carried["A"] = np.zeros((m, reach, features), A.dtype)
        joined = cache.array("joined", (m, reach + time, features), A.dtype)
        np.copyto(joined[:, :reach], before)
        np.copyto(joined[:, reach:], A)
        np.copyto(before, joined[:, time:])
        return joined
