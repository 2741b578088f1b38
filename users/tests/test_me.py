"""GET /api/v1/users/me/"""

from datetime import UTC, datetime

import pytest

from conftest import client_of
from ecommerce.tests.expectations import refusal, refused

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
