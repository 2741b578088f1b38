"""Every error under /api/ has one format, whoever found it: a view, the framework, the database."""

import json
import logging

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError

from ecommerce import error_pages
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.over_wsgi import assert_format
from products.models import ProductQuerySet

PRODUCTS = "/api/v1/products/"
CHARGE = "/api/v1/users/me/balance/charge/"
SIGN_UP = "/api/v1/auth/signup/"

pytestmark = pytest.mark.django_db


# --- Paths and methods --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"]
)
@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/nothing",
        "/api/v1/",
        "/api/v2/products/",
        "/api/v1/product/",
        "/api/v1/products",  # without its slash
        "/api/v1/users/me/balance/charge",
        "/api/v1/products/1/reviews/2/",
        "/api/v1/%00/",
        "/api/v1/%ff/",
        "/api/v1/상품/",
        "/api/" + "deep/" * 200,
    ],
)
def test_an_unknown_path_is_not_found_whatever_the_method(api, method, path):
    answer = api.generic(method, path)

    assert answer.status_code == 404
    if method != "HEAD":
        assert_format(answer)
        assert refusal(answer) == refused(404, "not_found")


def test_an_unknown_path_is_not_found_whatever_else_is_wrong(api):
    api.credentials(HTTP_AUTHORIZATION="Bearer garbage")

    answer = api.generic("POST", "/api/nothing", "{", "text/html", headers={"Accept": "text/html"})

    assert refusal(answer) == refused(404, "not_found")


