"""The common part of all convolutions: filters in groups, weights and biases, formulas."""

from abc import ABC
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plainnet.engine.formulas import Formula
from plainnet.errors import (
    SettingError,
    ShapeError,
    require_boolean,
    require_integer,
    require_optional,
)
from plainnet.initializers import Initializer, Zeros
from plainnet.kernels.sliding import Window
from plainnet.layers.base import Array, Layer, Shape
from plainnet.layers.convolution.sliding import pair


@dataclass(frozen=True)
class PerGroup(Initializer):
    """An initializer applied to each group separately, since each is a convolution in itself."""

    rule: Initializer
    groups: int

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        of_group = (shape[0] // self.groups, *shape[1:])
        return np.concatenate([self.rule(rng, of_group) for _ in range(self.groups)])


class Convolution(Layer, ABC):
    """The base of all convolutions: filters in groups, weights and biases."""

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
        asked_before = isinstance(W.initializer, PerGroup)  # at another place of a graph
        if self.groups > 1 and W.initializer is not None and not asked_before:
            self.declared["W"] = replace(W, initializer=PerGroup(W.initializer, self.groups))
        return below

    def _biases(self) -> Array | None:
        return self.b if self.bias else None

    def _bias_gradients(self) -> Array | None:
        return self.db if self.bias else None


def meeting(axis: int, result: str, latex: str, small: str, large: str) -> Formula:
    """1 where a cell of the kernel, at a place, covers a pixel; shape (cells, places, pixels)."""
    return Formula(
        result,
        f"arange(window.kernel[{axis}])[:, None, None] * window.dilation[{axis}]"
        f" + arange({small}_shape[{axis}])[:, None] * window.stride[{axis}]"
        f" - window.before[{axis}] == arange({large}_shape[{axis}])",
        latex,
    )


def filtered(plain: str, latex: str) -> tuple[Formula, Formula]:
    """Z, with and without a bias."""
    with_bias = latex.replace("= ", "= b_f + ", 1)
    return (
        Formula("Z", f"{plain} + b", with_bias, when="bias"),
        Formula("Z", plain, latex, when="not bias"),
    )


DB = Formula("db", "dZ.reshape(-1, len(b)).sum(axis=0)", r"db_f = \sum dZ_{\cdot f}", when="bias")
DOWN_LATEX = r"D_{iyr} = [\,d i + s y - p = r\,]"
ACROSS_LATEX = r"E_{jxs} = [\,d j + s x - p = s\,]"
W_BY_GROUP = "W.reshape(groups, -1, *W.shape[1:])"


def window_of(kernel_size: Any, stride: Any, dilation: Any) -> Window:
    """The window for these settings, each one number or two; padding comes later."""
    return Window(
        pair("kernel_size", kernel_size), pair("stride", stride), pair("dilation", dilation)
    )
