"""The Idempotency-Key of charges and orders: however often a request is sent, it acts once."""

import hashlib

import pytest

from common.db.idempotency import IdempotencyKey
from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from orders.models import Order
from users.models import Wallet, WalletTransaction

pytestmark = pytest.mark.django_db

KEYED = pytest.mark.parametrize("kind", ["charge", "order"])


@pytest.fixture
def send(client, make_product):
    """Sends a charge or an order with a key, of a size (so that bodies differ), by a client."""
    product = make_product(price=10, stock=1_000)

    def post(kind, key, size=1, by=client):
        headers = {} if key is None else {"Idempotency-Key": key}
        if kind == "charge":
            url, body = "users/me/balance/charge/", {"amount": size}
        else:
            url, body = "orders/", {"items": [{"product": product.pk, "quantity": size}]}
        return by.post(f"/api/v1/{url}", body, headers=headers)

    return post


def done(kind):
    """How many charges (beyond those of the fixtures) or orders there are."""
    charges = WalletTransaction.objects.filter(kind="charge", amount__lt=1_000)
    return charges.count() if kind == "charge" else Order.objects.count()


# --- The same request again ---------------------------------------------------------------------


@KEYED
def test_the_same_key_and_body_act_once_and_are_answered_alike(send, kind):
    first = send(kind, "k-1")
    with nothing_changes():
        others = [send(kind, "k-1") for _ in range(3)]

    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first
    for answer in others:
        assert (answer.status_code, answer.json()) == (201, first.json())
        assert answer["Idempotency-Replayed"] == "true"
    assert done(kind) == 1


@KEYED
def test_without_a_key_every_request_acts(send, kind):
    answers = [send(kind, None) for _ in range(3)]

    assert len({answer.json()["id"] for answer in answers}) == 3
    assert not any("Idempotency-Replayed" in answer for answer in answers)
    assert done(kind) == 3


@KEYED
def test_different_keys_act_separately(send, kind):
    first, second = send(kind, "k-1"), send(kind, "k-2")

    assert first.json()["id"] != second.json()["id"]
    assert done(kind) == 2


@KEYED
def test_keys_are_told_apart_by_case(send, kind):
    assert send(kind, "key").json()["id"] != send(kind, "KEY").json()["id"]
    assert done(kind) == 2


def test_an_order_is_answered_as_it_is_now(send, client):
    order = send("order", "k-1").json()
    client.post(f"/api/v1/orders/{order['id']}/cancel/")

    again = send("order", "k-1")

    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert (again.json()["number"], again.json()["status"]) == (order["number"], "cancelled")


def test_what_was_sent_counts_not_how_it_was_written(send, client):
    headers = {"Idempotency-Key": "k-1"}
    url = "/api/v1/users/me/balance/charge/"
    first = send("charge", "k-1", size=5)

    again = client.generic("POST", url, b' {"amount"\n: 5.0}', "application/json", headers=headers)

    assert (again.json(), again["Idempotency-Replayed"]) == (first.json(), "true")


# --- Another request under the same key ---------------------------------------------------------


@KEYED
def test_another_body_under_the_same_key_is_refused(send, kind):
    send(kind, "k-1", size=1)

    with nothing_changes():
        answer = send(kind, "k-1", size=2)

    assert refusal(answer) == refused(422, "idempotency_key_reused")
    assert "Idempotency-Replayed" not in answer
    assert done(kind) == 1


@KEYED
def test_a_key_is_each_members_own(send, kind, make_member):
    other = client_of(make_member(balance=1_000))

    first, second = send(kind, "k-1"), send(kind, "k-1", size=2, by=other)

    assert first.json()["id"] != second.json()["id"]
    assert "Idempotency-Replayed" not in second
    assert done(kind) == 2


