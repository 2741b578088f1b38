"""Guessing passwords at the admin's login."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import authenticate
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from users.models import User

LOGIN = "/admin/login/"
PASSWORD = "correct horse battery"


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser(username="boss", password=PASSWORD)


def log_in(password: str, *, name: str = "boss", address: str = "10.0.0.1") -> HttpResponse:
    browser = Client(REMOTE_ADDR=address)
    return browser.post(LOGIN, {"username": name, "password": password, "next": "/admin/"})


def test_after_five_wrong_passwords_the_right_one_is_refused_too(boss: User) -> None:
    statuses = [log_in("wrong").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]
    refused = log_in(PASSWORD)
    assert refused.status_code == 429
    assert "Too many wrong passwords." in refused.content.decode()
    assert "sessionid" not in refused.cookies


def test_another_address_and_another_name_are_not_locked_out(boss: User) -> None:
    User.objects.create_superuser(username="other", password=PASSWORD)
    for _ in range(6):
        log_in("wrong")
    assert log_in(PASSWORD, address="10.0.0.2").status_code == 302
    assert log_in(PASSWORD, name="other").status_code == 302


def test_the_lock_ends_by_itself(boss: User) -> None:
    for _ in range(6):
        log_in("wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert log_in(PASSWORD).status_code == 302


def test_a_right_password_forgets_the_wrong_ones(boss: User) -> None:
    for _ in range(3):
        for _ in range(4):
            assert log_in("wrong").status_code == 200
        assert log_in(PASSWORD).status_code == 302


def test_whose_name_a_collation_takes_for_another_clears_and_fills_no_other_count(
    boss: User,
) -> None:
    User.objects.create_superuser(username="bóss", password=PASSWORD)
    assert [log_in("wrong").status_code for _ in range(4)] == [200] * 4
    assert log_in(PASSWORD, name="bóss").status_code == 302
    assert log_in("wrong").status_code == 429
    assert [log_in("wrong", name="bóss").status_code for _ in range(4)] == [200] * 4
    assert log_in(PASSWORD, name="bóss").status_code == 302


def test_wrong_passwords_are_kept_and_logged_but_not_as_such(
    boss: User, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(6):
        log_in("secret-guess")
    attempt = AccessAttempt.objects.get()
    assert (attempt.username, attempt.ip_address) == ("boss", "10.0.0.1")
    assert attempt.failures_since_start == 5
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert 'Locking out {username: "********************", ip_address: "10.0.0.1"' in said
    assert "boss" not in said
    assert "secret-guess" not in said + attempt.post_data + attempt.get_data


def test_code_without_a_request_may_check_a_password(boss: User) -> None:
    assert authenticate(username="boss", password=PASSWORD) == boss
    assert authenticate(username="boss", password="wrong") is None
    assert not AccessAttempt.objects.exists()
