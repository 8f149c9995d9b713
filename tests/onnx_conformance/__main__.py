"""Prints the table: operator, its vectors, how many passed, and why the others did not run."""

import sys

from onnx_conformance.adapters import ADAPTERS
from onnx_conformance.table import render, render_models, run

operators = sorted(ADAPTERS)
sys.stdout.write(render([run(operator) for operator in operators]) + "\n")
sys.stdout.write(render_models() + "\n")
