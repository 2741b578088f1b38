"""Who asks for `application/problem+json` is told what is wrong as RFC 9457 has it.

The kind: an error that one part of the shop words otherwise than the others. So all that make
errors are asked: views, validation, unknown paths, middlewares, Django's handlers, what failed
outside of everything, and answers that came later.
"""

from concurrent.futures import Future
from http.client import responses

import pytest
from django.conf import settings
from django.test import RequestFactory
from rest_framework.views import APIView

from common.api.handler import ShopHandler, ShopRequest, failure_response
from common.errors import Busy
from common.http.deferred import WAITS_ELSEWHERE, Later
from conftest import client_of
from coupons import services
from ecommerce.tests.expectations import nothing_changes

pytestmark = pytest.mark.django_db

PROBLEM = "application/problem+json"
CHARGE = "/api/v1/users/me/balance/charge/"


def assert_problem(answer, status, *codes):
    """That it is a problem of this status with these codes, and says what the plain answer says."""
    body = answer.json()
    assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM)
    assert "Accept" in {one.strip() for one in answer["Vary"].split(",")}
    assert [error["code"] for error in body["errors"]] == list(codes)
    assert all(error["detail"] for error in body["errors"])
    assert body == {
        "type": "about:blank",
        "title": responses[status],
        "status": status,
        "detail": body["errors"][0]["detail"],
        "code": codes[0],
        "errors": body["errors"],
    }


def refused_by_validation(client, **asking):
    return client.get("/api/v1/products/?x=1&y=2", **asking)


def refused_by_a_view(client, **asking):
    return client.get("/api/v1/products/0/", **asking)


def refused_by_the_domain(client, **asking):
    return client.post("/api/v1/orders/", {"items": [{"product": 0, "quantity": 1}]}, **asking)


def refused_by_authentication(client, **asking):
    return client_of().get("/api/v1/users/me/", **asking)


def refused_as_a_path(client, **asking):
    return client.get("/api/v1/nothing/", **asking)


def refused_as_a_method(client, **asking):
    return client.delete("/api/v1/products/", **asking)


def refused_for_its_size(client, **asking):
    body = b"x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    return client.generic("POST", CHARGE, body, "application/json", **asking)


def refused_for_its_type(client, **asking):
    return client.generic("POST", CHARGE, b"amount=1", "text/plain", **asking)


def refused_by_django(client, **asking):
    return client.get("/api/v1/products/", SERVER_NAME="shop.invalid", **asking)


def refused_without_https(client, **asking):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "SECURE_SSL_REDIRECT", True)
        return client.get("/api/v1/products/", **asking)


REFUSALS = {
    refused_by_validation: (400, "unknown_field", "unknown_field"),
    refused_by_a_view: (404, "not_found"),
    refused_by_the_domain: (400, "does_not_exist"),
    refused_by_authentication: (401, "not_authenticated"),
    refused_as_a_path: (404, "not_found"),
    refused_as_a_method: (405, "method_not_allowed"),
    refused_for_its_size: (413, "request_too_large"),
    refused_for_its_type: (415, "unsupported_media_type"),
    refused_by_django: (400, "invalid"),
    refused_without_https: (403, "https_required"),
}
REFUSED = pytest.mark.parametrize(
    ("ask", "said"), REFUSALS.items(), ids=[ask.__name__ for ask in REFUSALS]
)


@REFUSED
def test_every_error_is_a_problem_to_who_asks_for_it(client, ask, said):
    with nothing_changes():
        answer = ask(client, HTTP_ACCEPT=PROBLEM)

    assert_problem(answer, *said)


@REFUSED
def test_the_others_get_the_plain_format_with_the_same_codes(client, ask, said):
    plain = ask(client)
    problem = ask(client, HTTP_ACCEPT=PROBLEM).json()

    assert plain["Content-Type"] == "application/json"
    assert set(plain.json()) == {"type", "errors"}
    assert plain.json()["errors"] == problem["errors"]
    assert "Accept" in {one.strip() for one in plain["Vary"].split(",")}


@pytest.mark.parametrize(
    ("accept", "is_problem"),
    [
        (PROBLEM, True),
        ("Application/Problem+JSON", True),
        (f"application/json, {PROBLEM}", True),
        (f"{PROBLEM};q=0.5, */*;q=0.1", True),
        (f"text/html, {PROBLEM}; charset=utf-8", True),
        (f"application/json, {PROBLEM};q=0", False),
        (f"application/json, {PROBLEM};q=0.9", False),
        (f"{PROBLEM};q=0.5, application/json;q=0.4", True),
        (f"{PROBLEM}, */*", True),
        (f"a/{PROBLEM}, application/json", False),
        ("application/json", False),
        ("*/*", False),
        ("application/problem+xml", False),
        ("text/html; note=application/problem+json", False),
    ],
)
def test_it_is_a_problem_where_it_is_named(client, accept, is_problem):
    answer = refused_by_a_view(client, HTTP_ACCEPT=accept)

    assert (answer["Content-Type"] == PROBLEM) == is_problem


