"""Locking, redeeming and restoring issued coupons, within another service's transaction."""

from datetime import UTC, datetime, timedelta

import pytest

from coupons.errors import CouponNotUsable
from coupons.models import IssuedCoupon
from coupons.services import discount_with, lock_issued_coupons, redeem, restore, save_redemptions

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
EXPIRY = TEN_O_CLOCK + timedelta(days=30)
INSTANT = timedelta(microseconds=1)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def used_at(*coupons: IssuedCoupon):
    """When each of the coupons was used, as stored."""
    stored = IssuedCoupon.objects.in_bulk([issued.pk for issued in coupons])
    return [stored[issued.pk].used_at for issued in coupons]


def test_coupons_are_locked_with_their_terms(issue, django_assert_num_queries):
    first, second = issue(discount_value=1), issue(discount_value=2)

    with django_assert_num_queries(1):
        locked = lock_issued_coupons([second.pk, first.pk])
        assert [(pk, issued.terms.discount_value) for pk, issued in locked.items()] == [
            (first.pk, 1),
            (second.pk, 2),
        ]


def test_old_coupons_are_locked_with_their_campaigns_read(issue, django_assert_num_queries):
    old = [issue(discount_value=value) for value in (1, 2, 3)]
    IssuedCoupon.objects.update(discount_type=None, discount_value=None, min_order_amount=None)
    new = issue(discount_value=4)

    with django_assert_num_queries(2):
        locked = lock_issued_coupons([one.pk for one in (*old, new)])
        assert [issued.terms.discount_value for issued in locked.values()] == [1, 2, 3, 4]


def test_coupons_that_do_not_exist_are_not_among_the_locked(issue):
    issued = issue()

    assert list(lock_issued_coupons([issued.pk, issued.pk + 1, 0, -1, 2**63, 10**40])) == [
        issued.pk
    ]


@pytest.mark.parametrize("ids", [[], [0], [-1, 2**63]])
def test_no_query_is_asked_for_coupons_that_cannot_exist(db, django_assert_num_queries, ids):
    with django_assert_num_queries(0):
        assert lock_issued_coupons(ids) == {}


@pytest.mark.parametrize("count", [1, 3])
def test_redeeming_and_restoring_are_written_together(issue, count):
    coupons = [issue() for _ in range(count)]
    untouched = issue()

    locked = lock_issued_coupons([issued.pk for issued in coupons])
    for issued in locked.values():
        redeem(issued, TEN_O_CLOCK)
    assert used_at(*coupons) == [None] * count  # in memory only
    save_redemptions(locked.values())
    assert used_at(*coupons) == [TEN_O_CLOCK] * count

    for issued in locked.values():
        restore(issued)
    save_redemptions(locked.values())
    assert used_at(*coupons, untouched) == [None] * (count + 1)
    for issued in coupons:
        issued.refresh_from_db()
        assert issued.expires_at == EXPIRY


def test_saving_no_redemptions_asks_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        save_redemptions([])


def test_a_coupon_gives_its_discount_until_the_moment_of_its_expiry(issue):
    issued = issue(discount_value=700)

    assert discount_with(issued, subtotal=1_000, moment=EXPIRY - INSTANT) == 700
    with pytest.raises(CouponNotUsable):
        discount_with(issued, subtotal=1_000, moment=EXPIRY)


@pytest.mark.parametrize(("subtotal", "discount"), [(1_000, 700), (1_001, 700), (10**15, 700)])
def test_a_subtotal_of_the_minimum_is_enough(issue, subtotal, discount):
    issued = issue(discount_value=700, min_order_amount=1_000)

    assert discount_with(issued, subtotal=subtotal, moment=TEN_O_CLOCK) == discount


def test_a_subtotal_below_the_minimum_is_not_enough(issue):
    issued = issue(discount_value=700, min_order_amount=1_000)

    with pytest.raises(CouponNotUsable) as caught:
        discount_with(issued, subtotal=999, moment=TEN_O_CLOCK)

    (item,) = caught.value.items
    assert item.detail == "This coupon needs an order of at least 1000 won."


@pytest.mark.parametrize(
    ("mark", "detail"),
    [("used_at", "This coupon is used."), ("revoked_at", "This coupon is revoked.")],
)
def test_a_coupon_that_was_used_or_revoked_gives_no_discount(issue, mark, detail):
    issued = issue()
    setattr(issued, mark, TEN_O_CLOCK)

    with pytest.raises(CouponNotUsable) as caught:
        discount_with(issued, subtotal=1_000, moment=TEN_O_CLOCK)

    (item,) = caught.value.items
    assert item.detail == detail
