"""Prints the table: operator, its vectors, how many passed, and why the others did not run."""

import sys

from onnx_conformance.adapters import ADAPTERS
from onnx_conformance.table import render, run, run_converted

operators = sorted(ADAPTERS)
sys.stdout.write(render([run(operator) for operator in operators], run_converted()) + "\n")
