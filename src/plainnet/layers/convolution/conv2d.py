"""Convolution over images, and its transpose."""

from dataclasses import replace
from typing import Any

from plainnet.engine.cache import Cache
from plainnet.engine.formulas import Formula, Formulas
from plainnet.errors import SettingError, ShapeError
from plainnet.initializers import Initializer
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
from plainnet.kernels.sliding import Pair
from plainnet.layers.base import NO_GRADIENT, Array, Shape, expect_image
from plainnet.layers.convolution.filters import (
    ACROSS_LATEX,
    DB,
    DOWN_LATEX,
    W_BY_GROUP,
    Convolution,
    filtered,
    meeting,
    window_of,
)
from plainnet.layers.convolution.sliding import around, expect_places, pair, plain, require_padding

_A, _DZ = (f"{name}.reshape(*{name}.shape[:3], groups, -1)" for name in ("A", "dZ"))


class Conv2d(Convolution):
    """Convolution: weighted sums of the pixels under a kernel that slides over an image.

    For n pixels along an axis, the output has
    floor((n + zeros - dilation (kernel_size - 1) - 1) / stride) + 1.

    Parameters
    ----------
    filters : int
        Channels of the output.
    kernel_size, stride, dilation : int or (int, int)
        One number, or one down and one across. With dilation d, the kernel covers every d-th pixel.
    padding : "valid", "same", int, (int, int) or ((above, below), (left, right))
        Zeros around the image. "valid" adds none; "same" adds as many as give ceil(n / stride)
        outputs, with an odd one below and to the right, as in TensorFlow and ONNX's SAME_UPPER.
    groups : int
        Channels and filters are split into this many groups, and each filter sees only its own
        group's channels. With as many groups as channels and filters, this is a depthwise
        convolution.
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
        self.window = window_of(self.kernel_size, self.stride, self.dilation)
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
            meeting(0, "down", DOWN_LATEX, "output", "input"),
            meeting(1, "across", ACROSS_LATEX, "output", "input"),
            *filtered(
                f"einsum('iyr,jxs,mrsgc,gfijc->myxgf', down, across, {_A}, {W_BY_GROUP})"
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
            DB,
            Formula(
                "dA",
                f"einsum('iyr,jxs,gfijc,myxgf->mrsgc', down, across, {W_BY_GROUP}, {_DZ})"
                ".reshape(A.shape)",
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


class ConvTranspose2d(Convolution):
    """Transposed convolution: every pixel adds the kernel, multiplied by it, to the output.

    A `Conv2d` with the same settings maps this layer's output shape to its input shape. As matrices
    the two linear maps are each other's transposes, so that this layer's forward pass is the
    other's backward pass. For n pixels along an axis, the output has
    (n - 1) stride - zeros + dilation (kernel_size - 1) + 1 + output_padding.

    Parameters
    ----------
    filters, kernel_size, stride, dilation, groups, bias, initializer
        As in `Conv2d`.
    padding : "valid", "same", int, (int, int) or ((above, below), (left, right))
        The zeros of that convolution, which are cut off this output. "same" leaves n stride pixels.
    output_padding : int or (int, int)
        Additional rows below and columns to the right, fewer than the stride or the dilation. They
        select the output size, since a convolution with a stride maps several sizes to one.

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
        self.window = window_of(self.kernel_size, self.stride, self.dilation)
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
            meeting(0, "down", DOWN_LATEX, "input", "output"),
            meeting(1, "across", ACROSS_LATEX, "input", "output"),
            *filtered(
                f"einsum('iyr,jxs,myxgc,gfijc->mrsgf', down, across, {_A}, {W_BY_GROUP})"
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
            DB,
            Formula(
                "dA",
                f"einsum('iyr,jxs,gfijc,mrsgf->myxgc', down, across, {W_BY_GROUP}, {_DZ})"
                ".reshape(A.shape)",
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
