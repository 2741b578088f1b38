"""What is sent: signed as Standard Webhooks says, to public addresses only, and bounded."""

import asyncio
import socket
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from events.addresses import is_allowed, validate_webhook_url
from events.models import Endpoint, Event, Kind, new_secret
from events.tests.receiver import receiving
from events.webhooks import Webhooks, signed_headers

LOOPBACK = ["127.0.0.0/8"]


def make_event(**fields):
    fields.setdefault("data", '{"name":"텀블러 ☕️"}')
    return Event(
        kind=Kind.ORDER_PAID, about="order:1", occurred_at=timezone.now(), **fields
    )  # with a number of its own


def send(url, event=None, **fields):
    async def once():
        async with Webhooks() as sink:
            return await sink.send(Endpoint(url=url, **fields), event or make_event())

    return asyncio.run(once())


@pytest.fixture
def _loopback_allowed(settings):
    settings.WEBHOOK_NETWORKS = LOOPBACK


# --- Standard Webhooks ----------------------------------------------------------------------------


@pytest.mark.usefixtures("_loopback_allowed")
def test_what_is_sent_is_what_standard_webhooks_verifies():
    secret, event = new_secret(), make_event()
    with receiving() as receiver:
        answer = send(receiver.url, event, secret=secret)

    (request,) = receiver.requests
    verified = Webhook(secret).verify(request.body, request.headers)
    assert verified == {
        "type": "order.paid",
        "timestamp": timezone.localtime(event.occurred_at).isoformat(),
        "data": {"name": "텀블러 ☕️"},
    }
    assert request.headers["webhook-id"] == event.number
    assert request.headers["content-type"] == "application/json"
    assert (answer.is_good, answer.status) == (True, 204)


@pytest.mark.usefixtures("_loopback_allowed")
def test_another_secret_or_another_body_is_not_verified():
    secret = new_secret()
    with receiving() as receiver:
        send(receiver.url, secret=secret)
    (request,) = receiver.requests

    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body.replace(b"order", b"other"), request.headers)


def test_for_a_while_both_secrets_sign():
    old, new, now = new_secret(), new_secret(), timezone.now()
    endpoint = Endpoint(secret=new, old_secret=old, old_secret_until=now + timedelta(hours=1))
    body = b'{"a":1}'

    both = signed_headers(endpoint, "EVT-1", body, now)
    assert Webhook(new).verify(body, both) == Webhook(old).verify(body, both) == {"a": 1}

    endpoint.old_secret_until = now
    one = signed_headers(endpoint, "EVT-1", body, now)
    assert Webhook(new).verify(body, one) == {"a": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, one)


# --- Where requests go ----------------------------------------------------------------------------

PRIVATE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),  # noqa: S104
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("64:ff9b:1::a00:1", "2001::1", "fec0::1"),
]
PUBLIC = ["8.8.8.8", "203.104.1.1", "2606:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_request_goes_to_an_address_that_is_not_public(address):
    assert not is_allowed(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_requests_go_to_public_addresses(address):
    assert is_allowed(address)


def test_a_network_that_is_named_is_allowed_and_no_other(settings):
    settings.WEBHOOK_NETWORKS = ["10.1.0.0/16", "fd12::/32"]
    assert is_allowed("10.1.255.1")
    assert is_allowed("::ffff:10.1.0.1")
    assert is_allowed("fd12::9")
    assert not is_allowed("10.2.0.1")
    assert not is_allowed("127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1", "2130706433"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_connection_is_made_to_this_machine_by_whatever_name(host, scheme):
    with receiving() as receiver:
        port = receiver.url.split(":")[2]
        answer = send(f"{scheme}://{host}:{port}")

    assert not receiver.requests
    assert not answer.is_good
    assert answer.status is None
    said = ("no requests are made to", "is not a canonical IPv4 address")
    assert any(text in answer.trouble for text in said), answer.trouble


def test_a_name_that_leads_elsewhere_when_it_is_asked_again_leads_nowhere(monkeypatch):
    answers = iter(["8.8.8.8", "127.0.0.1"])

    def resolve(host, port, *args, **kwargs):
        family = socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    with receiving() as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        socket.getaddrinfo("rebinding.example", port)  # whoever looked beforehand saw this
        answer = send(f"https://rebinding.example:{port}")

    assert not receiver.requests
    assert answer.trouble == "no requests are made to 127.0.0.1"


def test_without_encryption_nothing_goes_to_a_public_address(settings, monkeypatch):
    settings.WEBHOOK_NETWORKS = LOOPBACK
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, port, *args, **kwargs: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))
        ],
    )
    assert send("http://public.example").trouble == "no requests are made to 8.8.8.8"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://warehouse.example",
        "https://",
        "https:///events",
        "warehouse.example",
        "https://user:password@warehouse.example",
        "https://warehouse.example/#part",
        "https://warehouse.example:port",
        "https://warehouse.example/a b",
        "https://창고.example",
        "https://127.0.0.1/events",
        "https://[::1]/events",
        "https://169.254.169.254/latest",
        "http://warehouse.example",
        "javascript:alert(1)",
        "https://127.0.0.1./events",
        "https://127.1/events",
        "https://2130706433/events",
        "https://0x7f.1/events",
        "https://0x7f000001/events",
        "https://017700000001/events",
        "https://[::ffff:127.0.0.1]/events",
        "https://[::ffff:7f00:1]/events",
        "https://localhost/events",
        "https://LOCALHOST./events",
        "https://shop.localhost/events",
        "https://warehouse/events",
        "https://metadata.google.internal/latest",
        "https://printer.local/",
        "https://router.home.arpa/",
        "https://local%68ost/events",
        "https://a..example/",
        "https://-/",
    ],
)
def test_addresses_that_no_request_could_be_made_to_are_refused(url):
    with pytest.raises(ValidationError):
        validate_webhook_url(url)


