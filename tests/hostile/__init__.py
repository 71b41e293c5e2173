"""Inputs made to be expensive, for every parser that reads what a user sends.

`inputs.py` makes them, `parsers.py` lists who reads them, `test_linear.py` holds the work to a straight line. The
benchmark (`python -m benchmarks.parsers`) times the same inputs at 5 MB, the fuzzers in `tests/fuzz` look for others.
"""
