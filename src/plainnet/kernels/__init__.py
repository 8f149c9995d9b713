"""The hot primitives as pure functions on arrays, each backward directly below its forward.

A kernel takes its inputs first and its outputs last, and writes into its outputs only. It knows no
layer and no cache, and allocates nothing in proportion to its arrays: scratch memory is handed in
behind the outputs and marked as such, and what it holds before and after means nothing.

All floats of a call have one dtype. The shape of each array stands at the end of its line, where
"..." are any axes; (m, T) are examples and steps. An output that may be None is left out where
nobody reads it: the gradient of an input below which nothing learns, or of a bias that is not
there. A kernel with one output returns it, as NumPy's functions return `out`.

What is here is NumPy, to be read. For a kernel marked as `twin`, a compiled function of the same
name and arguments stands in where plainnet-kernels is installed; see `use` and `info`.
"""

from plainnet.kernels.compiled import Info, info, use

__all__ = ["Info", "info", "use"]
