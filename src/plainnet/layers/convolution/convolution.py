"""Convolutions: a small kernel slides over a sequence or an image, the same weights at each place.

As everywhere in this field, the kernel is not flipped: strictly, these are correlations.
"""

from abc import ABC
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_optional,
)
from plainnet.initializers import Initializer, Zeros
from plainnet.kernels.correlation import (
    correlate,
    correlate_backward,
    correlate_backward_size,
    correlate_size,
    swap,
    transposed_correlate,
    transposed_correlate_backward,
    transposed_correlate_backward_size,
    transposed_correlate_size,
)
from plainnet.kernels.sliding import Pair, Window
from plainnet.layers.base import NO_GRADIENT, Array, Layer, Shape, expect_image
from plainnet.layers.convolution.sliding import (
    MOST_PIXELS,
    around,
    expect_places,
    pair,
    plain,
    require_padding,
)


@dataclass(frozen=True)
class PerGroup(Initializer):
    """The rule applied to each group separately: a group is a convolution in itself."""

    rule: Initializer
    groups: int

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        of_group = (shape[0] // self.groups, *shape[1:])
        return np.concatenate([self.rule(rng, of_group) for _ in range(self.groups)])


class _Convolution(Layer, ABC):
    """What all convolutions share: filters in groups, weights and biases."""

    W: Array
    b: Array
    dW: Array
    db: Array

    releases_arrays = True

    def _set(self, filters: int, groups: int, bias: bool, initializer: Initializer | None) -> None:
        self.filters = require_integer("filters", filters, at_least=1)
        self.groups = require_integer("groups", groups, at_least=1)
        if self.filters % self.groups:
            raise SettingError(
                f"filters must be a multiple of groups; got {filters} filters in {groups} groups"
            )
        require_optional("initializer", initializer, Initializer)
        self.bias = require_boolean("bias", bias)
        self.initializer = initializer

    def _declare(self, channels: int, kernel: Shape) -> None:
        if channels % self.groups:
            raise ShapeError(
                f"needs a number of channels that {self.groups} groups divide; got {channels}"
            )
        shape = (self.filters, *kernel, channels // self.groups)
        self.declare("W", shape, self.initializer, decays=True)
        if self.bias:
            self.declare("b", (self.filters,), Zeros())

    def suggest(self, following: Initializer) -> Initializer:
        below = super().suggest(following)
        W = self.declared["W"]
        if self.groups > 1 and W.initializer is not None:
            self.declared["W"] = replace(W, initializer=PerGroup(W.initializer, self.groups))
        return below

    def _biases(self) -> Array | None:
        return self.b if self.bias else None

    def _bias_gradients(self) -> Array | None:
        return self.db if self.bias else None


def _where(axis: int, result: str, latex: str, small: str, large: str) -> Formula:
    """1 where a cell of the kernel, at a place, meets this pixel; (cells, places, pixels)."""
    return Formula(
        result,
        f"arange(window.kernel[{axis}])[:, None, None] * window.dilation[{axis}]"
        f" + arange({small}_shape[{axis}])[:, None] * window.stride[{axis}]"
        f" - window.before[{axis}] == arange({large}_shape[{axis}])",
        latex,
    )


def _filtered(plain: str, latex: str) -> tuple[Formula, Formula]:
    """Z, with and without a bias."""
    with_bias = latex.replace("= ", "= b_f + ", 1)
    return (
        Formula("Z", f"{plain} + b", with_bias, when="bias"),
        Formula("Z", plain, latex, when="not bias"),
    )


_DB = Formula("db", "dZ.reshape(-1, len(b)).sum(axis=0)", r"db_f = \sum dZ_{\cdot f}", when="bias")
_DOWN_LATEX = r"D_{iyr} = [\,d i + s y - p = r\,]"
_ACROSS_LATEX = r"E_{jxs} = [\,d j + s x - p = s\,]"
_A, _DZ = (f"{name}.reshape(*{name}.shape[:3], groups, -1)" for name in ("A", "dZ"))
_W = "W.reshape(groups, -1, *W.shape[1:])"
_SEEN, _DZ1 = (f"{name}.reshape(*{name}.shape[:2], groups, -1)" for name in ("seen", "dZ"))


class Conv2d(_Convolution):
    """Every filter is a weighted sum of what lies under a kernel that slides over an image.

    For n pixels in a direction, the output has
    floor((n + zeros - dilation (kernel_size - 1) - 1) / stride) + 1.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, stride, dilation : int or (int, int)
        Down and across. With a dilation d the kernel looks at every d-th pixel.
    padding : "valid", "same", int, (int, int) or ((above, below), (left, right))
        Zeros around the image. "valid" adds none; "same" as many as give ceil(n / stride) outputs,
        the odd one below and to the right, as in TensorFlow and ONNX's SAME_UPPER.
    groups : int
        Channels and filters are split into this many groups, and each filter sees its own group's
        channels. As many groups as channels and filters make a depthwise convolution.
    bias : bool
        Whether there is a `b`.
    initializer : Initializer, optional
        For `W`; by default the one that suits the activation that follows. Each group starts as a
        separate convolution would.

    Tensors
    -------
    W : (filters, kernel height, kernel width, channels / groups), decays. PyTorch's weight, of
        shape (filters, channels / groups, height, width), is weight.transpose(0, 2, 3, 1) here.
    b : (filters,)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: str | int | Pair | tuple[Pair, Pair] = "valid",
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        self._set(filters, groups, bias, initializer)
        self.kernel_size, self.stride, self.dilation, self.padding = map(
            plain, (kernel_size, stride, dilation, padding)
        )
        self.window = _window(self.kernel_size, self.stride, self.dilation)
        require_padding(self.padding, "valid", "same")

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        height, width, channels = input_shape
        before, after = around(self.padding, self.window, (height, width))
        self.window = replace(self.window, before=before)
        self._declare(channels, self.window.kernel)
        return (*expect_places(self.window, (height, width), after), self.filters)

    formulas = Formulas(
        input="A",
        output="Z",
        forward=(
            _where(0, "down", _DOWN_LATEX, "output", "input"),
            _where(1, "across", _ACROSS_LATEX, "output", "input"),
            *_filtered(
                f"einsum('iyr,jxs,mrsgc,gfijc->myxgf', down, across, {_A}, {_W})"
                ".reshape(len(A), *output_shape)",
                r"Z_{yxf} = \sum_{ijc} W_{fijc} A_{(sy+di-p)(sx+dj-p)c}",
            ),
        ),
        backward=(
            Formula(
                "dW",
                f"einsum('iyr,jxs,mrsgc,myxgf->gfijc', down, across, {_A}, {_DZ}).reshape(W.shape)",
                r"dW_{fijc} = \sum_{yx} dZ_{yxf} A_{(sy+di-p)(sx+dj-p)c}",
            ),
            _DB,
            Formula(
                "dA",
                f"einsum('iyr,jxs,gfijc,myxgf->mrsgc', down, across, {_W}, {_DZ}).reshape(A.shape)",
                r"dA_{(sy+di-p)(sx+dj-p)c} \mathrel{+}= \sum_f W_{fijc} dZ_{yxf}",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        W, window, groups = self.W, self.window, self.groups
        Z = cache.array("Z", (len(A), *self.output_shape), A.dtype)
        size = correlate_size(A.shape, W.shape, window, groups, Z.shape, A.itemsize)
        work = cache.array("work", (size,), A.dtype)
        return correlate(A, W, self._biases(), window, groups, Z, work)

    def backward(self, dZ: Array, cache: Cache) -> Array:
        A, W, window, groups = cache["A"], self.W, self.window, self.groups
        dA = cache.array("dA", A.shape, dZ.dtype) if cache.needs_input_gradient else None
        size = correlate_backward_size(dZ.shape, A.shape, W.shape, window, groups, A.itemsize)
        work = cache.array("work", (size,), dZ.dtype)
        db = self._bias_gradients()
        correlate_backward(dZ, A, W, window, groups, self.dW, db, dA, work)
        return NO_GRADIENT if dA is None else dA


class ConvTranspose2d(_Convolution):
    """The transpose of a convolution: every pixel adds the kernel, times itself, to the output.

    A `Conv2d` with the same settings leads from this layer's output shape to its input shape. The
    two are linear maps, and as matrices each is the other's transpose, so that this forward pass is
    that layer's backward pass. For n pixels in a direction, the output has
    (n - 1) stride - zeros + dilation (kernel_size - 1) + 1 + output_padding.

    Parameters
    ----------
    filters, kernel_size, stride, dilation, groups, bias, initializer
        As in `Conv2d`.
    padding : "valid", "same", int, (int, int) or ((above, below), (left, right))
        The zeros of that convolution, which are cut off this output. "same" leaves n stride.
    output_padding : int or (int, int)
        Additional lines below and columns to the right, fewer than the stride or the dilation: a
        convolution with a stride maps images of several sizes to one.

    Tensors
    -------
    W : (filters, kernel height, kernel width, channels / groups), decays. PyTorch's weight, of
        shape (channels, filters, height, width), is weight.transpose(1, 2, 3, 0) here; with groups,
        that holds for each group's slice of channels.
    b : (filters,)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: str | int | Pair | tuple[Pair, Pair] = "valid",
        output_padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        self._set(filters, groups, bias, initializer)
        self.kernel_size, self.stride, self.dilation, self.padding, self.output_padding = map(
            plain, (kernel_size, stride, dilation, padding, output_padding)
        )
        self.window = _window(self.kernel_size, self.stride, self.dilation)
        require_padding(self.padding, "valid", "same")
        self._more = pair("output_padding", self.output_padding, at_least=0)
        larger = tuple(map(max, self.window.stride, self.window.dilation))
        if any(n >= most for n, most in zip(self._more, larger, strict=True)):
            raise SettingError(
                f"output_padding must be less than the stride or the dilation, {larger}; got "
                f"{output_padding!r}"
            )
        if self.padding == "same" and any(self._more):
            raise SettingError(f'padding="same" does not take output_padding; got {output_padding}')

    def build(self, input_shape: Shape) -> Shape:
        expect_image(input_shape)
        *size, channels = input_shape
        stride, span = self.window.stride, self.window.span
        same = size[0] * stride[0], size[1] * stride[1]
        before, after = around(self.padding, self.window, same)
        self.window = replace(self.window, before=before)
        full = [(n - 1) * s + k for n, s, k in zip(size, stride, span, strict=True)]
        output = same
        if self.padding != "same":
            height, width = (
                n - first - last + more
                for n, first, last, more in zip(full, before, after, self._more, strict=True)
            )
            output = height, width
        if min(output) < 1:
            raise ShapeError(
                f"has {tuple(full)} pixels, from an input of shape {input_shape}, and its padding "
                "cuts them all off"
            )
        self._declare(channels, self.window.kernel)
        return (*output, self.filters)

    formulas = Formulas(
        input="A",
        output="Z",
        forward=(
            _where(0, "down", _DOWN_LATEX, "input", "output"),
            _where(1, "across", _ACROSS_LATEX, "input", "output"),
            *_filtered(
                f"einsum('iyr,jxs,myxgc,gfijc->mrsgf', down, across, {_A}, {_W})"
                ".reshape(len(A), *output_shape)",
                r"Z_{rsf} = \sum_{yx} \sum_{ijc} D_{iyr} E_{jxs} W_{fijc} A_{yxc}",
            ),
        ),
        backward=(
            Formula(
                "dW",
                f"einsum('iyr,jxs,myxgc,mrsgf->gfijc', down, across, {_A}, {_DZ}).reshape(W.shape)",
                r"dW_{fijc} = \sum_{yx} A_{yxc} dZ_{(sy+di-p)(sx+dj-p)f}",
            ),
            _DB,
            Formula(
                "dA",
                f"einsum('iyr,jxs,gfijc,mrsgf->myxgc', down, across, {_W}, {_DZ}).reshape(A.shape)",
                r"dA_{yxc} = \sum_{ijf} W_{fijc} dZ_{(sy+di-p)(sx+dj-p)f}",
            ),
        ),
    )

    def forward(self, A: Array, cache: Cache) -> Array:
        cache["A"] = A
        window, groups = self.window, self.groups
        W = swap(self.W, groups, self._transposed("swapped", cache, A.dtype))
        Z = cache.array("Z", (len(A), *self.output_shape), A.dtype)
        size = transposed_correlate_size(A.shape, W.shape, window, groups, Z.shape, A.itemsize)
        work = cache.array("work", (size,), A.dtype)
        return transposed_correlate(A, W, self._biases(), window, groups, Z, work)

    def backward(self, dZ: Array, cache: Cache) -> Array:
        A, W, window, groups = cache["A"], cache["swapped"], self.window, self.groups
        dA = cache.array("dA", A.shape, dZ.dtype) if cache.needs_input_gradient else None
        dW = self._transposed("swapped_gradient", cache, dZ.dtype)
        size = transposed_correlate_backward_size(
            dZ.shape, A.shape, W.shape, window, groups, A.itemsize
        )
        work = cache.array("work", (size,), dZ.dtype)
        db = self._bias_gradients()
        transposed_correlate_backward(dZ, A, W, window, groups, dW, db, dA, work)
        swap(dW, groups, self.dW)
        return NO_GRADIENT if dA is None else dA

    def _transposed(self, name: str, cache: Cache, dtype: Any) -> Array:
        """Memory for the kernel of the convolution whose transpose this is."""
        kernel = (*self.window.kernel, self.filters // self.groups)
        return cache.array(name, (self.input_shape[-1], *kernel), dtype)


class Conv1d(_Convolution):
    """A kernel that slides along time: what `Conv2d` is to images.

    The length may be open. Masked steps count as zeros, so that a padded sequence gives the same as
    it does alone.

    Parameters
    ----------
    filters, kernel_size, stride, dilation : int
    padding : "valid", "same", "causal", int or (int, int)
        Zeros before and after the sequence. "causal" puts as many as "same" all before it, so that
        no output depends on a later step (van den Oord et al. 2016, WaveNet, section 2.1). With
        stride 1, a cache with `carry=True` then continues the sequences of the pass before.
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
            _where(0, "down", _DOWN_LATEX, "output", "input"),
            *_filtered(
                f"einsum('iyr,mrgc,gfic->mygf', down, {_SEEN}, {_W})"
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
            _DB,
            Formula(
                "dseen",
                f"einsum('iyr,gfic,mygf->mrgc', down, {_W}, {_DZ1}).reshape(A.shape)",
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


def _window(kernel_size: Any, stride: Any, dilation: Any) -> Window:
    return Window(
        pair("kernel_size", kernel_size), pair("stride", stride), pair("dilation", dilation)
    )
