"""Networks with one planted fault each, and healthy ones, for `benchmarks/doctor.py`."""
