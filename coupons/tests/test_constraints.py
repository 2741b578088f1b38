"""What the database itself refuses, whoever writes."""

from datetime import timedelta

import pytest
from django.db.models import F, ProtectedError

from coupons.models import Coupon, IssuedCoupon
from coupons.services import issue_coupon
from ecommerce.tests.expectations import database_refuses

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(coupon, member):
    return issue_coupon(coupon_id=coupon.pk, user_id=member.pk)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"issued_quantity": -1}, "coupon_issued_within_total"),
        ({"issued_quantity": 31}, "coupon_issued_within_total"),
        ({"total_quantity": -1}, "coupon_issued_within_total"),
        ({"issue_ends_at": F("issue_starts_at")}, "coupon_ends_after_start"),
        ({"discount_value": 0}, "coupon_discount_value"),
        ({"discount_value": -1}, "coupon_discount_value"),
        ({"discount_type": "percent", "discount_value": 0}, "coupon_discount_value"),
        ({"discount_type": "percent", "discount_value": 101}, "coupon_discount_value"),
        ({"discount_type": "free", "discount_value": 50}, "coupon_discount_value"),
        ({"max_discount": 0}, "coupon_max_discount_gte_1"),
        ({"min_order_amount": -1}, "coupon_min_order_gte_0"),
        ({"valid_days": 0}, "coupon_valid_days_gte_1"),
    ],
)
def test_a_campaign_cannot_contradict_itself(coupon, values, constraint):
    with database_refuses(constraint):
        Coupon.objects.filter(pk=coupon.pk).update(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"issued_quantity": 30},
        {"total_quantity": 0},
        {"discount_type": "percent", "discount_value": 100},
        {"discount_value": 1, "max_discount": 1},
        {"min_order_amount": 0, "valid_days": 1},
        {"issue_ends_at": F("issue_starts_at") + timedelta(microseconds=1)},
    ],
)
def test_a_campaign_may_go_to_its_bounds(coupon, values):
    assert Coupon.objects.filter(pk=coupon.pk).update(**values) == 1


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"issue_number": 0}, "issued_number_gte_1"),
        ({"expires_at": F("issued_at")}, "issued_expires_after_issue"),
        (
            {"used_at": F("issued_at"), "revoked_at": F("issued_at")},
            "issued_not_used_and_revoked",
        ),
    ],
)
def test_an_issued_coupon_cannot_contradict_itself(issued, values, constraint):
    with database_refuses(constraint):
        IssuedCoupon.objects.filter(pk=issued.pk).update(**values)


def test_a_member_cannot_hold_two_coupons_of_one_campaign(issued):
    issued.pk, issued.issue_number = None, 2

    with database_refuses(r"issued_one_per_member|issuedcoupon.coupon_id, \w+.user_id"):
        IssuedCoupon.objects.bulk_create([issued])


def test_two_coupons_of_one_campaign_cannot_have_one_number(issued, make_member):
    issued.pk, issued.user = None, make_member()

    with database_refuses(r"issued_number_uniq|issuedcoupon.coupon_id, \w+.issue_number"):
        IssuedCoupon.objects.bulk_create([issued])


def test_what_was_issued_cannot_be_deleted_with_its_campaign_or_member(issued, coupon, member):
    for holder in (coupon, member):
        with pytest.raises(ProtectedError):
            holder.delete()

    assert IssuedCoupon.objects.filter(pk=issued.pk, coupon=coupon, user=member).exists()
