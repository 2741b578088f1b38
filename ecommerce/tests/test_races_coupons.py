"""Everybody presses the button in the same second."""

from contextlib import suppress

import pytest
from django.db import IntegrityError

from coupons.errors import TotalBelowIssued
from coupons.models import IssuedCoupon
from coupons.services import change_coupon, issue_coupon
from ecommerce.tests.race_controls import without_locks
from ecommerce.tests.races import balance_of, order, post, race, send_at_once, summary, tally
from ecommerce.tests.threads import run_together
from orders.models import Order

pytestmark = pytest.mark.django_db(transaction=True)

DECISION = "coupons.services.issuing._decide"


def press(member, coupon):
    return post(member, f"coupons/{coupon.pk}/issue/")


def issue_numbers(coupon):
    numbers = IssuedCoupon.objects.filter(coupon=coupon).order_by("issue_number")
    return list(numbers.values_list("issue_number", flat=True))


@pytest.mark.usefixtures("batch_limit")
def test_forty_members_at_once_get_exactly_thirty_coupons(make_member, coupon):
    answers = race([press(make_member(), coupon) for _ in range(40)])
    assert tally(answers) == {"201": 30, "409 coupon_sold_out": 10}
    told = [answer.json()["issue_number"] for answer in answers if answer.status_code == 201]
    assert sorted(told) == issue_numbers(coupon) == list(range(1, 31))
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 30


def test_control_without_the_lock_one_of_forty_members_gets_a_coupon(make_member, coupon):
    with without_locks(DECISION, parties=40):
        answers = send_at_once([press(make_member(), coupon) for _ in range(40)])
    # All took number 1; that numbers are unique keeps 39 of them out, with an error.
    assert tally(answers) == {"201": 1, "500 error": 39}
    assert issue_numbers(coupon) == [1]


@pytest.mark.usefixtures("batch_limit")
def test_one_member_pressing_twenty_times_at_once_gets_one_coupon(member, coupon):
    answers = race([press(member, coupon)] * 20)
    assert tally(answers) == {"201": 1, "409 coupon_already_issued": 19}
    assert issue_numbers(coupon) == [1]
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 1


def test_control_without_the_lock_pressing_twenty_times_fails_nineteen_times(member, coupon):
    with without_locks(DECISION, parties=20):
        answers = send_at_once([press(member, coupon)] * 20)
    assert tally(answers) == {"201": 1, "500 error": 19}


@pytest.mark.usefixtures("batch_limit")
def test_lowering_the_total_while_members_press_never_leaves_it_below_what_is_issued(
    make_member, coupon
):
    def lower():
        with suppress(TotalBelowIssued):
            change_coupon(coupon_id=coupon.pk, total_quantity=10)

    answers = race([press(make_member(), coupon) for _ in range(20)], meanwhile=[lower])
    coupon.refresh_from_db()
    assert coupon.total_quantity in (10, 30)
    if coupon.total_quantity == 10:
        assert tally(answers) == {"201": 10, "409 coupon_sold_out": 10}
    else:  # more than 10 had one by then
        assert tally(answers) == {"201": 20}
    assert issue_numbers(coupon) == list(range(1, coupon.issued_quantity + 1))


def test_control_without_the_lock_a_total_is_lowered_below_what_is_issued(
    make_member, member, coupon
):
    issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)

    def lower():
        change_coupon(coupon_id=coupon.pk, total_quantity=1)

    with without_locks(DECISION, "coupons.models.Coupon.clean", parties=2):
        answer, refusal = run_together([press(member, coupon), lower])
    assert summary(answer) == "201"
    # The check had passed: only the constraint kept the total from 1.
    assert isinstance(refusal, IntegrityError)


@pytest.mark.usefixtures("batch_limit")
def test_one_coupon_in_two_orders_at_once_pays_for_one(member, coupon, product):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    answers = race([order(member, (product.pk, 2), coupon=issued.pk)] * 2)
    assert tally(answers) == {"201": 1, "409 coupon_not_usable": 1}
    assert Order.objects.get(status="paid").coupon_id == issued.pk
    assert balance_of(member) == 99_000


def test_control_without_the_lock_the_second_order_with_one_coupon_fails(member, coupon, product):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    with without_locks("orders.services.placing._decide", parties=2):
        answers = send_at_once([order(member, (product.pk, 2), coupon=issued.pk)] * 2)
    # Both found it usable: only that a coupon is unique among paid orders stopped the second.
    assert tally(answers) == {"201": 1, "500 error": 1}
