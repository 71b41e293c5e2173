"""What must hold of every parser, whatever it is given.

`targets.py` has one function for each parser, which reads any bytes and asserts what must hold of the result;
`seeds.py` has good inputs to begin with. Two things run them: `test_properties.py` (Hypothesis, in the suite) and
`python -m tests.fuzz` (atheris, guided by coverage; `make fuzz`, see docs/developing.md).
"""
