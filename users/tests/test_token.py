"""POST /api/v1/auth/token/"""

from datetime import UTC, datetime, timedelta

import pytest

from conftest import client_of
from ecommerce.tests.expectations import refusal, refused
from users.models import Session, User
from users.tests.conftest import PASSWORD

URL = "/api/v1/auth/token/"
ME = "/api/v1/users/me/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def bearer(access):
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def test_a_name_and_password_buy_an_access_and_a_refresh_token(api, minji):
    answer = api.post(URL, {"username": "minji", "password": PASSWORD})

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["access", "refresh"]
    assert bearer(answer.json()["access"]).get(ME).json()["id"] == minji.pk
    assert Session.objects.get().user == minji


@pytest.mark.time_machine(NOON, tick=False)
def test_an_access_token_is_good_for_ten_minutes(api, minji, time_machine):
    client = bearer(api.post(URL, {"username": "minji", "password": PASSWORD}).json()["access"])

    time_machine.move_to(NOON + timedelta(minutes=10) - timedelta(seconds=1))
    assert client.get(ME).status_code == 200
    time_machine.move_to(NOON + timedelta(minutes=10))
    assert refusal(client.get(ME)) == refused(401, "token_not_valid")


@pytest.mark.parametrize("name", ["minji", "ｍｉｎｊｉ", " minji "])
def test_the_name_is_read_as_at_sign_up(api, minji, name):
    assert api.post(URL, {"username": name, "password": PASSWORD}).status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("minji", "wrong horse battery"),
        ("minji", f"{PASSWORD} "),
        ("minji", PASSWORD.upper()),
        ("Minji", PASSWORD),
        ("minjí", PASSWORD),
        ("nobody", PASSWORD),
        ("😀", PASSWORD),
    ],
)
def test_a_wrong_name_or_password_gets_nothing_and_does_not_learn_which_it_was(
    api, minji, name, password
):
    answer = api.post(URL, {"username": name, "password": password})

    assert refusal(answer) == refused(401, "no_active_account")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answer.content == api.post(URL, {"username": "x", "password": "y"}).content
    assert not Session.objects.exists()


def test_a_deactivated_member_gets_no_token(api, minji):
    User.objects.update(is_active=False)

    answer = api.post(URL, {"username": "minji", "password": PASSWORD})

    assert refusal(answer) == refused(401, "no_active_account")
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("required", "username"), ("required", "password")]),
        ({"username": "minji"}, [("required", "password")]),
        ({"username": "", "password": ""}, [("blank", "username"), ("blank", "password")]),
        ({"username": None, "password": PASSWORD}, [("null", "username")]),
        ({"username": "x" * 151, "password": PASSWORD}, [("max_length", "username")]),
        ({"username": "minji", "password": "x" * 129}, [("max_length", "password")]),
        ({"username": "minji", "password": PASSWORD, "otp": "1"}, [("unknown_field", "otp")]),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(api, minji, body, errors):
    assert refusal(api.post(URL, body)) == (400, "validation_error", errors)
    assert not Session.objects.exists()
