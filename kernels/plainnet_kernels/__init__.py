"""The compiled kernels of plainnet: functions of the names and arguments of `plainnet.kernels`.

plainnet finds them by itself. Each returns `NotImplemented`, and has written nothing, where an
argument is not contiguous float32, so that NumPy's form of the kernel can do it.
"""

from plainnet_kernels._kernels import instructions, kernels, use_threads, version

__version__ = version
__all__ = ["instructions", "kernels", "use_threads"]
