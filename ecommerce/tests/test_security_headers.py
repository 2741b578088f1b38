"""What every answer says to a browser, whoever asks for what and however it ends.

The kind: an answer that a browser takes for something else, shows within a page of another site,
or tells another site about. Every part of the shop that makes answers is asked for one: views,
pages, files, errors, and what answers before or outside of Django's own middlewares.
"""

import pytest
from django.conf import settings
from django.test import Client, RequestFactory

from conftest import client_of
from ecommerce.common.handler import failure_response

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
    return {name: answer.headers.get(name) for name in HEADERS}


def test_every_answer_says_how_it_may_be_used(answer):
    expected = dict(HEADERS)
    if answer.wsgi_request.path == "/api/docs/":
        # The library's own: a sign-in by OAuth, which the shop has not, would open a window.
        expected["Cross-Origin-Opener-Policy"] = "unsafe-none"
    assert said(answer) == expected


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
