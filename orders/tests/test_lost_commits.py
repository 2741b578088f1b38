"""Commits whose answer was lost: the order is found by its number, or placed after all."""

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal
from ecommerce.tests.lost_commits import lost_commits
from orders.models import Order
from orders.tests.conftest import URL, buy
from users.models import Wallet, WalletTransaction

pytestmark = pytest.mark.django_db(transaction=True)

happened_or_not = pytest.mark.parametrize("happened", [True, False])


def moves_of(number):
    """The ledger's entries for an order, oldest first."""
    entries = WalletTransaction.objects.filter(reference=number).order_by("id")
    return list(entries.values_list("kind", "amount", "balance_after"))


@happened_or_not
@pytest.mark.parametrize("key", [None, "order-1"])
def test_an_order_for_all_that_is_left_is_placed_once(make_member, product, issue, happened, key):
    member = make_member(balance=9_000)
    issued = issue(to=member)

    with lost_commits(happened=happened):
        answer = buy(client_of(member), (product.pk, 10), coupon=issued.pk, key=key)

    order = Order.objects.get()
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert answer.json() == client_of(member).get(f"{URL}{order.pk}/").json()
    assert (answer.json()["number"], answer.json()["total"]) == (order.number, 9_000)
    assert moves_of(order.number) == [("payment", -9_000, 0)]
    product.refresh_from_db()
    issued.refresh_from_db()
    assert (product.stock, issued.status) == (0, "used")


@happened_or_not
def test_an_order_is_cancelled_once(client, member, product, issue, happened):
    issued = issue()
    order = buy(client, (product.pk, 3), coupon=issued.pk).json()

    with lost_commits(happened=happened):
        answer = client.post(f"{URL}{order['id']}/cancel/")

    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert answer.json() == client.get(f"{URL}{order['id']}/").json()
    assert moves_of(order["number"]) == [("payment", -2_000, 98_000), ("refund", 2_000, 100_000)]
    assert Wallet.objects.get(user=member).balance == 100_000
    product.refresh_from_db()
    issued.refresh_from_db()
    assert (product.stock, issued.used_at) == (10, None)


def test_an_answer_that_is_lost_again_and_again_is_said_to_be_unknown(client, product):
    with lost_commits(happened=True, times=3):
        answer = buy(client, (product.pk, 1), key="order-1")

    assert refusal(answer) == (503, "server_error", [("outcome_unknown", None)])
    assert answer["Retry-After"] == "5"
    assert Order.objects.count() == 1

    with nothing_changes():
        again = buy(client, (product.pk, 1), key="order-1")
    assert again.status_code == 201
    assert again["Idempotency-Replayed"] == "true"
