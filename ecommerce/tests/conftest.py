"""Fixtures of the tests of what all apps share."""

from typing import Any

import pytest

from ecommerce.tests.admin_acts import one_of_each  # noqa: F401


@pytest.fixture(params=[1, 64], ids=["alone", "in-batches"])
def batch_limit(request: Any, settings: Any) -> int:
    """Coupons and orders each in a transaction of its own, and then together with those who wait.

    The first shows that the database's locks are enough: they are all that there is between
    processes.
    """
    settings.GROUP_COMMIT_MAX_BATCH = request.param
    return settings.GROUP_COMMIT_MAX_BATCH
