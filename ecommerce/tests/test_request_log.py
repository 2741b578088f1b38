"""One structured line per request, and the id that ties it to the answer."""

import json
import logging
import logging.config
import time
from io import StringIO

import pytest
from django.conf import settings as project_settings
from django.db import connection

from common.db import timing
from conftest import client_of
from ecommerce import logs
from products.models import ProductQuerySet
from users.models import User
from users.services import sign_in, sign_up, wallets

PRODUCTS = "/api/v1/products/"
CHARGE = "/api/v1/users/me/balance/charge/"
PASSWORD = "correct horse battery"
FIELDS = [
    "duration_ms",
    "event",
    "level",
    "member_id",
    "method",
    "path",
    "request_id",
    "status",
    "time",
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def output():
    """All that is logged, as the settings would print it."""
    configuration = logging.config.DictConfigurator(project_settings.LOGGING)
    json_lines = project_settings.LOGGING["formatters"]["json"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(configuration.configure_formatter(dict(json_lines)))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def lines(output):
    """What the lines logged so far say of requests."""

    def read():
        entries = [json.loads(line) for line in output.getvalue().splitlines()]
        return [entry for entry in entries if entry["event"] == "request"]

    return read


@pytest.mark.time_machine("2026-11-23T12:00:00.123456Z", tick=False)
def test_a_request_leaves_one_line_with_these_fields(client, member, lines):
    answer = client.post(CHARGE, {"amount": 1_000})

    (line,) = lines()
    assert sorted(line) == FIELDS
    assert isinstance(line.pop("duration_ms"), float)
    assert line == {
        "time": "2026-11-23T12:00:00.123456Z",
        "level": "info",
        "event": "request",
        "request_id": answer["X-Request-ID"],
        "method": "POST",
        "path": CHARGE,
        "status": 201,
        "member_id": member.pk,
    }


def test_every_request_has_its_own_line_and_id(api, lines):
    answers = [api.get(PRODUCTS) for _ in range(3)]

    ids = [line["request_id"] for line in lines()]
    assert ids == [answer["X-Request-ID"] for answer in answers]
    assert len(set(ids)) == 3


def test_who_is_not_signed_in_has_no_member_id(api, lines):
    api.get(PRODUCTS)
    client_of().get("/api/v1/users/me/")

    assert [(line["status"], line["member_id"]) for line in lines()] == [(200, None), (401, None)]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing/", 404),
        ("GET", "/nothing", 404),
        ("DELETE", PRODUCTS, 405),
        ("GET", "/health/live", 200),
        ("GET", "/api/docs/", 200),
        ("GET", "/admin/", 302),
        ("GET", "/", 302),
        ("HEAD", "/api/v1/상품/", 404),
    ],
)
def test_whatever_the_answer_the_request_leaves_its_line(api, lines, method, path, status):
    answer = api.generic(method, path)

    (line,) = lines()
    assert (line["method"], line["path"], line["status"]) == (method, path, status)
    assert line["request_id"] == answer["X-Request-ID"]


def test_a_body_that_is_too_large_leaves_its_line(api, lines):
    answer = api.generic("POST", CHARGE, b" " * 65_537, "application/json")

    (line,) = lines()
    assert (line["status"], line["request_id"]) == (413, answer["X-Request-ID"])


def test_a_foreign_host_leaves_its_line(api, lines):
    answer = api.get(PRODUCTS, headers={"Host": "evil.example"})

    (line,) = lines()
    assert (line["status"], line["request_id"]) == (400, answer["X-Request-ID"])


def test_a_bug_leaves_its_line_and_its_trace_under_one_id(api, lines, output, monkeypatch):
    def fail(self):
        raise RuntimeError("a bug")

    monkeypatch.setattr(ProductQuerySet, "listed", fail)

    answer = api.get(PRODUCTS)

    (line,) = lines()
    assert (line["status"], line["level"]) == (500, "info")
    (trace,) = [json.loads(text) for text in output.getvalue().splitlines() if "a bug" in text]
    assert trace["level"] == "error"
    assert "RuntimeError: a bug" in trace["exception"]
    assert trace["request_id"] == line["request_id"] == answer["X-Request-ID"]


# --- The request's id ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", ["a", "x" * 128, "7c9e6679-7425-40de-944b-e07fc1f90ae7", "trace:1/2+3=@a.b_c"]
)
def test_a_sane_id_of_the_clients_is_used(api, lines, sent):
    answer = api.get(PRODUCTS, headers={"X-Request-ID": sent})

    assert answer["X-Request-ID"] == sent
    assert [line["request_id"] for line in lines()] == [sent]


@pytest.mark.parametrize(
    "sent", ["", "x" * 129, "a b", "a\nb", "a\r\nSet-Cookie: b", "요청", "a\n", '"', "<b>", "\x00"]
)
def test_any_other_id_is_replaced(api, lines, sent):
    answer = api.get(PRODUCTS, headers={"X-Request-ID": sent})

    (line,) = lines()
    assert line["request_id"] == answer["X-Request-ID"]
    assert len(answer["X-Request-ID"]) == 32
    assert set(answer["X-Request-ID"]) <= set("0123456789abcdef")


