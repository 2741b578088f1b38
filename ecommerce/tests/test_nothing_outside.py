"""Nothing is outside the error format: not what fails before the middlewares, nor in one of them.

The kind: a request that can't be read, or a part of the shell around the views that fails. Under
/api/ it has the one format, elsewhere a page, and everywhere an id and a line in the log.
"""

import json
import logging
from itertools import product

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import Http404
from django.http.multipartparser import MultiPartParserError

from common.api import conditional
from ecommerce import wsgi
from ecommerce.tests.expectations import refusal, refused
from ecommerce.tests.over_wsgi import ask, assert_format

pytestmark = pytest.mark.django_db

PATHS = ["/api/v1/products/", "/api/v1/nothing/", "/admin/login/", "/health/live", "/static/x", "/"]
ENCODINGS = [
    *("base64", "hex", "rot13", "zlib", "bz2", "uu", "quopri"),  # from bytes to bytes
    *("utf-16", "utf-32", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape"),
    *("undefined", "mbcs", "oem", "unknown-8bit", "x", ""),
    *("037", "1026", "65001", "932", "949", "1", "0", "-1", "9" * 400),  # numbers
    *('"base64"', "'base64'", '"utf-16', "base64; charset=utf-8", "utf-8; charset=base64"),
    *("\x00", "\xff", "utf-8\x00", "../base64", "x" * 60_000, ";" * 60_000),
]
CONTENT_TYPES = [
    *(f"text/plain; charset={encoding}" for encoding in ENCODINGS),
    *(f"{kind}; charset=base64" for kind in ("application/json", "multipart/form-data", "", ";")),
    *("text/plain; charset*=base64''utf-8", "text/plain; charset*=x''utf-8"),
    *("text/plain; charset*0*=x''u; charset*1=tf", "text/plain; charset*=utf-8''%ff%"),
    *("text/plain; boundary*=x'y'z", "multipart/form-data; boundary*=base64''x", "; " * 30_000),
]


@pytest.fixture
def lines(caplog):
    """The lines that requests left in the log so far: (id, status)."""
    caplog.set_level(logging.INFO, logger="request")

    def read():
        entries = [record.msg for record in caplog.records if record.name == "request"]
        return [(entry["request_id"], entry["status"]) for entry in entries]

    return read


# --- What a request is said to contain ----------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_content_type_is_a_bug_or_changes_how_the_query_is_read(lines, method, path):
    target = f"{path}?ordering=%EA%B0%80&next=%2F"
    plain = ask(method, target)
    for content_type in CONTENT_TYPES:
        answer = ask(method, target, CONTENT_TYPE=content_type)

        assert answer.status == plain.status < 500, content_type
        if path.startswith("/api/"):
            assert answer.content == plain.content, content_type
        assert lines()[-1] == (answer["X-Request-ID"], answer.status)


@pytest.mark.parametrize("encoding", ["037", "utf-16", "utf-7", "base64"])
def test_the_test_client_reads_the_same(api, monkeypatch, encoding):
    if encoding != "base64":  # which Django's own request ends with
        monkeypatch.setattr("django.test.client.WSGIRequest", WSGIRequest)

    answer = api.generic(
        "GET",
        "/api/v1/products/?ordering=%EA%B0%80",
        content_type=f"text/plain; charset={encoding}",
    )

    assert refusal(answer) == refused(400, "invalid_choice", "ordering")


def test_a_body_is_read_as_utf_8_whatever_it_is_said_to_be(client):
    for encoding in [one for one in ENCODINGS if len(one) < 100]:
        content_type = f"application/json; charset={encoding}"

        answer = client.generic("POST", "/api/v1/orders/", '{"쿠폰": 1}'.encode(), content_type)

        assert refusal(answer)[2] == [("required", "items"), ("unknown_field", "쿠폰")], encoding


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_of_the_admin_is_read_as_utf_8_or_not_at_all(kind):
    for content_type in CONTENT_TYPES:
        form = f"{kind};{content_type.partition(';')[2]}"
        body = b"username=%EA%B0%80&password=x"
        answer = ask("POST", "/admin/login/?a=%ff", body=body, CONTENT_TYPE=form)

        assert answer.status in (400, 403), content_type


@pytest.mark.parametrize(
    "length", ["many", "-1", "+1", "1.5", "0x10", "١", "1_0", " 5", "", "9" * 30, "9" * 5_000]
)
@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/v1/auth/token/", "application/json"),
        ("/admin/login/", "application/x-www-form-urlencoded"),
        ("/admin/login/", "multipart/form-data; boundary=x"),
        ("/health/live", "text/plain"),
    ],
)
def test_a_length_that_is_none_is_no_bug(lines, path, content_type, length):
    environ = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": length}

    answer = ask("POST", path, body=b"{}", **environ)

    assert 400 <= answer.status < 500
    assert lines() == [(answer["X-Request-ID"], answer.status)]


