"""Clients that others' tools generate from the description, compiled and run: `make clients`."""
