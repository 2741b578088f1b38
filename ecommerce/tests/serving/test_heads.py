"""The head of a request, as Django hears of it."""

import pytest

from common.api.idempotency_header import QUOTED, VISIBLE_ASCII


@pytest.fixture
def heard(two, connect):
    """Sends a head, and returns what was made of it."""

    def send(*headers, path="/heard/"):
        answer = connect(two).request(f"GET {path}", *headers).answer()
        assert answer.status == 200
        return answer.json()

    return send


def test_a_request_without_anything_special(heard, two):
    environ = heard()

    assert {key: value for key, value in environ.items() if key.startswith("HTTP_")} == {
        "HTTP_HOST": "localhost"
    }
    assert environ["REQUEST_METHOD"] == "GET"
    assert (environ["PATH_INFO"], environ["SCRIPT_NAME"], environ["QUERY_STRING"]) == (
        *("/heard/", "", ""),
    )
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", str(two.port))
    assert (environ["SERVER_PROTOCOL"], environ["wsgi.url_scheme"]) == ("HTTP/1.1", "http")
    assert environ["REMOTE_ADDR"] == "127.0.0.1"


def test_the_path_is_decoded_and_the_query_is_not(heard):
    environ = heard(path="/heard/%EC%83%81%ED%92%88%20?q=%EC%83%81&%2B")

    assert environ["PATH_INFO"] == "/heard/상품 "
    assert environ["QUERY_STRING"] == "q=%EC%83%81&%2B"


def test_a_header_that_came_twice_is_one_with_a_comma(heard):
    environ = heard(
        "X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 10.0.0.2", "Cookie: a=1", "Cookie: b=2"
    )

    assert environ["HTTP_X_FORWARDED_FOR"] == "10.0.0.1, 10.0.0.2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_a_header_that_is_not_ascii_is_there_and_empty(heard):
    """Not left out: an unreadable Idempotency-Key must not be taken for none."""
    environ = heard("Idempotency-Key: \xfcber", "X-Other: plain")

    assert environ["HTTP_IDEMPOTENCY_KEY"] == ""
    assert environ["HTTP_X_OTHER"] == "plain"


@pytest.mark.parametrize("keys", [("a", "a"), ("a", "b"), ('"a"', '"a"'), ("a", '"b"')])
def test_a_key_that_came_twice_is_none(heard, keys):
    """A doubled `a` must be neither `a` nor a third key, or a retry with `a` would act again."""
    sent = heard(*(f"Idempotency-Key: {key}" for key in keys))["HTTP_IDEMPOTENCY_KEY"]

    assert not VISIBLE_ASCII.fullmatch(sent)
    assert not QUOTED.fullmatch(sent)


@pytest.mark.parametrize("token", ["Bearer \xfcber", "Bearer \xea\xb0\x80", "\xfc"])
@pytest.mark.parametrize("path", ["/api/v1/products/", "/api/v1/coupons/", "/api/v1/users/me/"])
def test_a_token_that_is_not_ascii_is_invalid_and_not_nobodys(two, connect, path, token):
    answer = connect(two).request(f"GET {path}", f"Authorization: {token}").answer()

    assert answer.status == 401
    assert answer.json()["errors"][0]["code"] == "token_not_valid"


@pytest.mark.parametrize(
    "header", ["X-Name: \xfcber", "Content-Type: \xfcber", "Cookie: a=\xfc", "Accept: \xea\xb0\x80"]
)
def test_what_one_client_sends_changes_nothing_for_the_next(one, connect, header):
    """Each process keeps what it knows of names; nobody's request may spoil it for all others."""
    wire = connect(one)
    wire.post("/echo/", "Content-Type: application/json", header, body=b"12").answer()

    heard = wire.request("GET /heard/", "Content-Type: a/b").answer().json()
    assert heard["CONTENT_TYPE"] == "a/b"
    assert "HTTP_CONTENT_TYPE" not in heard
    assert wire.post("/echo/", "Content-Type: a/b", body=b"123").answer().body == b"3"


def test_nobody_can_send_for_the_proxy_by_another_spelling(heard):
    environ = heard("X_Forwarded_Proto: https", "X_FORWARDED-For: 1.1.1.1", "Content_Length: 9")

    assert [key for key in environ if "FORWARDED" in key or not key] == []
    assert environ["CONTENT_LENGTH"] == ""


@pytest.mark.parametrize("number", [1, 90])
def test_many_headers_are_all_heard(heard, number):
    environ = heard(*(f"X-{place}: {place}" for place in range(number)))

    assert [environ[f"HTTP_X_{place}"] for place in range(number)] == list(map(str, range(number)))


MANY = "".join(f"X-{place}: a\r\n" for place in range(100))
REFUSED_BY_THE_SERVER = {
    "no request": ("GARBAGE\r\n\r\n", 400),
    "another version": ("GET / HTTP/3.0\r\n\r\n", 400),
    "a space in the path": ("GET /api/v1/a b/ HTTP/1.1\r\n\r\n", 400),
    "a null byte": ("GET /api/v1/\x00 HTTP/1.1\r\n\r\n", 400),
    "no UTF-8": ("GET /api/v1/\xff HTTP/1.1\r\n\r\n", 400),
    "no colon": ("GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400),
    "a space in a name": ("GET / HTTP/1.1\r\nX Y: a\r\n\r\n", 400),
    "folded": ("GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
    "two lengths": ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "no length": ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    "no chunks": ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
    "too long a query": (f"GET /api/v1/?{'a' * 66_000} HTTP/1.1\r\n\r\n", 414),
    "too many headers": (f"GET / HTTP/1.1\r\n{MANY}Host: localhost\r\n\r\n", 431),
    "too large a head": (f"GET / HTTP/1.1\r\nX: {'a' * 200_000}", 431),
}


@pytest.mark.parametrize("kind", REFUSED_BY_THE_SERVER)
def test_what_is_no_request_is_refused_as_the_specification_says(two, connect, kind):
    sent, status = REFUSED_BY_THE_SERVER[kind]
    wire = connect(two)
    answer = wire.send(body=sent.encode("latin-1")).answer()

    assert (answer.status, answer.body) == (status, b"")
    headers = answer.headers
    assert sorted(headers) == ["connection", "content-length", "date"]
    assert (headers["connection"], headers["content-length"]) == ("close", "0")
    with pytest.raises(EOFError):
        wire.answer()
