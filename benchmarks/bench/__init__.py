"""`make bench`: what the shop's endpoints do in a second, measured from outside.

docs/benchmarks/README.md says how to run it and how to read it.
"""
