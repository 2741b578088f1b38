"""Many requests want to move the same member's money in the same moment."""

import pytest

from ecommerce.tests.race_controls import without_locks
from ecommerce.tests.races import (
    balance_of,
    charge,
    ledger_of,
    order,
    post,
    race,
    send_at_once,
    tally,
    unsound,
)
from orders.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def saver(make_member):
    """A member with money for ten pieces, and a half."""
    return make_member(balance=10_500)


@pytest.mark.usefixtures("batch_limit")
def test_twenty_charges_at_once_all_count(member):
    amounts = list(range(1, 21))
    answers = race([charge(member, amount) for amount in amounts])
    assert tally(answers) == {"201": 20}
    assert balance_of(member) == 100_000 + sum(amounts)
    ledger = ledger_of(member)
    assert sorted(amount for _, amount, _ in ledger[1:]) == amounts
    running = 0
    for _, amount, balance_after in ledger:
        running += amount
        assert balance_after == running


def test_control_without_the_lock_charges_are_lost(member):
    with without_locks("users.services.wallets.credit", parties=20):
        answers = send_at_once([charge(member, amount) for amount in range(1, 21)])
    assert tally(answers) == {"201": 20}
    assert [after for _, _, after in ledger_of(member)[1:]] == list(range(100_001, 100_021))
    assert balance_of(member) == 100_020
    assert unsound() == {"wallets"}


@pytest.mark.usefixtures("batch_limit")
def test_twenty_orders_of_one_member_at_once_never_overdraw(saver, make_product):
    product = make_product(price=1_000, stock=100)
    answers = race([order(saver, (product.pk, 1)) for _ in range(20)])
    assert tally(answers) == {"201": 10, "409 insufficient_balance": 10}
    assert balance_of(saver) == 500
    assert [after for _, _, after in ledger_of(saver)] == list(range(10_500, 0, -1_000))
    product.refresh_from_db()
    assert product.stock == 90


def test_control_without_the_lock_orders_spend_the_same_money(saver, make_product):
    product = make_product(price=1_000, stock=100)
    with without_locks("orders.services.placing._decide", parties=20):
        answers = send_at_once([order(saver, (product.pk, 1)) for _ in range(20)])
    assert tally(answers) == {"201": 20}
    assert Order.objects.filter(status="paid").count() == 20
    assert balance_of(saver) == 9_500
    assert unsound() == {"wallets", "products"}


@pytest.mark.usefixtures("batch_limit")
def test_charges_orders_and_cancellations_of_one_member_at_once_all_count(member, make_product):
    product = make_product(price=700, stock=50)
    earlier = [order(member, (product.pk, 1))().json()["id"] for _ in range(8)]
    answers = race(
        [
            request
            for order_id in earlier
            for request in (
                charge(member, 1_000),
                order(member, (product.pk, 2)),
                post(member, f"orders/{order_id}/cancel/"),
            )
        ]
    )
    assert tally(answers) == {"201": 16, "200": 8}
    assert balance_of(member) == 100_000 + 8 * (-700 + 1_000 - 1_400 + 700)
    product.refresh_from_db()
    assert product.stock == 50 + 8 * (-1 - 2 + 1)


def test_control_without_the_lock_a_cancellation_undoes_a_charge_and_an_order(member, make_product):
    product = make_product(price=700, stock=50)
    order_id = order(member, (product.pk, 1))().json()["id"]
    stops = (
        "users.services.wallets.credit",
        "orders.services.placing._decide",
        "orders.services.cancelling._cancel",
    )
    with without_locks(*stops, parties=3):
        answers = send_at_once(
            [
                charge(member, 1_000),
                order(member, (product.pk, 2)),
                post(member, f"orders/{order_id}/cancel/"),
            ]
        )
    assert tally(answers) == {"201": 2, "200": 1}
    assert balance_of(member) == 100_000  # as before them all: neither charged nor paid
    assert unsound() == {"wallets", "products"}
