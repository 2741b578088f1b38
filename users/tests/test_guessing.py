"""Guessing passwords over the API: the same lock as the admin's, and nobody else's door."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from conftest import client_of
from ecommerce.tests.expectations import count_statements, nothing_changes, refusal, refused
from users.models import User
from users.services import sign_in
from users.tests.conftest import PASSWORD
from users.tests.test_token import ME, bearer

TOKEN = "/api/v1/auth/token/"
CHANGE = "/api/v1/users/me/password/"
LOCKED = refused(429, "throttled")

pytestmark = pytest.mark.django_db


def try_to_sign_in(password, *, name="minji", address="10.0.0.1", **headers):
    body = {"username": name, "password": password}
    return client_of().post(TOKEN, body, REMOTE_ADDR=address, **headers)


def guess(count=5, **where):
    return [try_to_sign_in("wrong", **where) for _ in range(count)]


def test_over_the_api_after_five_wrong_passwords_the_right_one_is_refused_too(minji):
    assert [answer.status_code for answer in guess()] == [401, 401, 401, 401, 429]

    with nothing_changes():
        answer = try_to_sign_in(PASSWORD)
    assert refusal(answer) == LOCKED
    assert 0 < int(answer["Retry-After"]) <= 15 * 60


def test_over_the_api_another_address_and_another_name_are_not_locked_out(minji, make_member):
    make_member(username="haneul", password=PASSWORD)
    guess(6)
    assert try_to_sign_in(PASSWORD, address="10.0.0.2").status_code == 200
    assert try_to_sign_in(PASSWORD, address="2001:db8::1").status_code == 200
    assert try_to_sign_in(PASSWORD, name="haneul").status_code == 200


def test_a_name_that_nobody_has_is_locked_alike(minji):
    known, unknown = guess(7), guess(7, name="nobody")
    assert [a.status_code for a in known] == [a.status_code for a in unknown]
    assert {a.content for a in known} == {a.content for a in unknown}


def test_over_the_api_the_lock_ends_by_itself_and_trying_on_does_not_prolong_it(minji):
    guess(5)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
    assert 0 < int(guess(1)[0]["Retry-After"]) <= 60
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert try_to_sign_in(PASSWORD).status_code == 200


def test_over_the_api_a_right_password_forgets_the_wrong_ones(minji):
    for _ in range(3):
        assert [answer.status_code for answer in guess(4)] == [401] * 4
        assert try_to_sign_in(PASSWORD).status_code == 200
    assert not AccessAttempt.objects.exists()


def test_over_the_api_whose_name_a_collation_takes_for_another_clears_and_fills_no_other_count(
    minji, make_member
):
    make_member(username="mínji", password=PASSWORD)
    guess(4)
    assert try_to_sign_in(PASSWORD, name="mínji").status_code == 200
    assert guess(1)[0].status_code == 429
    assert [a.status_code for a in guess(4, name="mínji")] == [401] * 4
    assert try_to_sign_in(PASSWORD, name="mínji").status_code == 200


@pytest.mark.parametrize("name", ["minji", " minji ", "ｍｉｎｊｉ"])
def test_it_is_counted_by_the_name_that_is_looked_up(minji, name):
    guess(5, name=name)
    assert refusal(try_to_sign_in(PASSWORD)) == LOCKED


def test_the_admin_and_the_api_count_together(minji):
    User.objects.update(is_staff=True, is_superuser=True)

    def log_in(password):
        browser = Client(REMOTE_ADDR="10.0.0.1")
        return browser.post(
            "/admin/login/", {"username": "minji", "password": password}
        ).status_code

    guess(3)
    assert [log_in("wrong"), log_in("wrong")] == [200, 429]
    assert refusal(try_to_sign_in(PASSWORD)) == LOCKED
    assert log_in(PASSWORD) == 429


def test_the_current_password_cannot_be_guessed_with_a_stolen_token(minji):
    client = bearer(sign_in(username="minji", password=PASSWORD).access)
    wrong = {"current_password": "wrong", "new_password": "battery staple horse"}
    answers = [client.post(CHANGE, wrong, REMOTE_ADDR="10.0.0.1").status_code for _ in range(5)]
    assert answers == [400, 400, 400, 400, 429]
    right = wrong | {"current_password": PASSWORD}
    with nothing_changes():
        assert refusal(client.post(CHANGE, right, REMOTE_ADDR="10.0.0.1")) == LOCKED
    assert refusal(try_to_sign_in(PASSWORD)) == LOCKED
    assert client.get(ME, REMOTE_ADDR="10.0.0.1").status_code == 200


def test_passwords_are_not_kept_and_the_log_tells_from_where_but_no_name(minji, caplog):
    for _ in range(6):
        try_to_sign_in("secret-guess")
    attempt = AccessAttempt.objects.get()
    assert (attempt.username, attempt.ip_address) == ("minji", "10.0.0.1")
    assert "secret-guess" not in attempt.post_data + attempt.get_data
    (line,) = [one.getMessage() for one in caplog.records if one.name.startswith("axes")]
    assert 'Locking out {username: "********************", ip_address: "10.0.0.1"' in line


def test_who_is_locked_out_costs_next_to_nothing(minji):
    guess(5)
    assert count_statements(try_to_sign_in, PASSWORD) == 2


@pytest.mark.parametrize(
    ("forwarded", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("nonsense", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::"),
        ("[2001:db8::7]:4711", "2001:db8::"),
    ],
)
def test_it_is_counted_by_the_address_before_the_believed_proxy(
    settings, minji, forwarded, counted
):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    try_to_sign_in("wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.1, {forwarded}")
    assert AccessAttempt.objects.get().ip_address == counted


def test_a_connection_without_an_address_is_counted_too(minji):
    assert [a.status_code for a in guess(6, address="")] == [401] * 4 + [429] * 2
    assert try_to_sign_in(PASSWORD).status_code == 200