@pytest.mark.parametrize(
    "accept",
    [
        "application/json;q=0",
        "Application/JSON; Q=0.000",
        "application/*;q=0",
        "*/*;q=0",
        "*/*, application/json;q=0",
        "*/*;q=0.5, application/*;q=0, text/html",
        f"{PROBLEM}, application/json;q=0",
        f"{PROBLEM};q=0, application/json;q=0",
        "text/html",
    ],
)
def test_who_takes_no_json_is_told_so_and_nothing_happens(client, accept):
    with nothing_changes():
        answer = client.post(CHARGE, {"amount": 1_000}, HTTP_ACCEPT=accept)

    assert answer.status_code == 406
    assert answer.json()["errors"][0]["code"] == "not_acceptable"


@pytest.mark.parametrize(
    "accept",
    [
        "application/json;q=0.001",
        "*/*;q=0, application/json",
        "application/*;q=0, application/json;q=0.1",
        "text/html, application/json;q=0.9",
        "application/json; charset=utf-8; q=0.5",
        "application/json;q=nonsense",
        "application/json;q=7",
        f"{PROBLEM}, text/html;q=0",
        "text/html;q*=nowhere''0, application/json;q=0.5",
        f"{PROBLEM};q*=nowhere''0, application/json",
    ],
)
def test_who_takes_json_gets_it(client, accept):
    answer = client.get("/api/v1/products/", HTTP_ACCEPT=accept)

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("application/yaml;q=0.1, application/json", "application/json"),
        ("application/json;q=0.1, application/yaml;q=0.2", "application/yaml; charset=utf-8"),
        ("application/json;q=0.1, */*", "application/vnd.oai.openapi; charset=utf-8"),
        ("*/*, application/vnd.oai.openapi;q=0", "application/yaml; charset=utf-8"),
    ],
)
def test_of_several_forms_the_one_is_sent_that_is_liked_best(client, accept, sent):
    answer = client.get("/api/schema/", HTTP_ACCEPT=accept)

    assert (answer.status_code, answer["Content-Type"]) == (200, sent)


@pytest.mark.parametrize("path", ["/api/v1/products/", "/api/schema/"])
def test_what_is_no_error_is_json(client, path):
    answer = client.get(path, HTTP_ACCEPT=PROBLEM)

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_a_bug_is_a_problem(client, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    client.raise_request_exception = False
    monkeypatch.setattr("products.views.ProductViewSet.list", fail)

    assert_problem(client.get("/api/v1/products/", HTTP_ACCEPT=PROBLEM), 500, "error")


def test_so_is_what_fails_outside_of_any_view(client, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    client.raise_request_exception = False
    monkeypatch.setattr(APIView, "dispatch", fail)

    assert_problem(client.get("/api/v1/products/", HTTP_ACCEPT=PROBLEM), 500, "error")


def test_so_is_what_fails_outside_of_all_middlewares():
    environ = RequestFactory().get("/api/v1/products/", HTTP_ACCEPT=PROBLEM).environ

    answer = failure_response(environ, RuntimeError("a bug"))

    assert (answer.status_code, answer["Content-Type"]) == (500, PROBLEM)


def test_so_is_an_answer_that_came_later(client, coupon, monkeypatch):
    future = Future()
    monkeypatch.setattr(services, "enqueue_issue", lambda **press: future)
    url = f"/api/v1/coupons/{coupon.pk}/issue/"
    sent = {"HTTP_ACCEPT": PROBLEM, WAITS_ELSEWHERE: True}

    later = _unfinished(client, url, sent)
    future.set_exception(Busy())
    answer = later.final()

    assert (answer.status_code, answer["Content-Type"]) == (503, PROBLEM)
    assert answer["Retry-After"] == "1"
    assert b'"code":"busy"' in answer.content


def _unfinished(client, url, sent):
    """What stands for the answer, as the front gets it."""
    factory = RequestFactory(headers={"Authorization": client._credentials["HTTP_AUTHORIZATION"]})
    handler = ShopHandler()
    later = handler.get_response(
        ShopRequest(factory.post(url, "{}", "application/json", **sent).environ)
    )
    assert isinstance(later, Later)
    return later


@pytest.mark.parametrize(
    "accept",
    [
        "*/*, application/problem+json;q=0.1",
        "application/*;q=0.9, application/problem+json;q=0.5",
        "",
        # Each of these costs the square of its length to be read.
        "application/problem+json" + ";" * 1_000,
        "," * 60_000 + PROBLEM,
    ],
)
@pytest.mark.parametrize("refused", [refused_by_validation, refused_by_a_view])
def test_who_likes_json_better_or_says_more_than_anyone_reads_gets_json(client, accept, refused):
    assert refused(client, HTTP_ACCEPT=accept)["Content-Type"] == "application/json"
