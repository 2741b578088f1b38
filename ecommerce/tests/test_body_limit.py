"""How large a request's body may be, and how much of it is read."""

import json
from importlib import import_module
from io import BytesIO
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings
from django.test import Client

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.over_wsgi import ask
from ecommerce.tests.staff import staff_client

CHARGE = "/api/v1/users/me/balance/charge/"
LIMIT = 65_536

pytestmark = pytest.mark.django_db


def padded(size):
    return b'{"amount": 1000' + b" " * (size - 16) + b"}"


def test_a_body_may_have_64_kibibytes(client):
    assert client.generic("POST", CHARGE, padded(LIMIT), "application/json").status_code == 201


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_a_larger_body_is_refused_whatever_it_is(client, content_type):
    with nothing_changes():
        answer = client.generic("POST", CHARGE, padded(LIMIT + 1), content_type)

    assert refusal(answer) == refused(413, "request_too_large")


class CountingStream(BytesIO):
    """A body that knows how much of it was read."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.fixture
def send_raw(transactional_db, member):
    """Sends a charge to the WSGI application itself, as a server would hand it over."""
    application = import_module("ecommerce.wsgi").application

    def send(body, **environ):
        token = client_of(member)._credentials["HTTP_AUTHORIZATION"]
        stream = CountingStream(body)
        request = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": CHARGE,
            "HTTP_HOST": "localhost",
            "HTTP_AUTHORIZATION": token,
            "CONTENT_TYPE": "application/json",
            "wsgi.input": stream,
        } | environ
        setup_testing_defaults(request)
        started = []
        answer = application(request, lambda status, headers: started.append(status))
        content = b"".join(answer)
        answer.close()
        is_json = content.startswith(b"{")
        codes = [one["code"] for one in json.loads(content).get("errors", [])] if is_json else []
        return int(started[0].partition(" ")[0]), codes, stream.taken

    return send


@pytest.mark.parametrize(
    ("size", "declared", "status", "codes", "taken"),
    [
        (16, "16", 201, [], 16),
        (16, "65537", 413, ["request_too_large"], 0),
        (16, "9" * 30, 413, ["request_too_large"], 0),
        (10 * LIMIT, str(10 * LIMIT), 413, ["request_too_large"], 0),
        (10 * LIMIT, "10", 400, ["parse_error"], 10),
        (10 * LIMIT, "-1", 400, ["required"], 0),
        (10 * LIMIT, "", 400, ["required"], 0),
        (10 * LIMIT, "many", 400, ["required"], 0),
    ],
)
def test_no_more_is_read_than_was_declared_and_nothing_of_what_is_too_large(
    send_raw, size, declared, status, codes, taken
):
    assert send_raw(padded(size), CONTENT_LENGTH=declared) == (status, codes, taken)


# --- Pages --------------------------------------------------------------------------------------

IMPORT = "/admin/products/product/import/"
MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    "path", ["/admin/login/", "/admin/", "/", "/nothing/", "/health/live", "/static/x.css"]
)
def test_the_limit_is_that_of_every_path(path):
    within = ask("POST", path, body=b" " * LIMIT, CONTENT_TYPE=MULTIPART)
    answer = ask("POST", path, body=b" " * (LIMIT + 1), CONTENT_TYPE=MULTIPART)

    assert within.status != 413
    assert (answer.status, answer["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert b"The body is larger than 65536 bytes." in answer.content


@pytest.fixture
def upload(send_raw):
    """Sends a file to the import page with a browser's cookies, and says how much was read."""

    def send(browser, size):
        cookies = "; ".join(f"{name}={one.value}" for name, one in browser.cookies.items())
        return send_raw(
            b" " * size,
            CONTENT_LENGTH=str(size),
            PATH_INFO=IMPORT,
            CONTENT_TYPE=MULTIPART,
            HTTP_COOKIE=cookies,
        )

    return send


def test_a_file_is_read_only_from_those_who_may_import(transactional_db, upload):
    may = "products.add_product", "products.change_product"
    importer, changer = staff_client(*may), staff_client(may[1])

    assert upload(Client(), LIMIT + 1) == (302, [], 0)
    assert upload(changer, LIMIT + 1) == (403, [], 0)
    assert upload(importer, settings.MAX_IMPORT_BYTES + 1) == (413, [], 0)
    importer.get(IMPORT)  # has the form, and with it the cookie against forgery
    _, _, taken = upload(importer, LIMIT + 1)
    assert taken > 0
