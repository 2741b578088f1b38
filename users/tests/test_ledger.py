"""GET /api/v1/users/me/balance/transactions/"""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from conftest import client_of
from ecommerce.tests.expectations import database_refuses, nothing_changes, refusal, refused
from users.models import WalletTransaction
from users.services import adjust_balance, charge_wallet

URL = "/api/v1/users/me/balance/transactions/"
TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC)  # in Seoul

pytestmark = pytest.mark.django_db


def place_order(client, product, quantity):
    body = {"items": [{"product": product.pk, "quantity": quantity}]}
    return client.post("/api/v1/orders/", body).json()


@pytest.mark.time_machine(TEN_O_CLOCK, tick=False)
def test_an_entry_says_what_moved_when_and_why(client):
    entry = WalletTransaction.objects.get()

    answer = client.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": entry.pk,
                "kind": "charge",
                "amount": 100_000,
                "balance_after": 100_000,
                "reference": entry.reference,
                "created_at": "2026-11-23T10:00:00.123456+09:00",
            }
        ],
    }


def test_every_kind_is_listed_newest_first_with_signed_amounts(client, member, make_product):
    order = place_order(client, make_product(price=30_000), 2)
    adjust_balance(user_id=member.pk, amount=-1_500, reason="a mistake")
    adjust_balance(user_id=member.pk, amount=500, reason="an apology")
    client.post(f"/api/v1/orders/{order['id']}/cancel/")

    results = client.get(URL).json()["results"]

    assert [(one["kind"], one["amount"], one["balance_after"]) for one in results] == [
        ("refund", 60_000, 99_000),
        ("adjustment", 500, 39_000),
        ("adjustment", -1_500, 38_500),
        ("payment", -60_000, 40_000),
        ("charge", 100_000, 100_000),
    ]
    assert results[0]["reference"] == results[3]["reference"] == order["number"]


def test_an_order_that_costs_nothing_has_its_payment_of_nothing(client, make_product):
    place_order(client, make_product(price=0), 1)

    newest = client.get(URL).json()["results"][0]
    assert (newest["kind"], newest["amount"], newest["balance_after"]) == ("payment", 0, 100_000)


@pytest.mark.time_machine(TEN_O_CLOCK, tick=False)
def test_entries_of_one_moment_are_in_the_order_they_were_made(client, member):
    for amount in (1, 2, 3):
        charge_wallet(user_id=member.pk, amount=amount)

    assert [one["amount"] for one in client.get(URL).json()["results"]] == [3, 2, 1, 100_000]


def test_a_member_sees_their_own_entries_only(client, make_member):
    make_member(balance=7)

    assert [one["amount"] for one in client.get(URL).json()["results"]] == [100_000]


def test_a_member_without_a_wallet_has_an_empty_ledger(make_member):
    client = client_of(make_member())

    with nothing_changes():
        answer = client.get(URL)

    assert answer.json() == {"next": None, "previous": None, "results": []}


def test_the_ledger_is_paged_and_an_entry_made_meanwhile_shifts_nothing(client, member):
    for amount in range(1, 6):
        charge_wallet(user_id=member.pk, amount=amount)

    first = client.get(URL, {"page_size": 2}).json()
    charge_wallet(user_id=member.pk, amount=6)
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()

    pages = [[one["amount"] for one in page["results"]] for page in (first, second, third)]
    assert pages == [[5, 4], [3, 2], [1, 100_000]]
    assert third["next"] is None


@pytest.mark.parametrize("parameter", ["kind", "ordering", "search", "user"])
def test_a_parameter_that_is_not_known_is_refused(client, parameter):
    answer = client.get(URL, {parameter: "charge"})

    assert refusal(answer) == refused(400, "unknown_field", parameter)


def test_who_is_not_signed_in_is_refused(api):
    assert refusal(api.get(URL)) == refused(401, "not_authenticated")


# --- Append-only, and what the database itself refuses ------------------------------------------


def test_an_entry_is_never_changed_or_removed(member):
    entry = WalletTransaction.objects.get()
    entry.amount = 1

    with nothing_changes():
        with pytest.raises(ValidationError, match="append-only"):
            entry.save()
        with pytest.raises(ValidationError, match="append-only"):
            entry.delete()


def test_an_entry_reads_well(member):
    entry = WalletTransaction.objects.get()

    assert str(entry) == f"charge +100,000 ({entry.reference})"
    assert str(entry.wallet) == "minji: ₩100,000"


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("charge", 0), ("charge", -1), ("payment", 1), ("refund", -1), ("adjustment", 0)],
)
def test_an_amount_with_the_wrong_sign_is_refused_by_the_database(member, kind, amount):
    with nothing_changes(), database_refuses("ledger_amount_sign"):
        WalletTransaction.objects.create(
            wallet=member.wallet, kind=kind, amount=amount, balance_after=1, reference="X-1"
        )


def test_a_balance_below_nothing_is_refused_by_the_database(member):
    with nothing_changes():
        with database_refuses("ledger_balance_after_gte_0"):
            WalletTransaction.objects.create(
                wallet=member.wallet, kind="charge", amount=1, balance_after=-1, reference="X-1"
            )
        with database_refuses("wallet_balance_gte_0"):
            type(member.wallet).objects.update(balance=-1)


def test_one_order_is_paid_and_refunded_once_at_most_says_the_database(member):
    entry = {"wallet": member.wallet, "amount": 0, "balance_after": 1, "reference": "ORD-1"}
    WalletTransaction.objects.create(kind="payment", **entry)
    WalletTransaction.objects.create(kind="refund", **entry)

    with nothing_changes(), database_refuses("ledger_kind_reference_uniq|kind"):
        WalletTransaction.objects.create(kind="payment", **entry)