def test_outside_of_the_api_an_unknown_path_is_a_page(api):
    answer = api.get("/nothing")

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", PRODUCTS, "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/v1/products/1/", "GET, HEAD, OPTIONS"),
        ("GET", SIGN_UP, "POST, OPTIONS"),
        ("PATCH", SIGN_UP, "POST, OPTIONS"),
        ("X", PRODUCTS, "GET, HEAD, OPTIONS"),
        ("POST", "/api/schema/", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/docs/", "GET, HEAD"),
        ("OPTIONS", "/api/docs/", "GET, HEAD"),
        ("PUT", "/api/redoc/", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(api, method, path, allowed):
    answer = api.generic(method, path)

    assert_format(answer)
    assert refusal(answer) == refused(405, "method_not_allowed")
    assert answer["Allow"] == allowed


def test_a_member_who_uses_a_wrong_method_is_told_so(client):
    assert refusal(client.get(CHARGE)) == refused(405, "method_not_allowed")
    assert refusal(client.delete("/api/v1/orders/1/")) == refused(405, "method_not_allowed")


# --- What the client understands and sends ------------------------------------------------------


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "garbage"])
@pytest.mark.parametrize("path", [PRODUCTS, "/api/schema/"])
def test_who_wants_no_json_gets_an_error_in_json(api, path, accept):
    answer = api.get(path, headers={"Accept": accept})

    assert_format(answer)
    assert refusal(answer) == refused(406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, */*;q=0.8"])
def test_a_browser_is_answered_in_json(api, accept):
    answer = api.get(PRODUCTS, headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"amount": 1_000}',
        b'{"amount": 1000,}',
        b"{'amount': 1000}",
        b'{"amount": NaN}',
        b'{"amount": -Infinity}',
        b'{"amount": ' + b"9" * 5_000 + b"}",
        b"amount=1000",
        b"\xff\xfe",
        b'{"amount": 1000} {}',
        b"[" * 60_000,
        b'{"amount":' * 6_000,
        b"[" * 30_000 + b"]" * 30_000,
    ],
)
def test_broken_json_is_refused(client, body):
    with nothing_changes():
        answer = client.generic("POST", CHARGE, body, "application/json")

    assert_format(answer)
    assert refusal(answer) == (400, "client_error", [("parse_error", None)])


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ],
)
def test_a_body_that_is_not_said_to_be_json_is_refused(client, content_type):
    with nothing_changes():
        answer = client.generic("POST", CHARGE, b'{"amount": 1000}', content_type)

    assert_format(answer)
    assert refusal(answer) == refused(415, "unsupported_media_type")


# --- What goes wrong inside ---------------------------------------------------------------------


@pytest.fixture
def break_products(monkeypatch):
    """Makes reading products fail with an error."""

    def break_with(error):
        def fail(self):
            raise error

        monkeypatch.setattr(ProductQuerySet, "listed", fail)

    return break_with


def test_an_unexpected_exception_is_logged_and_tells_the_client_nothing(
    api, break_products, caplog
):
    error = RuntimeError("password=hunter2 at /srv/shop")
    break_products(error)

    answer = api.get(PRODUCTS)

    assert answer.status_code == 500
    assert_format(answer)
    assert answer.json() == {
        "type": "server_error",
        "errors": [{"code": "error", "detail": "Server Error (500)", "attr": None}],
    }
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info[1] is error


def test_an_exception_in_a_middleware_has_the_same_answer(api, monkeypatch, caplog):
    def fail(request):
        raise RuntimeError("hunter2")

    monkeypatch.setattr("common.http.bodies.declared_length", fail)

    answer = api.get(PRODUCTS)

    assert_format(answer)
    assert refusal(answer) == (500, "server_error", [("error", None)])
    assert "hunter2" not in answer.content.decode()
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("path", ["/apix", "/apix/", "/apix/v1/products/", "/v1/api/"])
def test_what_only_looks_like_the_api_is_answered_with_a_page(api, path):
    answer = api.get(path, headers={"Accept-Language": "ko"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert {"Accept-Language", "Cookie"} <= set(answer["Vary"].split(", "))


def test_outside_of_the_api_a_bug_is_a_page(api, monkeypatch, caplog):
    def fail():
        raise RuntimeError("hunter2")

    monkeypatch.setattr("ecommerce.health.connection.cursor", fail)

    answer = api.get("/health/ready")

    assert (answer.status_code, answer["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "hunter2" not in answer.content.decode()
    assert "hunter2" in caplog.text


@pytest.mark.parametrize(
    ("handler", "status", "code"),
    [
        (error_pages.bad_request, 400, "invalid"),
        (error_pages.forbidden, 403, "permission_denied"),
        (error_pages.not_found, 404, "not_found"),
    ],
)
def test_what_no_view_refused_has_the_format_under_the_api_and_is_a_page_elsewhere(
    rf, handler, status, code
):
    inside, outside = (handler(rf.get(path), Exception("why")) for path in ("/api/x", "/x"))

    assert inside.status_code == outside.status_code == status
    assert [error["code"] for error in json.loads(inside.content)["errors"]] == [code]
    assert outside["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a_b", "x:y:z"])
def test_a_foreign_host_is_refused(api, host):
    answer = api.get(PRODUCTS, headers={"Host": host})

    assert_format(answer)
    assert refusal(answer) == refused(400, "invalid")
    assert host not in answer.content.decode()


def test_a_foreign_host_is_refused_with_a_page_outside_of_the_api(api):
    answer = api.get("/admin/login/", headers={"Host": "evil.example"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(1213, "Deadlock found when trying to get lock"),
        OperationalError(1205, "Lock wait timeout exceeded"),
        OperationalError(1020, "Record has changed since last read"),
        OperationalError("database is locked"),
        OperationalError("database table is locked: products_product"),
    ],
)
def test_a_read_that_lost_a_deadlock_is_busy_and_no_bug(api, break_products, caplog, error):
    break_products(error)

    answer = api.get(PRODUCTS)

    assert_format(answer)
    assert refusal(answer) == (503, "server_error", [("busy", None)])
    assert answer["Retry-After"] == "1"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(2006, "Server has gone away"),
        OperationalError(2013, "Lost connection to server during query"),
        OperationalError(2002, "Can't connect through socket"),
        OperationalError(1040, "Too many connections"),
        OperationalError("unable to open database file"),
        InterfaceError("connection already closed"),
    ],
)
def test_a_read_without_a_database_is_unavailable(api, break_products, error):
    break_products(error)

    answer = api.get(PRODUCTS)

    assert_format(answer)
    assert refusal(answer) == (503, "server_error", [("unavailable", None)])
    assert answer["Retry-After"] == "5"


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(1054, "Unknown column 'prise'"),
        OperationalError("no such column: prise"),
        OperationalError(),
        ProgrammingError(1146, "Table doesn't exist"),
    ],
)
def test_a_broken_query_is_a_bug_not_a_busy_database(api, break_products, caplog, error):
    break_products(error)

    answer = api.get(PRODUCTS)

    assert refusal(answer) == (500, "server_error", [("error", None)])
    assert "prise" not in answer.content.decode()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_thousand_query_parameters_are_refused_like_one(api):
    answer = api.get("/api/v1/products/?" + "&".join(f"a{number}=1" for number in range(2000)))
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["unknown_field"]