# --- What is never logged -----------------------------------------------------------------------


def test_passwords_tokens_bodies_and_queries_are_never_logged(api, output):
    credentials = {"username": "minji", "password": PASSWORD}
    api.post("/api/v1/auth/signup/", credentials)
    api.post("/api/v1/auth/signup/", credentials | {"passwort": "hunter2-unknown"})
    api.post("/api/v1/auth/token/", credentials | {"password": "hunter2-wrong"})
    pair = api.post("/api/v1/auth/token/", credentials).json()
    api.generic("POST", "/api/v1/auth/token/", b'{"password": "hunter2-broken"', "text/plain")
    api.post("/api/v1/auth/token/refresh/", {"refresh": pair["refresh"]})
    api.get(PRODUCTS, {"search": "hunter2-query"})
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    api.post(CHARGE, {"amount": 1_234_567}, headers={"Idempotency-Key": "hunter2-key"})

    printed = output.getvalue()
    assert len(printed.splitlines()) == 8
    for secret in (PASSWORD, "hunter2", pair["access"], pair["refresh"], "1234567", "eyJ"):
        assert secret not in printed


def test_not_even_with_a_bug(api, output, monkeypatch):
    def fail(self, **kwargs):
        raise RuntimeError("a bug")

    sign_up(username="minji", password=PASSWORD)
    pair = sign_in(username="minji", password=PASSWORD)
    monkeypatch.setattr(User, "save", fail)
    monkeypatch.setattr("users.services.wallets.lock_wallets", fail)
    api.post("/api/v1/auth/signup/", {"username": "haneul", "password": PASSWORD})
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    api.post(CHARGE, {"amount": 1_234_567})

    printed = output.getvalue()
    assert printed.count('"exception"') == 2
    for secret in (PASSWORD, pair.access, "1234567"):
        assert secret not in printed


# --- The cost -----------------------------------------------------------------------------------


def test_the_line_costs_no_query(client, api, lines, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get("/api/v1/users/me/balance/")
    with django_assert_num_queries(0):
        api.get("/api/v1/nothing/")
    with django_assert_num_queries(0):  # nobody has looked who is in this session
        api.cookies["sessionid"] = "x" * 32
        api.get("/health/live")

    assert len(lines()) == 3


# --- Traces, and where the time went ------------------------------------------------------------

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_trace_that_is_sent_is_in_the_line(api, lines):
    api.get(PRODUCTS, headers={"traceparent": TRACE})

    (line,) = lines()
    assert line["traceparent"] == TRACE


@pytest.mark.parametrize(
    "sent", ["", "00-1-2-01", TRACE.upper(), f"{TRACE}-x", "추적", f"{TRACE}\n"]
)
def test_what_is_no_trace_is_left_out(api, lines, sent):
    api.get(PRODUCTS, headers={"traceparent": sent})

    (line,) = lines()
    assert "traceparent" not in line


PARTS = ["queue_ms", "lock_ms", "database_ms", "python_ms"]


@pytest.mark.django_db(transaction=True)
def test_a_slow_request_says_where_its_time_went(client, lines, settings, monkeypatch):
    settings.SLOW_REQUEST_SECONDS = 0.3
    real = wallets.charge_wallets

    def slow(charges, **options):
        with timing.waiting_for_locks():
            time.sleep(0.2)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        time.sleep(0.15)
        return real(charges, **options)

    monkeypatch.setattr(wallets, "charge_wallets", slow)

    client.post(CHARGE, {"amount": 1_000})

    (line,) = lines()
    assert 200 <= line["lock_ms"] < 300
    assert 150 <= line["python_ms"] < 300
    assert line["database_ms"] > 0
    assert line["duration_ms"] == pytest.approx(sum(line[part] for part in PARTS), abs=0.5)


def test_a_quick_one_does_not(api, lines):
    api.get(PRODUCTS)

    (line,) = lines()
    assert not set(PARTS) & set(line)


def test_with_zero_every_request_does(api, lines, settings):
    settings.SLOW_REQUEST_SECONDS = 0

    api.get(PRODUCTS)

    (line,) = lines()
    assert set(PARTS) <= set(line)


# --- Probes, and people -------------------------------------------------------------------------


def test_a_probe_that_names_itself_leaves_no_line_while_all_is_well(api, lines, monkeypatch):
    probe = {"User-Agent": "probe"}

    assert [api.get(path, headers=probe).status_code for path in HEALTH] == [200, 200]
    assert lines() == []

    monkeypatch.setattr("ecommerce.health.database_answers", lambda: False)
    assert api.get("/health/ready", headers=probe).status_code == 503
    assert api.get(PRODUCTS, headers=probe).status_code == 200
    assert api.get("/health/nothing", headers=probe).status_code == 404
    assert [line["status"] for line in lines()] == [503, 200, 404]


HEALTH = ["/health/live", "/health/ready"]


def test_for_people_a_line_is_text(monkeypatch):
    monkeypatch.setenv("LOG_FORMAT", "text")
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "worker gone", (), None)

    line = logs.granians_formatter().format(record)

    assert "worker gone" in line
    assert "warning" in line
    assert "\x1b" not in line  # the tests' output is no terminal
