"""The input and output vectors that the ONNX project wrote for its operators, through our layers.

They come with the `onnx` package: the node vectors are made when their module is imported, the
models converted from PyTorch lie beside it as files. An adapter per operator turns a node into a
layer of ours: it reshapes, transposes and slices, and writes weights into their places. What is
computed is computed by plainnet. `PYTHONPATH=tests python -m onnx_conformance` prints the table.
"""