# --- What is asked for --------------------------------------------------------------------------

ODD_PATHS = [
    *("/%00", "/%ff", "/%", "/%zz", "/\x00", "/\xff\xfe", "/\xed\xa0\x80", "/..", "/../..", "/."),
    *("//", "/\\", "/\r\nX: y", "/" + "x" * 60_000, "/" + "x/" * 30_000, "/" + "\xff" * 60_000),
    *("/?" + "a" * 60_000, "/?" + "&" * 60_000, "/?%", "/?%ff=%ff", "/?\xff=\x00", "/?=", "/?&"),
    *("/?" + "&".join(f"a{n}=1" for n in range(5_000)), "/?a[b]=1", "/?next=//evil", "/?a;b"),
]
PREFIXES = ["", "/api", "/api/v1/products", "/api/schema", "/admin", "/static", "/health/live", "/"]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_path_and_no_query_is_a_bug(lines, prefix):
    for odd in ODD_PATHS:
        answer = ask("GET", prefix + odd)

        assert answer.status < 500, odd[:20]
        if (prefix + odd).startswith("/api/") and answer.status != 200:
            assert_format(answer)
            assert len(answer.content) <= 16_384
        assert lines()[-1] == (answer["X-Request-ID"], answer.status)


ABSOLUTE = ["http://localhost/api/v1/products/", "//api/v1/products/", "*", "", "api/v1/products/"]


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "CONNECT"])
def test_a_target_that_is_no_path_is_no_bug(lines, method):
    for target in ABSOLUTE:
        answer = ask(method, target)

        assert answer.status < 500, target
        assert lines()[-1] == (answer["X-Request-ID"], answer.status)


HEADERS = [
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_AUTHORIZATION",
    "HTTP_COOKIE",
    "HTTP_HOST",
    "HTTP_IDEMPOTENCY_KEY",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_HTTP_METHOD_OVERRIDE",
    "HTTP_X_REQUEST_ID",
]
VALUES = [
    "",
    "\x00",
    "\xff",
    "\xed\xa0\x80",
    "=",
    ";=,;q=x",
    "\u00bd",
    '"',
    "Bearer",
    "Bearer \xff",
]


@pytest.mark.parametrize("header", HEADERS)
def test_no_header_is_a_bug(lines, header):
    for path, value in product(PATHS, VALUES):
        answer = ask("GET", path, **{header: value})

        assert answer.status < 500, (path, value)
        assert lines()[-1] == (answer["X-Request-ID"], answer.status)


METHODS = ["TRACE", "CONNECT", "FOO", "PUT", "DELETE", "LIST", "initial", "X" * 2_000, "\xff"]


QUERIES = ["", "?x=1", "?page_size=0", "?" + "&".join(f"a{n}" for n in range(2_000))]


@pytest.mark.parametrize(
    "path", ["products/", "products/1/", "orders/", "orders/1/cancel/", "auth/token/", "users/me/"]
)
def test_a_method_that_a_path_does_not_have_is_405_whatever_else_is_wrong(path):
    for method, query in product(METHODS, QUERIES):
        answer = ask(method, f"/api/v1/{path}{query}", body=b"{", CONTENT_TYPE="text/plain")

        assert refusal(answer) == refused(405, "method_not_allowed"), (method, query[:20])
        assert "OPTIONS" in answer["Allow"]
        assert len(answer.content) <= 16_384


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/login/", "/admin/x/", "/", "/health/live", "/metrics", "/static/x"]
)
def test_a_page_has_no_method_but_those_of_pages(lines, path):
    """Not a sign-in first: what a path doesn't have is not there for anyone."""
    for method, query in product([*METHODS, "OPTIONS", "PATCH"], ["", "?x", "?next=/"]):
        answer = ask(method, f"{path}{query}")

        assert (answer.status, answer["Allow"]) == (405, "GET, HEAD, POST"), (method, query)
        assert lines()[-1] == (answer["X-Request-ID"], 405)


