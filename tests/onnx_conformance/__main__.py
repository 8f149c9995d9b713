"""Prints the table: operator, its vectors, how many passed, and why the others did not run."""

import sys

from onnx_conformance.adapters import ADAPTERS
from onnx_conformance.left_out import WHOLE_OPERATORS
from onnx_conformance.table import render, run

operators = sorted([*ADAPTERS, *WHOLE_OPERATORS])
sys.stdout.write(render([run(operator) for operator in operators]) + "\n")
