"""What a process remembers of campaigns that have nothing left, and for how long."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.response import Response

from common import remembered
from conftest import client_of
from coupons import sold_out
from coupons.models import Coupon
from coupons.services import change_coupon
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.race_controls import calling_before

pytestmark = pytest.mark.django_db(transaction=True)

SOLD_OUT = refused(409, "coupon_sold_out")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=clock))
    seconds = sold_out._memory._seconds
    monkeypatch.setattr(sold_out, "_memory", remembered.Memory(seconds=seconds))
    return clock


@pytest.fixture
def press(clock, make_member) -> Callable[[Coupon], Response]:
    """Has another member press the button of a campaign."""
    return lambda coupon: client_of(make_member()).post(f"/api/v1/coupons/{coupon.pk}/issue/")


def test_who_comes_once_all_are_gone_is_refused_without_asking_the_database(
    make_coupon, make_member, press
):
    coupon = make_coupon(total_quantity=1)
    assert press(coupon).status_code == 201
    latecomer = client_of(make_member())

    with CaptureQueriesContext(connection) as statements:
        answer = latecomer.post(f"/api/v1/coupons/{coupon.pk}/issue/")

    assert refusal(answer) == SOLD_OUT
    assert statements.captured_queries == []


def test_a_campaign_without_any_is_remembered_from_its_first_refusal_on(make_coupon, press):
    coupon = make_coupon(total_quantity=0)
    assert not sold_out.is_remembered(coupon.pk)

    assert refusal(press(coupon)) == SOLD_OUT

    assert sold_out.is_remembered(coupon.pk)


def test_a_total_raised_elsewhere_reopens_the_campaign_within_the_bound(
    make_coupon, press, clock, settings
):
    settings.SOLD_OUT_MEMORY_SECONDS = 1.0
    coupon = make_coupon(total_quantity=1)
    press(coupon)
    Coupon.objects.filter(pk=coupon.pk).update(total_quantity=2)  # as another process would

    clock.now += 0.999
    with nothing_changes(but=["users"]):
        assert refusal(press(coupon)) == SOLD_OUT
    clock.now += 0.001
    answer = press(coupon)

    assert (answer.status_code, answer.json()["issue_number"]) == (201, 2)


def test_a_total_raised_in_this_process_reopens_the_campaign_at_once(make_coupon, press):
    coupon = make_coupon(total_quantity=1)
    press(coupon)

    change_coupon(coupon_id=coupon.pk, total_quantity=2)

    assert press(coupon).status_code == 201
    assert refusal(press(coupon)) == SOLD_OUT


def test_a_total_raised_between_a_batchs_commit_and_its_memory_is_not_missed(make_coupon, press):
    coupon = make_coupon(total_quantity=1)
    raise_total = partial(change_coupon, coupon_id=coupon.pk, total_quantity=2)
    with calling_before("coupons.sold_out.remember", raise_total):
        press(coupon)

    assert press(coupon).status_code == 201


def test_the_bound_counts_from_the_lock_however_late_it_is_remembered(
    make_coupon, press, clock, settings
):
    settings.SOLD_OUT_MEMORY_SECONDS = 1.0
    coupon = make_coupon(total_quantity=1)

    def later():
        clock.now += 1.0

    with calling_before("coupons.sold_out.remember", later):
        assert press(coupon).status_code == 201

    assert not sold_out.is_remembered(coupon.pk)


def test_campaigns_are_remembered_each_by_itself(make_coupon, press):
    gone, there = make_coupon(total_quantity=0), make_coupon()
    press(gone)

    assert press(there).status_code == 201
    assert refusal(press(gone)) == SOLD_OUT


def test_with_a_memory_of_no_time_the_database_is_always_asked(make_coupon, press, settings):
    settings.SOLD_OUT_MEMORY_SECONDS = 0.0
    coupon = make_coupon(total_quantity=1)
    press(coupon)
    Coupon.objects.filter(pk=coupon.pk).update(total_quantity=2)

    assert press(coupon).status_code == 201


def test_a_campaign_that_is_not_open_is_not_remembered_as_sold_out(make_coupon, press):
    tomorrow = timezone.now() + timedelta(days=1)
    coupon = make_coupon(
        total_quantity=0, issue_starts_at=tomorrow, issue_ends_at=tomorrow + timedelta(hours=1)
    )

    assert refusal(press(coupon)) == refused(409, "coupon_not_open")
    assert not sold_out.is_remembered(coupon.pk)


def test_what_an_outer_transaction_may_still_undo_is_not_remembered(make_coupon, clock):
    coupon = make_coupon(total_quantity=0)
    with transaction.atomic():
        sold_out.remember(coupon.pk, seen_at=clock())

    assert not sold_out.is_remembered(coupon.pk)


def test_a_holder_who_asks_again_later_hears_that_they_are_gone(make_coupon, client, press, clock):
    coupon = make_coupon(total_quantity=2)
    url = f"/api/v1/coupons/{coupon.pk}/issue/"
    client.post(url)
    assert refusal(client.post(url)) == refused(409, "coupon_already_issued")

    press(coupon)

    assert refusal(client.post(url)) == SOLD_OUT
    clock.now += 1.0
    assert refusal(client.post(url)) == refused(409, "coupon_already_issued")
