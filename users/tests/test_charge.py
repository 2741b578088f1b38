"""POST /api/v1/users/me/balance/charge/"""

import re
from datetime import UTC, datetime

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.lost_commits import lost_commits
from users.models import Wallet, WalletTransaction

URL = "/api/v1/users/me/balance/charge/"

pytestmark = pytest.mark.django_db


def balances():
    return dict(Wallet.objects.values_list("user__username", "balance"))


@pytest.mark.time_machine(datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC), tick=False)
def test_a_charge_is_added_to_the_balance_and_written_in_the_ledger(client, member):
    answer = client.post(URL, {"amount": 50_000})

    entry = WalletTransaction.objects.latest("id")
    assert answer.status_code == 201
    assert answer.json() == {
        "id": entry.pk,
        "kind": "charge",
        "amount": 50_000,
        "balance_after": 150_000,
        "reference": entry.reference,
        "created_at": "2026-11-23T10:00:00.123456+09:00",
    }
    assert re.fullmatch(r"CHG-[0-9A-Z]{16}", entry.reference)
    assert (entry.wallet.user, entry.amount, entry.balance_after) == (member, 50_000, 150_000)
    assert balances() == {"minji": 150_000}


def test_charges_add_up_and_each_has_its_own_reference(client):
    answers = [client.post(URL, {"amount": 1_000}).json() for _ in range(3)]

    assert [answer["balance_after"] for answer in answers] == [101_000, 102_000, 103_000]
    assert len({answer["reference"] for answer in answers}) == 3
    assert "Idempotency-Replayed" not in client.post(URL, {"amount": 1_000})


def test_only_the_members_own_balance_changes(client, make_member):
    make_member(username="haneul", balance=5)

    client.post(URL, {"amount": 1_000})

    assert balances() == {"minji": 101_000, "haneul": 5}


def test_the_first_charge_of_a_member_without_a_wallet_makes_one(make_member):
    answer = client_of(make_member(username="root")).post(URL, {"amount": 700})

    assert answer.json()["balance_after"] == 700
    assert balances() == {"root": 700}


@pytest.mark.parametrize("amount", [1, 10_000_000])
def test_the_smallest_and_the_largest_charge(client, amount):
    assert client.post(URL, {"amount": amount}).json()["balance_after"] == 100_000 + amount


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (0, "min_value"),
        (-1, "min_value"),
        (-10_000_000, "min_value"),
        (10_000_001, "max_value"),
        (2**63, "max_value"),
        (10**400, "max_value"),
        (True, "invalid"),
        (False, "invalid"),
        (0.5, "invalid"),
        (1_000.5, "invalid"),
        (1e300, "invalid"),
        ("", "invalid"),
        ("ten", "invalid"),
        ("1,000", "invalid"),
        ("₩1000", "invalid"),
        ("9" * 1_001, "max_string_length"),
        (None, "null"),
        ([1_000], "invalid"),
        ({"won": 1_000}, "invalid"),
    ],
)
def test_what_is_no_amount_is_refused(client, amount, code):
    with nothing_changes():
        answer = client.post(URL, {"amount": amount})

    assert refusal(answer) == refused(400, code, "amount")


@pytest.mark.parametrize(
    "amount",
    ["1.00000000000000000000001", "0.99999999999999999999999", "1e-400", "9007199254740990.9"],
)
def test_a_fraction_is_no_amount_however_near_it_is_to_one(client, amount):
    with nothing_changes():
        answer = client.generic(
            "POST", URL, f'{{"amount": {amount}}}', content_type="application/json"
        )

    assert refusal(answer) == refused(400, "invalid", "amount")


@pytest.mark.parametrize("amount", ["9" * 1_001, "9" * 60_000, "0e99999999999999999999"])
def test_a_number_beyond_all_bounds_tells_nothing_of_the_inside(client, amount):
    with nothing_changes():
        answer = client.generic(
            "POST", URL, f'{{"amount": {amount}}}', content_type="application/json"
        )

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (400, "parse_error")
    assert "sys." not in error["detail"]


def test_a_whole_number_may_be_written_as_a_fraction(client):
    answer = client.generic("POST", URL, '{"amount": 5.00e1}', content_type="application/json")

    assert answer.json()["balance_after"] == 100_050


def test_a_charge_of_no_amount_is_refused(client):
    with nothing_changes():
        assert refusal(client.post(URL, {})) == refused(400, "required", "amount")
        assert refusal(client.post(URL)) == refused(400, "required", "amount")


@pytest.mark.parametrize("field", ["kind", "balance", "reference", "user", "Amount"])
def test_a_field_that_is_not_known_is_refused(client, field):
    with nothing_changes():
        answer = client.post(URL, {"amount": 1_000, field: 1})

    assert refusal(answer) == refused(400, "unknown_field", field)


def test_a_balance_may_reach_its_limit_but_not_exceed_it(make_member):
    client = client_of(make_member(username="rich", balance=999_999_000))

    with nothing_changes():
        answer = client.post(URL, {"amount": 1_001})
    assert refusal(answer) == refused(409, "balance_limit_exceeded")

    assert client.post(URL, {"amount": 1_000}).json()["balance_after"] == 1_000_000_000
    with nothing_changes():
        answer = client.post(URL, {"amount": 1})
    assert refusal(answer) == refused(409, "balance_limit_exceeded")


def test_who_is_not_signed_in_is_refused_before_the_body_is_looked_at(api, member):
    with nothing_changes():
        assert refusal(api.post(URL, {"amount": 1_000})) == refused(401, "not_authenticated")
        assert refusal(api.post(URL, {"amount": 0})) == refused(401, "not_authenticated")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_a_charge_whose_commit_was_lost_is_made_once(client, happened):
    with lost_commits(happened=happened):
        answer = client.post(URL, {"amount": 1_000})

    entry = WalletTransaction.objects.latest("id")
    assert (answer.status_code, answer.json()["id"]) == (201, entry.pk)
    assert "Idempotency-Replayed" not in answer
    assert (entry.amount, entry.balance_after) == (1_000, 101_000)
    assert (WalletTransaction.objects.count(), balances()) == (2, {"minji": 101_000})


@pytest.mark.parametrize("amount", ["1_000", "５", "+5", " 5", "5.0", "0x5", ""])
def test_text_is_a_number_only_as_plain_digits(client, amount):
    answer = client.post("/api/v1/users/me/balance/charge/", {"amount": amount})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid")
    assert client.post("/api/v1/users/me/balance/charge/", {"amount": "5"}).status_code == 201