def test_addresses_that_requests_may_be_made_to_are_taken(settings):
    validate_webhook_url("https://warehouse.example/events?shop=1")
    validate_webhook_url("https://8.8.8.8:8443/events")
    settings.WEBHOOK_NETWORKS = ["10.1.0.0/16"]
    validate_webhook_url("http://warehouse:8080/events")
    validate_webhook_url("http://10.1.0.9/events")
    validate_webhook_url("https://warehouse.internal/events")
    for local in ("http://localhost:9000/", "https://localhost/", "http://8.8.8.8/events"):
        with pytest.raises(ValidationError):
            validate_webhook_url(local)
    settings.WEBHOOK_NETWORKS = LOOPBACK
    validate_webhook_url("http://localhost:9000/events")
    with pytest.raises(ValidationError):
        validate_webhook_url("http://8.8.8.8/events")


# --- What is answered -----------------------------------------------------------------------------


@pytest.mark.usefixtures("_loopback_allowed")
@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 410, 500, 503])
def test_anything_but_2xx_is_a_failure_and_no_redirect_is_followed(status):
    def reply(request, handler):
        handler.send_response(status)
        handler.send_header("location", "/elsewhere")
        handler.send_header("content-length", "4")
        handler.end_headers()
        handler.wfile.write(b"no\x00\xff")

    with receiving(reply) as receiver:
        answer = send(receiver.url)

    assert [request.path for request in receiver.requests] == ["/events"]
    assert (answer.is_good, answer.status) == (False, status)
    assert answer.text == "no\0\N{REPLACEMENT CHARACTER}"


@pytest.mark.usefixtures("_loopback_allowed")
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("9" * 5_000, 9_999_999_999),
        ("Fri, 27 Nov 2026 00:01:00 GMT", 60),
        ("Thu, 26 Nov 2026 00:01:00 GMT", 0),
        ("Fri, 27 Nov 2026 00:01:00 -0000", 0),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
        ("\u0663", 0),
    ],
)
def test_how_long_it_asks_to_be_left_alone_is_heard(retry_after, seconds):
    def reply(request, handler):
        handler.wfile.write(f"HTTP/1.1 503 Busy\r\nretry-after: {retry_after}\r\n".encode())
        handler.wfile.write(b"content-length: 0\r\n\r\n")

    with receiving(reply) as receiver, time_machine.travel("2026-11-27T00:00:00Z", tick=False):
        answer = send(receiver.url)

    assert (answer.status, answer.again_after) == (503, seconds)


@pytest.mark.usefixtures("_loopback_allowed")
def test_of_a_long_answer_the_beginning_is_kept_and_the_rest_not_waited_for():
    def reply(request, handler):
        handler.send_response(200)
        handler.send_header("content-length", str(10**9))
        handler.end_headers()
        handler.wfile.write(b"x" * 100_000)
        time.sleep(8)

    with receiving(reply) as receiver:
        began = time.monotonic()
        answer = send(receiver.url)

    assert time.monotonic() - began < 4
    assert (answer.is_good, answer.text) == (True, "x" * 4_096)


@pytest.mark.usefixtures("_loopback_allowed")
@pytest.mark.parametrize("kind", ["silent", "dripping"])
def test_who_does_not_answer_in_five_seconds_has_not_answered(kind):
    def reply(request, handler):
        if kind == "dripping":
            handler.send_response(200)
            handler.send_header("content-length", "1000")
            handler.end_headers()
        for _ in range(40):
            if kind == "dripping":
                handler.wfile.write(b"x")
            time.sleep(0.2)
        handler.close_connection = True

    with receiving(reply) as receiver:
        began = time.monotonic()
        answer = send(receiver.url)

    assert 4.5 < time.monotonic() - began < 6.5
    assert (answer.is_good, answer.trouble) == (False, "no answer within 5 s")


@pytest.mark.usefixtures("_loopback_allowed")
@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 hello",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_failure(sent):
    def reply(request, handler):
        handler.wfile.write(sent)
        handler.close_connection = True

    with receiving(reply) as receiver:
        answer = send(receiver.url)

    assert (answer.is_good, answer.status) == (False, None)
    assert answer.trouble.startswith("the answer is no HTTP: ")
    assert "400" not in answer.trouble


@pytest.mark.usefixtures("_loopback_allowed")
def test_nobody_there_is_a_failure():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    answer = send(f"http://127.0.0.1:{port}")

    assert (answer.is_good, answer.status) == (False, None)
    assert "refused" in answer.trouble.lower() or "connect" in answer.trouble.lower()
