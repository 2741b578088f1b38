"""Coupons and orders that arrive together: one transaction, in the order of arrival."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from unittest import mock

import pytest

from common.errors import Busy
from coupons.models import IssuedCoupon
from ecommerce.tests.arrivals import WAIT_SECONDS, Arrivals, watched_arrivals
from ecommerce.tests.expectations import nothing_changes, refusal
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.race_controls import calling_before
from ecommerce.tests.races import assert_sound, order, post, race, send_at_once, summary, tally
from ecommerce.tests.threads import run_together
from orders.models import Order
from orders.services import DraftLine, OrderDraft, place_order

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE_A_BATCH_IS_CLOSED = {
    "coupons": "coupons.services.issuing.lock_coupon",  # in each attempt
    "orders": "common.db.batches.close_old_connections",  # before the first
}


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with watched_arrivals() as seen:
        yield seen


@contextmanager
def together(what: str, arrivals: Arrivals, count: int) -> Iterator[mock.Mock]:
    """The first to come from now on waits, before its batch is closed, until `count` have come.

    Yields a mock that is called there: for coupons in each transaction, for orders in each batch.
    """
    arrivals.requests.clear()  # money that was charged to prepare the test
    runs = mock.Mock(side_effect=lambda: arrivals.wait_for(count))
    with calling_before(BEFORE_A_BATCH_IS_CLOSED[what], runs):
        yield runs


def press(member, coupon):
    return post(member, f"coupons/{coupon.pk}/issue/")


def holders(coupon):
    """Who has a coupon, in the order of their numbers."""
    return list(coupon.issued.order_by("issue_number").values_list("user_id", flat=True))


def asked(arrivals):
    """The members who asked for a coupon, in the order of their arrival."""
    return [request.user_id for request in arrivals.requests]


# --- Coupons ------------------------------------------------------------------------------------


def test_issue_numbers_are_the_order_of_arrival(make_member, make_coupon, arrivals):
    coupon = make_coupon(total_quantity=50)
    answers = race([press(make_member(), coupon) for _ in range(60)])

    assert tally(answers) == {"201": 50, "409 coupon_sold_out": 10}
    assert holders(coupon) == asked(arrivals)[:50]


def test_all_who_came_while_the_first_waited_for_the_lock_share_its_transaction(
    make_member, coupon, arrivals
):
    with together("coupons", arrivals, 40) as transactions:
        answers = race([press(make_member(), coupon) for _ in range(40)])

    assert tally(answers) == {"201": 30, "409 coupon_sold_out": 10}
    assert holders(coupon) == asked(arrivals)[:30]
    assert transactions.call_count == 1


def test_each_of_a_batch_gets_the_coupon_that_is_stored(make_member, coupon, arrivals):
    members = [make_member() for _ in range(5)]
    with together("coupons", arrivals, 5):
        answers = race([press(member, coupon) for member in members])

    for member, answer in zip(members, answers, strict=True):
        issued = IssuedCoupon.objects.get(user=member)
        assert (answer.json()["id"], answer.json()["issue_number"]) == (
            issued.pk,
            issued.issue_number,
        )


@pytest.mark.parametrize("happened", [True, False])
def test_a_batch_whose_commit_was_lost_is_issued_once(make_member, coupon, arrivals, happened):
    with together("coupons", arrivals, 10) as transactions, lost_commits(happened=happened):
        answers = race([press(make_member(), coupon) for _ in range(10)])

    assert tally(answers) == {"201": 10}
    assert holders(coupon) == asked(arrivals)
    assert transactions.call_count == (2 if happened else 3)  # to find again, and to issue


def test_a_batch_that_cannot_be_settled_tells_everybody_that_the_outcome_is_unknown(
    make_member, coupon, arrivals
):
    requests = [press(make_member(), coupon) for _ in range(5)]
    with together("coupons", arrivals, 5), lost_commits(happened=True, times=3):
        answers = send_at_once(requests)

    assert tally(answers) == {"503 outcome_unknown": 5}
    assert holders(coupon) == asked(arrivals)
    again = send_at_once(requests)
    assert tally(again) == {"409 coupon_already_issued": 5}
    assert_sound()


def test_who_cannot_be_served_in_time_is_told_that_the_shop_is_busy(
    make_member, member, coupon, arrivals, settings
):
    let_go = Event()
    wait_seconds = settings.GROUP_COMMIT_WAIT_SECONDS
    arrivals.requests.clear()
    with calling_before("coupons.services.issuing.lock_coupon", lambda: let_go.wait(WAIT_SECONDS)):

        def come_late():
            arrivals.wait_for(1)
            settings.GROUP_COMMIT_WAIT_SECONDS = 0.01
            try:
                with nothing_changes():
                    return press(member, coupon)()
            finally:
                let_go.set()

        first, late = send_at_once([press(make_member(), coupon), come_late])

    assert first.status_code == 201
    assert refusal(late) == (503, "server_error", [("busy", None)])
    assert late["Retry-After"] == str(Busy.retry_after)
    settings.GROUP_COMMIT_WAIT_SECONDS = wait_seconds
    assert press(member, coupon)().json()["issue_number"] == 2


# --- Orders -------------------------------------------------------------------------------------


def test_pieces_go_to_those_who_came_first(make_member, product, arrivals):
    requests = [order(make_member(balance=1_000), (product.pk, 1)) for _ in range(12)]
    with together("orders", arrivals, 12) as batches:
        answers = race(requests)

    assert tally(answers) == {"201": 10, "409 out_of_stock": 2}
    buyers = list(Order.objects.order_by("id").values_list("user_id", flat=True))
    assert buyers == [draft.user_id for draft in arrivals.requests[:10]]
    assert batches.call_count == 1


def test_a_refused_order_leaves_the_others_of_its_batch_alone(
    make_member, product, make_product, arrivals
):
    poor, rich = make_member(balance=999), make_member(balance=5_000)
    gone = make_product(stock=0)
    with together("orders", arrivals, 4):
        answers = race(
            [
                order(poor, (product.pk, 1)),
                order(rich, (product.pk, 5)),
                order(make_member(), (gone.pk, 1)),
                order(make_member(), (product.pk + 1_000_000, 1)),
            ]
        )

    assert [summary(answer) for answer in answers] == [
        "409 insufficient_balance",
        "201",
        "409 out_of_stock",
        "400 does_not_exist",
    ]
    product.refresh_from_db()
    assert product.stock == 5


@pytest.mark.parametrize("happened", [True, False])
def test_a_batch_of_orders_whose_commit_was_lost_is_placed_once(
    make_member, product, arrivals, happened
):
    requests = [order(make_member(balance=1_000), (product.pk, 1)) for _ in range(8)]
    with together("orders", arrivals, 8) as batches, lost_commits(happened=happened):
        answers = race(requests)

    assert tally(answers) == {"201": 8}
    numbers = sorted(answer.json()["number"] for answer in answers)
    assert numbers == sorted(Order.objects.values_list("number", flat=True))
    assert batches.call_count == 1


def test_one_key_twice_in_a_batch_acts_once(member, product, arrivals):
    with together("orders", arrivals, 2):
        answers = race([order(member, (product.pk, 1), key="one-press")] * 2)

    assert tally(answers) == {"201": 2}
    assert {answer.json()["id"] for answer in answers} == {Order.objects.get().pk}
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None, "true"]


def test_a_row_that_the_database_refuses_harms_no_other_of_its_batch(
    make_member, product, arrivals
):
    lines = (DraftLine(product.pk, 1),)
    members = [make_member(balance=1_000) for _ in range(3)]
    # Two of one number, which cannot happen by chance: the batch cannot be written as it is.
    drafts = [
        OrderDraft(user_id=member.pk, lines=lines, number=number)
        for member, number in zip(members, ["ORD-1", "ORD-1", "ORD-2"], strict=True)
    ]
    with together("orders", arrivals, 3) as batches:
        outcomes = run_together([lambda draft=draft: place_order(draft) for draft in drafts])

    failed = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [type(error).__name__ for error in failed] == ["IntegrityError"]
    assert sorted(Order.objects.values_list("number", flat=True)) == ["ORD-1", "ORD-2"]
    product.refresh_from_db()
    assert product.stock == 8
    assert batches.call_count == 1 + 3  # together, and then each by itself
    assert_sound()