@pytest.mark.parametrize("override", ["HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD"])
def test_no_header_or_field_makes_another_method_of_it(override):
    answer = ask("POST", "/api/v1/products/", body=b"_method=GET", **{override: "GET"})

    assert refusal(answer)[2] == [("method_not_allowed", None)]


# --- What fails around the views ----------------------------------------------------------------

FAILURES = {
    "a bug": (RuntimeError("hunter2"), 500, "error"),
    "suspicious": (SuspiciousOperation("hunter2"), 400, "invalid"),
    "a broken form": (MultiPartParserError("hunter2"), 400, "invalid"),
    "forbidden": (PermissionDenied("hunter2"), 403, "permission_denied"),
    "not found": (Http404("hunter2"), 404, "not_found"),
}
failure = FAILURES["a bug"][0]


def fails_before(get_response):
    def middleware(request):
        raise failure

    return middleware


def fails_after(get_response):
    def middleware(request):
        get_response(request)
        raise failure

    return middleware


class FailsAtTheView:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        raise failure


@pytest.fixture
def load(settings, monkeypatch):
    """Makes `ask` ask a fresh application whose middlewares are these."""

    def load_with(middlewares):
        settings.MIDDLEWARE = middlewares
        fresh = wsgi.AnswerFailures(wsgi.ShopHandler())
        monkeypatch.setattr(wsgi, "application", fresh)

    return load_with


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("middleware", [fails_before, fails_after, FailsAtTheView])
def test_a_middleware_may_fail_anywhere_in_the_chain(
    settings, monkeypatch, load, lines, middleware, kind
):
    error, status, code = FAILURES[kind]
    monkeypatch.setattr(f"{__name__}.failure", error)
    chain = list(settings.MIDDLEWARE)
    for position, path in product(range(len(chain) + 1), ("/api/v1/categories/", "/admin/login/")):
        name = f"{__name__}.{middleware.__name__}"
        load([*chain[:position], name, *chain[position:]])
        conditional._known.clear()  # or the rest of the chain would not be reached

        answer = ask("GET", path)

        assert answer.status == status, (position, path)
        assert lines()[-1] == (answer["X-Request-ID"], status)
        assert b"hunter2" not in answer.content
        if path.startswith("/api/"):
            assert_format(answer)
            assert answer.json()["errors"][0]["code"] == code
        else:
            assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "broken",
    [
        "ecommerce.error_pages.server_error",
        "common.api.handler.parse_header_parameters",
        "common.api.handler.ShopHandler.get_response",
        "django.core.handlers.wsgi.signals.request_started.send",
    ],
)
def test_what_fails_outside_of_every_middleware_has_its_id_and_line_too(
    settings, monkeypatch, load, lines, caplog, broken
):
    load([*settings.MIDDLEWARE, f"{__name__}.fails_before"])

    def fail(*args, **kwargs):
        raise RuntimeError("hunter2")

    monkeypatch.setattr(broken, fail)
    environ = {"CONTENT_TYPE": "text/plain"}

    inside = ask("POST", "/api/v1/categories/", HTTP_X_REQUEST_ID="mine", **environ)
    outside = ask("GET", "/admin/login/", **environ)

    assert_format(inside)
    assert refusal(inside) == (500, "server_error", [("error", None)])
    assert inside["X-Request-ID"] == "mine"
    assert (outside.status, outside["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert lines() == [("mine", 500), (outside["X-Request-ID"], 500)]
    assert b"hunter2" not in inside.content + outside.content
    assert "hunter2" in caplog.text


def test_an_answer_is_given_also_when_its_line_can_not_be_written(monkeypatch, caplog, capsys):
    caplog.set_level(logging.INFO, logger="request")

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("common.http.request_log.logger.handle", fail)

    answer = ask("GET", "/api/v1/categories/")

    assert answer.status == 200
    assert answer["X-Request-ID"]
    assert "disk full" in capsys.readouterr().err


def test_what_the_log_can_not_write_as_it_is_is_written_otherwise(settings):
    formatter = settings.LOGGING["formatters"]["json"]["processors"][-1]

    written = formatter(None, "info", {"event": "\ud800", "text": "가"})

    assert json.loads(written) == {"event": "\ud800", "text": "가"}
    written.encode()
    assert "가" in written
