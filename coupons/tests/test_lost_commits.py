"""Commits whose answer was lost: what was done is found again and done once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from coupons.models import Coupon, IssuedCoupon
from coupons.services import (
    change_coupon,
    close_coupon_now,
    issue_coupon,
    open_coupon_now,
    revoke_issued_coupon,
)
from ecommerce.tests.expectations import refusal
from ecommerce.tests.lost_commits import lost_commits

pytestmark = pytest.mark.django_db(transaction=True)

happened_or_not = pytest.mark.parametrize("happened", [True, False])


@happened_or_not
def test_the_last_coupon_is_issued_once(client, member, make_coupon, happened):
    coupon = make_coupon(total_quantity=1)

    with lost_commits(happened=happened):
        answer = client.post(f"/api/v1/coupons/{coupon.pk}/issue/")

    issued = IssuedCoupon.objects.get()
    assert answer.status_code == 201
    assert (answer.json()["id"], answer.json()["issue_number"]) == (issued.pk, 1)
    assert (issued.coupon_id, issued.user_id, issued.issue_number) == (coupon.pk, member.pk, 1)
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 1


def test_an_answer_that_is_lost_again_and_again_is_said_to_be_unknown(client, coupon):
    with lost_commits(happened=True, times=3):
        answer = client.post(f"/api/v1/coupons/{coupon.pk}/issue/")

    assert refusal(answer) == (503, "server_error", [("outcome_unknown", None)])
    assert answer["Retry-After"] == "5"
    assert IssuedCoupon.objects.count() == 1


@happened_or_not
def test_a_campaign_is_created_once(db, make_coupon, happened):
    with lost_commits(happened=happened):
        coupon = make_coupon(name="한 번만")

    assert Coupon.objects.get() == coupon
    assert coupon.name == "한 번만"


@happened_or_not
def test_a_campaign_is_changed_once(coupon, happened):
    with lost_commits(happened=happened):
        changed = change_coupon(coupon_id=coupon.pk, total_quantity=7)

    coupon.refresh_from_db()
    assert changed.total_quantity == coupon.total_quantity == 7


@happened_or_not
def test_a_campaign_is_opened_and_closed_once(make_coupon, happened):
    tomorrow = timezone.now() + timedelta(days=1)
    coupon = make_coupon(issue_starts_at=tomorrow, issue_ends_at=tomorrow + timedelta(days=1))

    with lost_commits(happened=happened):
        opened = open_coupon_now(coupon_id=coupon.pk)
    assert opened.is_open
    with lost_commits(happened=happened):
        closed = close_coupon_now(coupon_id=coupon.pk)

    coupon.refresh_from_db()
    assert not coupon.is_open
    assert coupon.issue_starts_at == opened.issue_starts_at
    assert coupon.issue_ends_at == closed.issue_ends_at


@happened_or_not
def test_a_coupon_is_revoked_once(coupon, member, happened):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)

    with lost_commits(happened=happened):
        revoked = revoke_issued_coupon(issued_id=issued.pk)

    issued.refresh_from_db()
    assert revoked.revoked_at == issued.revoked_at is not None
