"""How large a request's body may be, and how much of it is read."""

import json
from importlib import import_module
from io import BytesIO
from wsgiref.util import setup_testing_defaults

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused

CHARGE = "/api/v1/users/me/balance/charge/"
LIMIT = 1_048_576

pytestmark = pytest.mark.django_db


def padded(size):
    return b'{"amount": 1000' + b" " * (size - 16) + b"}"


def test_a_body_may_have_one_mebibyte(client):
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
        codes = [error["code"] for error in json.loads(content).get("errors", [])]
        return int(started[0].partition(" ")[0]), codes, stream.taken

    return send


@pytest.mark.parametrize(
    ("size", "declared", "status", "codes", "taken"),
    [
        (16, "16", 201, [], 16),
        (16, "1048577", 413, ["request_too_large"], 0),
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


@pytest.mark.parametrize(
    ("size", "status", "codes", "taken"),
    [
        (16, 201, [], 16),
        (LIMIT, 201, [], LIMIT),
        (10 * LIMIT, 413, ["request_too_large"], LIMIT + 1),
    ],
)
def test_a_body_in_chunks_is_read_up_to_the_limit(send_raw, size, status, codes, taken):
    answer = send_raw(padded(size), HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="")

    assert answer == (status, codes, taken)
