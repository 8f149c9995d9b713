"""Without the onnx package, only the test module is collected, which says so and skips."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("onnx") else ["adapters/*", "table.py", "vectors.py"]
