"""Filling a shop: the demo shop of a first run, and any number of rows for tests of load.

Rows are dated back, which the services do not offer, and written in bulk, past the models. What a
transaction writes is sound by itself (`manage.py audit`), so that a run may break off anywhere.
"""
