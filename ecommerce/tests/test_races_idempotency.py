"""One press that the network sends many times."""

import pytest

from ecommerce.tests.race_controls import without_locks
from ecommerce.tests.races import balance_of, charge, order, race, send_at_once, tally
from orders.models import Order
from users.models import WalletTransaction

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["charge", "order"])
def kind(request):
    return request.param


@pytest.fixture
def request_with_key(kind, member, product):
    if kind == "charge":
        return charge(member, 5_000, key="one-press")
    return order(member, (product.pk, 5), key="one-press")


@pytest.fixture
def rows(kind):
    """What such a request creates one of."""
    if kind == "charge":
        return WalletTransaction.objects.filter(kind="charge", amount=5_000)
    return Order.objects.all()


@pytest.mark.usefixtures("batch_limit")
def test_one_key_sent_twenty_times_at_once_acts_once(kind, request_with_key, rows, member):
    answers = race([request_with_key] * 20)
    assert tally(answers) == {"201": 20}
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(replayed, key=str) == [None] + ["true"] * 19
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert rows.get().pk == answers[0].json()["id"]
    assert balance_of(member) == {"charge": 105_000, "order": 95_000}[kind]


def test_control_without_the_lock_nobody_finds_the_key_and_nineteen_fail(
    kind, request_with_key, rows
):
    stop = {
        "charge": "users.services.wallets.credit",
        "order": "orders.services.placing._find_earlier",
    }[kind]
    with without_locks(stop, parties=20):
        answers = send_at_once([request_with_key] * 20)
    # The unique key keeps the rows to one, but the answers are lost.
    assert tally(answers) == {"201": 1, "500 error": 19}
    assert rows.count() == 1


@pytest.mark.usefixtures("batch_limit")
def test_one_key_with_two_bodies_at_once_acts_on_the_first_to_come(member):
    amounts = [1_000, 2_000] * 10
    answers = race([charge(member, amount, key="one-press") for amount in amounts])
    assert tally(answers) == {"201": 10, "422 idempotency_key_reused": 10}
    winners = {
        amount for amount, answer in zip(amounts, answers, strict=True) if answer.status_code == 201
    }
    assert len(winners) == 1
    assert balance_of(member) == 100_000 + winners.pop()
