"""GET and PATCH /api/v1/users/me/"""

from datetime import UTC, datetime

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.lost_commits import lost_commits

URL = "/api/v1/users/me/"

pytestmark = pytest.mark.django_db


@pytest.mark.time_machine(datetime(2026, 11, 22, 15, 0, 0, 123_456, tzinfo=UTC), tick=False)
def test_a_member_sees_who_they_are(make_member):
    member = make_member(username="민지", email="minji@example.com", first_name="Minji")

    answer = client_of(member).get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "id": member.pk,
        "username": "민지",
        "email": "minji@example.com",
        "date_joined": "2026-11-23T00:00:00.123456+09:00",
    }


def test_each_member_sees_themselves(client, member, make_member):
    other = make_member()

    assert client.get(URL).json()["id"] == member.pk
    assert client_of(other).get(URL).json()["id"] == other.pk


def test_a_member_who_is_gone_is_not_signed_in(make_member):
    member = make_member()
    client = client_of(member)
    member.delete()

    assert refusal(client.get(URL)) == refused(401, "user_inactive")


def test_who_is_not_signed_in_is_refused(api):
    assert refusal(api.get(URL)) == refused(401, "not_authenticated")


# --- Another email address ----------------------------------------------------------------------


def test_a_member_changes_their_email(make_member):
    member = make_member(username="민지", email="old@example.com")
    client = client_of(member)

    answer = client.patch(URL, {"email": "New@EXAMPLE.com"})

    assert answer.status_code == 200
    assert answer.json() == client.get(URL).json()
    assert answer.json()["email"] == "New@example.com"
    assert sorted(answer.json()) == ["date_joined", "email", "id", "username"]


def test_an_empty_one_takes_it_away_and_none_leaves_it(make_member):
    client = client_of(make_member(email="old@example.com"))

    assert client.patch(URL, {}).json()["email"] == "old@example.com"
    assert client.patch(URL, {"email": ""}).json()["email"] == ""


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({"email": "minji"}, "invalid", "email"),
        ({"email": None}, "null", "email"),
        ({"email": 5}, "invalid", "email"),
        ({"email": f"{'x' * 64}@{'y' * 63}.{'y' * 63}.{'y' * 58}.com"}, "max_length", "email"),
        ({"e-mail": "a@example.com"}, "unknown_field", "e-mail"),
        ({"email": "a@example.com", "username": "x"}, "unknown_field", "username"),
        ({"is_staff": True}, "unknown_field", "is_staff"),
        ({"date_joined": "2020-01-01"}, "unknown_field", "date_joined"),
    ],
)
def test_what_is_no_email_or_something_else_changes_nothing(client, body, code, attr):
    with nothing_changes():
        assert refusal(client.patch(URL, body)) == refused(400, code, attr)


def test_a_deactivated_member_changes_nothing(member, client):
    member.is_active = False
    member.save()
    with nothing_changes():
        answer = client.patch(URL, {"email": "a@example.com"})
    assert refusal(answer) == refused(401, "user_inactive")


def test_put_and_delete_are_not_known(client):
    for method in (client.put, client.delete):
        assert refusal(method(URL, {})) == refused(405, "method_not_allowed")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_a_change_whose_commit_was_lost_is_made(client, happened):
    with lost_commits(happened=happened):
        answer = client.patch(URL, {"email": "a@example.com"})
    assert (answer.status_code, client.get(URL).json()["email"]) == (200, "a@example.com")
