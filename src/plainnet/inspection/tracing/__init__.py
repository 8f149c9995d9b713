"""Traces: every number of a pass, in its formula.

A trace is one pass over a few examples: forward, loss, backward, and the update by an optimizer.
Its arrays are recorded; how a number is computed from others is derived from the formulas of the
layers when it is asked for.

    networks.py   trace(), the door          trace.py    Trace and its steps
    lines.py      how one number is made     links.py    from part to part
    parts.py      layers, losses, updates    memory.py   by the addresses of numbers
    terms.py      down a formula             uses.py     and up
    reading.py    its values and shapes      writing.py  as it is printed
    updates.py    what an optimizer does     printing.py as a whole
    derivation.py from loss to weight        json_form.py  for programs
    html.py       for notebooks and pages    terminal.py   in colour
"""

from plainnet.inspection.tracing.derivation import Derivation
from plainnet.inspection.tracing.json_form import schema as trace_schema
from plainnet.inspection.tracing.lines import Line
from plainnet.inspection.tracing.networks import trace
from plainnet.inspection.tracing.trace import Step, Trace

__all__ = ["Derivation", "Line", "Step", "Trace", "trace", "trace_schema"]
