"""Fuzzers: what comes in is damaged or replaced at random, and the answer has to be a clear one."""
