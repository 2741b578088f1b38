"""What campaigns and coupons know of themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from coupons.models import Coupon, IssuedCoupon

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def campaign(**terms) -> Coupon:
    """A campaign that contradicts nothing, and was never saved."""
    sound = {
        "name": "가을맞이 쿠폰",
        "discount_type": "fixed",
        "discount_value": 1_000,
        "total_quantity": 30,
        "issue_starts_at": TEN_O_CLOCK,
        "issue_ends_at": TEN_O_CLOCK + HOUR,
    }
    return Coupon(**(sound | terms))


def test_a_sound_campaign_is_clean():
    campaign().clean()
    campaign(discount_type="percent", discount_value=100, max_discount=1).clean()
    campaign(total_quantity=3, issued_quantity=3).clean()


@pytest.mark.parametrize(
    ("terms", "messages"),
    [
        (
            {"discount_type": "percent", "discount_value": 101},
            {"discount_value": ["A percentage is at most 100."]},
        ),
        ({"max_discount": 500}, {"max_discount": ["Only a percentage can be capped."]}),
        ({"issue_ends_at": TEN_O_CLOCK}, {"issue_ends_at": ["It must end after it starts."]}),
        (
            {"total_quantity": 4, "issued_quantity": 5},
            {"total_quantity": ["5 are issued already."]},
        ),
        (
            {"max_discount": 500, "issue_ends_at": TEN_O_CLOCK - HOUR},
            {
                "max_discount": ["Only a percentage can be capped."],
                "issue_ends_at": ["It must end after it starts."],
            },
        ),
    ],
)
def test_a_campaign_says_at_each_field_what_it_contradicts(terms, messages):
    with pytest.raises(ValidationError) as caught:
        campaign(**terms).clean()

    assert caught.value.message_dict == messages


def test_what_is_missing_is_left_for_the_fields_to_complain_about():
    campaign(
        discount_type="percent",
        discount_value=None,
        total_quantity=None,
        issue_starts_at=None,
        issue_ends_at=None,
    ).clean()


@pytest.mark.parametrize(
    ("subtotal", "terms", "discount"),
    [
        (10_000, {"discount_value": 1_000}, 1_000),
        (999, {"discount_value": 1_000}, 999),
        (0, {"discount_value": 1_000}, 0),
        (10_000, {"discount_type": "percent", "discount_value": 10}, 1_000),
        (9_999, {"discount_type": "percent", "discount_value": 10}, 999),
        (9, {"discount_type": "percent", "discount_value": 10}, 0),
        (9_999, {"discount_type": "percent", "discount_value": 100}, 9_999),
        (9_999, {"discount_type": "percent", "discount_value": 10, "max_discount": 998}, 998),
        (9_999, {"discount_type": "percent", "discount_value": 10, "max_discount": 999}, 999),
        (9_999, {"discount_type": "percent", "discount_value": 10, "max_discount": 1_000}, 999),
        (50, {"discount_type": "percent", "discount_value": 100, "max_discount": 100}, 50),
        # No float has these digits.
        (
            90_071_992_547_409_931,
            {"discount_type": "percent", "discount_value": 99},
            89_171_272_621_935_831,
        ),
    ],
)
def test_a_discount_is_rounded_down_capped_and_never_more_than_the_subtotal(
    subtotal, terms, discount
):
    assert campaign(**terms).discount_on(subtotal) == discount


@pytest.mark.parametrize(
    ("marks", "before_expiry", "from_expiry"),
    [
        ({}, "usable", "expired"),
        ({"used_at": TEN_O_CLOCK}, "used", "used"),
        ({"revoked_at": TEN_O_CLOCK}, "revoked", "revoked"),
    ],
)
def test_a_coupon_that_was_used_or_revoked_does_not_expire(marks, before_expiry, from_expiry):
    issued = IssuedCoupon(issued_at=TEN_O_CLOCK, expires_at=TEN_O_CLOCK + HOUR, **marks)

    assert issued.status_at(TEN_O_CLOCK + HOUR - timedelta(microseconds=1)) == before_expiry
    assert issued.status_at(TEN_O_CLOCK + HOUR) == from_expiry


def test_campaigns_and_coupons_are_readable():
    assert str(campaign()) == "가을맞이 쿠폰"
    assert str(IssuedCoupon(coupon=campaign(), issue_number=7)) == "가을맞이 쿠폰 #7"
