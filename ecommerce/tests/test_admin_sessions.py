"""How long somebody stays signed in to the back office."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from users.models import User

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(NOON, tick=False)]


@pytest.fixture
def browser():
    User.objects.create_superuser(username="boss", password=PASSWORD)
    browser = Client()
    login = {"username": "boss", "password": PASSWORD, "next": "/admin/"}
    assert browser.post("/admin/login/", login).status_code == 302
    return browser


def is_in(browser):
    return browser.get("/admin/").status_code == 200


def test_who_is_idle_for_half_a_day_is_signed_out(browser, time_machine):
    time_machine.move_to(NOON + timedelta(hours=12) - timedelta(seconds=1))
    assert is_in(browser)
    time_machine.move_to(NOON + timedelta(hours=24) - timedelta(seconds=2))
    assert is_in(browser)
    time_machine.move_to(NOON + timedelta(hours=37))
    assert not is_in(browser)


def test_who_never_rests_is_signed_out_after_two_weeks(browser, time_machine):
    for hour in range(10, 14 * 24, 10):
        time_machine.move_to(NOON + timedelta(hours=hour))
        assert is_in(browser)
    time_machine.move_to(NOON + timedelta(days=14) - timedelta(seconds=1))
    assert is_in(browser)
    time_machine.move_to(NOON + timedelta(days=14))
    assert not is_in(browser)


def test_the_cookie_goes_with_it(browser, time_machine):
    assert browser.cookies["sessionid"]["max-age"] == 12 * 3_600
    for hour in range(10, 14 * 24, 10):
        time_machine.move_to(NOON + timedelta(hours=hour))
        is_in(browser)
    assert browser.cookies["sessionid"]["max-age"] == 6 * 3_600  # of hour 330 of 336


def test_logging_in_again_begins_anew(browser, time_machine):
    time_machine.move_to(NOON + timedelta(hours=10))
    login = {"username": "boss", "password": PASSWORD, "next": "/admin/"}
    assert browser.post("/admin/login/", login).status_code == 302
    for hour in range(20, 340, 10):
        time_machine.move_to(NOON + timedelta(hours=hour))
        assert is_in(browser)


def test_a_session_from_before_goes_on_from_its_next_use(browser, time_machine):
    session = Session.objects.get()
    data = session.get_decoded()
    del data["began_at"], data["used_at"]
    Session.objects.update(
        session_data=Session.get_session_store_class()().encode(data),
        expire_date=NOON + timedelta(days=13),
    )
    time_machine.move_to(NOON + timedelta(days=1))
    assert is_in(browser)
    time_machine.move_to(NOON + timedelta(days=1, hours=12))
    assert not is_in(browser)


def test_using_it_writes_at_most_once_a_minute(browser, time_machine):
    def writes():
        with CaptureQueriesContext(connection) as queries:
            assert is_in(browser)
        return [q["sql"] for q in queries if "UPDATE" in q["sql"] and "django_session" in q["sql"]]

    time_machine.move_to(NOON + timedelta(seconds=59))
    assert writes() == []
    time_machine.move_to(NOON + timedelta(seconds=60))
    assert len(writes()) == 1
    assert writes() == []
