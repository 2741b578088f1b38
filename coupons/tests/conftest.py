"""Fixtures of the tests in which members hold coupons."""

from collections.abc import Callable
from typing import Any

import pytest

from coupons.models import Coupon, IssuedCoupon
from coupons.services import issue_coupon
from users.models import User


@pytest.fixture
def issue(make_coupon: Callable[..., Coupon], member: User) -> Callable[..., IssuedCoupon]:
    """Issues coupons to `member` (or to `to`), each of a campaign of its own, on these terms."""

    def make(*, to: User = member, **terms: Any) -> IssuedCoupon:
        return issue_coupon(coupon_id=make_coupon(**terms).pk, user_id=to.pk)

    return make
