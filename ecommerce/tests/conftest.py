"""Fixtures of the tests of what all apps share."""

from ecommerce.tests.openapi import every_answer_is_described  # noqa: F401