def test_a_key_is_each_endpoints_own(send):
    charge, order = send("charge", "k-1"), send("order", "k-1")

    assert (charge.status_code, order.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in order
    assert (done("charge"), done("order")) == (1, 1)


@KEYED
def test_a_bad_body_under_a_used_key_is_a_bad_body(send, kind):
    send(kind, "k-1")

    with nothing_changes():
        answer = send(kind, "k-1", size=0)

    assert [error["code"] for error in answer.json()["errors"]] == ["min_value"]


@KEYED
def test_who_may_no_longer_act_does_not_hear_of_the_earlier_request(send, kind, member):
    send(kind, "k-1")
    member.is_active = False
    member.save()

    with nothing_changes():
        assert refusal(send(kind, "k-1")) == refused(401, "user_inactive")


# --- Only successes are remembered --------------------------------------------------------------


def test_a_charge_that_was_refused_may_be_sent_again_under_its_key(send, member):
    Wallet.objects.update(balance=999_999_999)
    with nothing_changes():
        assert refusal(send("charge", "k-1", size=2)) == refused(409, "balance_limit_exceeded")
    Wallet.objects.update(balance=0)

    answer = send("charge", "k-1", size=2)

    assert (answer.status_code, answer.json()["balance_after"]) == (201, 2)
    assert "Idempotency-Replayed" not in answer


def test_an_order_that_was_refused_may_be_sent_again_under_its_key_even_changed(send, member):
    Wallet.objects.update(balance=19)
    with nothing_changes():
        assert refusal(send("order", "k-1", size=2)) == refused(409, "insufficient_balance")

    answer = send("order", "k-1", size=1)

    assert (answer.status_code, answer.json()["total"]) == (201, 10)
    assert "Idempotency-Replayed" not in answer


@KEYED
def test_a_request_that_made_no_sense_does_not_use_up_its_key(send, kind):
    assert send(kind, "k-1", size=0).status_code == 400

    assert "Idempotency-Replayed" not in send(kind, "k-1")


# --- The key itself -----------------------------------------------------------------------------


@KEYED
@pytest.mark.parametrize("key", ["k", "x" * 255, "!~", "a,b;c", '"quoted"', "0", "a/b?c=d&e"])
def test_a_key_is_1_to_255_visible_ascii_characters(send, kind, key):
    first, again = send(kind, key), send(kind, key)

    assert (first.status_code, again["Idempotency-Replayed"]) == (201, "true")


@KEYED
@pytest.mark.parametrize(
    "key",
    [
        "",
        '"a b"',
        '"' + "x" * 256 + '"',
        "x" * 256,
        " ",
        "a b",
        " a",
        "a ",
        "a\tb",
        "a\n",
        "키",
        "\xe9",
        "\x7f",
        "😀",
    ],
)
def test_any_other_key_is_refused(send, kind, key):
    with nothing_changes():
        answer = send(kind, key)

    assert refusal(answer) == refused(400, "invalid", "Idempotency-Key")


@KEYED
@pytest.mark.parametrize(
    ("quoted", "plain"),
    [('"abc"', "abc"), (r'"a\"b\\c"', r'a"b\c'), ('"' + "x" * 255 + '"', "x" * 255)],
    ids=["plain", "escaped", "as long as it may be"],
)
def test_a_key_in_quotes_is_the_one_without(send, kind, quoted, plain):
    first = send(kind, quoted)

    with nothing_changes():
        answers = [send(kind, plain), send(kind, quoted)]

    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first
    for answer in answers:
        assert (answer.status_code, answer["Idempotency-Replayed"]) == (201, "true")
        assert answer.json()["id"] == first.json()["id"]


@KEYED
@pytest.mark.parametrize("key", ['"abc', 'abc"', 'a"b', '"', '""', r'"a\b"', '"a"b"'])
def test_a_key_that_only_has_a_quote_in_it_is_taken_as_it_stands(send, kind, key):
    assert send(kind, key).status_code == 201

    row = (WalletTransaction if kind == "charge" else Order).objects.latest("id")
    assert row.idempotency_key == hashlib.sha256(key.encode()).hexdigest()


@KEYED
def test_the_database_holds_the_hash_of_the_key_not_the_key(send, kind):
    send(kind, "secret-key")

    row = (WalletTransaction if kind == "charge" else Order).objects.latest("id")
    assert row.idempotency_key == hashlib.sha256(b"secret-key").hexdigest()
    assert len(row.idempotency_body) == 64


def test_a_body_has_one_hash_however_its_fields_are_ordered():
    one = IdempotencyKey.of("k", {"a": 1, "b": [{"c": None, "d": "가"}]})
    other = IdempotencyKey.of("k", {"b": [{"d": "가", "c": None}], "a": 1})

    assert one == other
    assert one.body != IdempotencyKey.of("k", {"a": 1, "b": [{"c": 0, "d": "가"}]}).body


def test_a_key_where_none_is_taken_is_not_looked_at(api):
    assert api.get("/api/v1/products/", headers={"Idempotency-Key": "키"}).status_code == 200
