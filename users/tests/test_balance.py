"""GET /api/v1/users/me/balance/"""

from datetime import UTC, datetime, timedelta

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from users.services import adjust_balance, charge_wallet

URL = "/api/v1/users/me/balance/"
TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC)  # in Seoul

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def test_a_member_sees_the_balance_and_when_it_last_changed(client, time_machine):
    time_machine.move_to(TEN_O_CLOCK + timedelta(minutes=5))

    answer = client.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "balance": 100_000,
        "currency": "KRW",
        "updated_at": "2026-11-23T10:00:00.123456+09:00",
    }


def test_every_change_is_seen_at_once(client, member, time_machine):
    time_machine.move_to(TEN_O_CLOCK + timedelta(minutes=5))
    charge_wallet(user_id=member.pk, amount=500)
    adjust_balance(user_id=member.pk, amount=-100_000, reason="a test")

    assert client.get(URL).json()["balance"] == 500
    assert client.get(URL).json()["updated_at"] == "2026-11-23T10:05:00.123456+09:00"


def test_a_member_sees_their_own_balance_only(client, make_member):
    other = make_member(balance=7)

    assert client.get(URL).json()["balance"] == 100_000
    assert client_of(other).get(URL).json()["balance"] == 7


def test_a_member_without_a_wallet_has_nothing_and_looking_makes_none(make_member):
    client = client_of(make_member())

    with nothing_changes():
        assert client.get(URL).json()["balance"] == 0


def test_who_is_not_signed_in_is_refused(api):
    assert refusal(api.get(URL)) == refused(401, "not_authenticated")
