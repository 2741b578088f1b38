"""Passwords pass one gate: whoever can't be served in time is told, and nobody else waits."""

import os
import sys
import threading
import time

import pytest
from django.test import Client
from structlog.contextvars import bound_contextvars, get_contextvars

from common.db.single_writes import finished
from common.errors import Busy
from ecommerce.tests.expectations import nothing_changes, refusal
from users import hashing, passwords
from users.hashing import HashedWork, hash_later, hash_now
from users.models import User
from users.services import sign_in
from users.tests.conftest import PASSWORD
from users.tests.test_token import bearer

BUSY = (503, "server_error", [("busy", None)])
NEW = "battery staple horse"

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(minji, pair, settings):
    """Whoever comes now is not let through in time."""
    settings.HASH_WAIT_SECONDS = -1


def sign_up(api):
    return api.post("/api/v1/auth/signup/", {"username": "haneul", "password": PASSWORD})


def sign_in_over_http(api):
    return api.post("/api/v1/auth/token/", {"username": "minji", "password": PASSWORD})


def try_nobodys_name(api):
    return api.post("/api/v1/auth/token/", {"username": "nobody", "password": PASSWORD})


@pytest.mark.parametrize("ask", [sign_up, sign_in_over_http, try_nobodys_name])
@pytest.mark.usefixtures("full")
def test_who_cannot_be_served_in_time_is_told(api, ask):
    with nothing_changes():
        answer = ask(api)
    assert refusal(answer) == BUSY
    assert answer["Retry-After"] == "1"


@pytest.mark.usefixtures("full")
def test_a_new_password_that_cannot_be_hashed_in_time_is_refused(pair):
    with nothing_changes():
        answer = bearer(pair.access).post(
            "/api/v1/users/me/password/", {"current_password": PASSWORD, "new_password": NEW}
        )
    assert refusal(answer) == BUSY


@pytest.mark.usefixtures("full")
def test_the_back_offices_login_says_so_on_a_page(minji):
    login = {"username": "minji", "password": PASSWORD}
    with nothing_changes():
        answer = Client().post("/admin/login/", login)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "The shop is busy" in answer.content.decode()


def test_the_back_offices_forms_say_so_too(request, admin_client, minji):
    request.getfixturevalue("full")
    new = {"password1": NEW, "password2": NEW, "reason": "asked"}
    with nothing_changes():
        answer = admin_client.post(f"/admin/users/user/{minji.pk}/password/", new, follow=True)
    assert "The shop is busy" in answer.content.decode()


@pytest.mark.usefixtures("full")
def test_everything_else_goes_on(pair, coupon, api):
    client, began = bearer(pair.access), time.monotonic()
    assert client.post(f"/api/v1/coupons/{coupon.pk}/issue/").status_code == 201
    assert client.get("/api/v1/users/me/").status_code == 200
    assert api.get("/health/live").status_code == 200
    assert time.monotonic() - began < 10


def test_who_waits_longer_than_that_is_told_however_long_the_others_take(settings):
    settings.HASH_WAIT_SECONDS = 0.05
    done = threading.Event()
    first, second = hash_later(done.wait), hash_later(lambda: "hashed")
    with pytest.raises(Busy):
        second.result(timeout=20)
    assert not first.done()
    settings.HASH_WAIT_SECONDS = 20
    third = hash_later(lambda: "in time")
    done.set()
    assert first.result() is True
    assert third.result() == "in time"


def test_so_many_run_at_once_and_no_more(settings):
    at_once, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.001)
        with lock:
            at_once -= 1

    for future in [hash_later(work) for _ in range(20)]:
        future.result()
    assert most == settings.HASHES_AT_ONCE == 1


def test_a_hash_within_a_hash_does_not_wait_for_itself():
    assert hash_now(lambda: hash_now(lambda: "inner")) == "inner"


def test_what_a_hash_raises_is_raised_to_who_asked():
    def fail():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        hash_now(fail)
    assert hash_now(lambda: 1) == 1


def test_lines_of_the_log_from_other_threads_have_the_id_of_the_request():
    told = []

    def tell(_=None):
        told.append((threading.get_ident(), get_contextvars().get("request_id")))
        return finished(None)

    with bound_contextvars(request_id="r1"):
        work = HashedWork(lambda: None, tell, tell).later()
    work.result(timeout=60)

    assert [request_id for _, request_id in told] == ["r1"] * 2
    assert threading.get_ident() not in dict(told)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_threads_that_hash_stand_back():
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert hash_now(niceness) == min(niceness() + hashing.NICENESS, 19)


def test_all_ways_to_a_hash_pass_the_gate(monkeypatch, minji):
    def refuse(compute):
        raise Busy

    monkeypatch.setattr(passwords, "hash_now", refuse)
    ways = [
        lambda: minji.check_password("x"),
        lambda: minji.set_password("x"),
        lambda: User.objects.create_user(username="haneul", password="x"),
        lambda: sign_in(username="minji", password="x"),
        lambda: sign_in(username="nobody", password="x"),
    ]
    for way in ways:
        with pytest.raises(Busy):
            way()


@pytest.mark.parametrize("password", ["wrong", "wröng", "틀린 암호"])
def test_a_name_that_nobody_has_takes_as_many_hashes(monkeypatch, minji, password):
    counted = []
    for function in ("make_password", "verify_password"):
        original = getattr(passwords, function)
        monkeypatch.setattr(
            passwords, function, lambda *a, original=original: (counted.append(1), original(*a))[1]
        )
    hashes = []
    for name in ("minji", "nobody"):
        counted.clear()
        Client().post("/admin/login/", {"username": name, "password": password})
        by_admin = len(counted)
        counted.clear()
        with pytest.raises(Exception, match="no_active_account"):
            sign_in(username=name, password=password)
        hashes.append((by_admin, len(counted)))
    assert hashes[0] == hashes[1]
