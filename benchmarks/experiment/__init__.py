"""The lock experiment: the same rush on one row under seven strategies, on three databases.

`make experiment` runs it and draws docs/img/experiment/; docs/concurrency.md tells what came out.
"""
