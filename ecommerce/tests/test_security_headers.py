"""What every answer says to a browser, whoever asks for what and however it ends.

The kind: an answer that a browser takes for something else, shows within a page of another site,
or tells another site about. Every part of the shop that makes answers is asked for one: views,
pages, files, errors, and what answers before or outside of Django's own middlewares.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver

from common.api.handler import failure_response
from conftest import client_of

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

ANSWERS = {
    "a list": ("/api/v1/products/", 200),
    "what a member sees": ("/api/v1/users/me/", 200),
    "an unknown product": ("/api/v1/products/0/", 404),
    "an unknown path": ("/api/v1/nothing/", 404),
    "a parameter that is not known": ("/api/v1/products/?x=1", 400),
    "a redirect": ("/", 302),
    "the description": ("/api/schema/", 200),
    "Swagger": ("/api/docs/", 200),
    "Redoc": ("/api/redoc/", 200),
    "a probe": ("/health/live", 200),
    "the sign-in page": ("/admin/login/", 200),
    "a page that asks to sign in": ("/admin/", 302),
    "a page that there is not": ("/nothing/", 404),
    "a file": ("/static/coupons/sentence.js", 200),
    "a host that is not ours": ("/api/v1/products/", 400),
}


def every_path(patterns: Iterable[Any] = (), before: str = "") -> Iterator[str]:
    """A path of every route that there is, with ones for what varies in it."""
    for pattern in patterns or get_resolver().url_patterns:
        path = before + re.sub(r"<[^>]+>", "1", simplify_regex(str(pattern.pattern)).lstrip("/"))
        if isinstance(pattern, URLResolver):
            yield from every_path(pattern.url_patterns, path)
        else:
            yield f"/{path}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_every_path_says_it_to_a_stranger_whatever_the_method(client, method):
    paths = {*every_path(), "/static/no.js", "/static/coupons/sentence.js", "/api", "/x"}
    assert len(paths) > 100
    silent = []
    for path in sorted(paths):
        answer = client.generic(method, path)
        if not answer.get("Cache-Control") or said(answer) != HEADERS:
            silent.append((path, answer.status_code))
        answer.close()
    assert silent == []


@pytest.fixture(params=ANSWERS)
def answer(request, member):
    path, status = ANSWERS[request.param]
    client = client_of(member if path == "/api/v1/users/me/" else None)
    host = "shop.invalid" if request.param == "a host that is not ours" else "localhost"
    answer = client.get(path, SERVER_NAME=host)
    assert answer.status_code == status
    yield answer
    answer.close()


def said(answer):
    assert answer["Cache-Control"]
    return {name: answer.headers.get(name) for name in HEADERS}


def test_every_answer_says_how_it_may_be_used(answer):
    assert said(answer) == HEADERS


def test_so_does_a_page_of_the_back_office(admin_client):
    assert said(admin_client.get("/admin/coupons/coupon/")) == HEADERS


@pytest.mark.parametrize("method", ["post", "put", "delete", "trace", "options"])
def test_so_does_a_refused_method(client, method):
    answer = getattr(client, method)("/api/v1/products/")
    assert answer.status_code == (200 if method == "options" else 405)
    assert said(answer) == HEADERS


def test_so_does_a_refused_body(client):
    body = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    answer = client.post("/api/v1/orders/", body, content_type="application/json")
    assert answer.status_code == 413
    assert said(answer) == HEADERS


def test_so_does_a_bug(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("products.views.ProductViewSet.list", fail)
    client = Client(SERVER_NAME="localhost", raise_request_exception=False)
    answer = client.get("/api/v1/products/")
    assert answer.status_code == 500
    assert said(answer) == HEADERS


@pytest.mark.parametrize("path", ["/api/v1/products/", "/admin/"])
def test_so_does_what_fails_outside_of_every_middleware(path):
    answer = failure_response(RequestFactory().get(path).META, RuntimeError())
    assert answer.status_code == 500
    assert said(answer) == HEADERS


# --- What a page may load -----------------------------------------------------------------------


def test_every_answer_says_what_it_may_load(answer):
    policy = dict(
        part.strip().partition(" ")[::2] for part in answer["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    page = answer.wsgi_request.path.startswith(("/admin/", "/api/docs/", "/api/redoc/"))
    assert ("script-src" in policy) == page
    for source in " ".join(policy.values()).split():
        assert source in {"'none'", "'self'", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'"}
    assert "'unsafe-inline'" not in policy.get("script-src", "")


# --- What may be kept ---------------------------------------------------------------------------

KEPT_BY_NOBODY = [
    ("get", "/api/v1/users/me/", {}),
    ("patch", "/api/v1/users/me/", {"email": "a@example.com"}),
    ("patch", "/api/v1/users/me/", {"email": "x"}),
    ("post", "/api/v1/users/me/password/", {}),
    ("get", "/api/v1/users/me/balance/", {}),
    ("post", "/api/v1/users/me/balance/charge/", {"amount": 1}),
    ("get", "/api/v1/users/me/balance/transactions/", {}),
    ("get", "/api/v1/users/me/coupons/", {}),
    ("get", "/api/v1/orders/", {}),
    ("post", "/api/v1/orders/", {"items": []}),
    ("get", "/api/v1/orders/1/", {}),
    ("post", "/api/v1/orders/1/cancel/", {}),
    ("post", "/api/v1/coupons/1/issue/", {}),
    ("post", "/api/v1/auth/signup/", {"username": "haneul", "password": "correct horse battery"}),
    ("post", "/api/v1/auth/token/", {"username": "x", "password": "y"}),
    ("post", "/api/v1/auth/token/refresh/", {"refresh": "x"}),
    ("post", "/api/v1/auth/token/revoke/", {"refresh": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), KEPT_BY_NOBODY)
@pytest.mark.parametrize("signed_in", [True, False])
def test_what_is_a_members_is_kept_by_nobody(member, method, path, body, signed_in):
    answer = getattr(client_of(member if signed_in else None), method)(path, body)
    assert answer["Cache-Control"] == "no-store"


def test_tokens_are_kept_by_nobody(api, make_member):
    make_member(username="haneul", password="correct horse battery")
    body = {"username": "haneul", "password": "correct horse battery"}
    answer = api.post("/api/v1/auth/token/", body)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    answer = api.post("/api/v1/auth/token/refresh/", {"refresh": answer.json()["refresh"]})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")


@pytest.mark.parametrize("path", ["/api/v1/products/", "/api/v1/coupons/", "/api/v1/categories/"])
def test_what_anyone_may_read_is_kept_by_who_is_signed_in_too(client, path):
    assert client.get(path)["Cache-Control"] == "no-cache"


def test_pages_of_the_back_office_are_kept_by_nobody(admin_client):
    for path in ("/admin/", "/admin/users/user/", "/admin/login/"):
        assert "no-store" in admin_client.get(path)["Cache-Control"]
