"""Which address a request is taken to come from, whatever is written where proxies write it."""

import pytest
from django.test import RequestFactory

from common.http.client_address import AnonThrottle, MemberThrottle, client_address

OWN = "10.0.0.1"


def address_of(settings, forwarded, *, proxies=1, own=OWN):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=own, headers=headers))


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        (" 1.2.3.4 ", "1.2.3.4"),
        ("1.2.3.4:567", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:DB8:0:0::1", "2001:db8::"),
        ("[2001:db8::1]", "2001:db8::"),
        ("[2001:db8::1]:567", "2001:db8::"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:567", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::"),
        ("[fe80::1%25eth0]:567", "fe80::"),
        ("9.9.9.9, 1.2.3.4", "1.2.3.4"),
        (", ".join(["9.9.9.9"] * 5_000 + ["1.2.3.4:80"]), "1.2.3.4"),
    ],
)
def test_an_address_is_read_as_gateways_write_it(settings, forwarded, address):
    assert address_of(settings, forwarded) == address


@pytest.mark.parametrize(
    "forwarded",
    [
        None,
        "",
        " ",
        ",",
        "9.9.9.9,",
        "unknown",
        "_hidden",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.4:",
        "1.2.3.4:port",
        "1.2.3.4:123456",
        "1.2.3.4:5:6",
        "999.1.1.1",
        "01.2.3.4",
        "[2001:db8::1",
        "2001:db8::1]:5",
        "[2001:db8::1]5",
        "[]",
        "[]:80",
        "[1.2.3.4]x",
        "::ffff:999.2.3.4",
        "٣.1.1.1",
        "1.2.3.4\x00",
        "'; DROP TABLE users_user; --",
        "x" * 60_000,
        "for=1.2.3.4",
    ],
)
def test_what_is_no_address_is_the_connections_own(settings, forwarded):
    assert address_of(settings, forwarded) == OWN


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, OWN), (1, "203.0.113.9"), (2, "203.0.113.8"), (9, "203.0.113.8")]
)
def test_the_address_is_that_before_the_believed_proxies(settings, proxies, address):
    forwarded = "203.0.113.8, 203.0.113.9"
    assert address_of(settings, forwarded, proxies=proxies) == address


@pytest.mark.parametrize("own", ["", "unix:", "/run/shop.sock"])
def test_a_connection_may_have_none(settings, own):
    assert address_of(settings, None, own=own) is None


@pytest.mark.parametrize("throttle", [AnonThrottle, MemberThrottle])
def test_throttles_count_by_it_and_not_by_the_port(settings, throttle):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    limited = type("Limited", (throttle,), {"rate": "1/min"})
    idents = {
        limited().get_ident(RequestFactory().get("/", headers={"X-Forwarded-For": f"1.2.3.4:{n}"}))
        for n in (80, 81)
    }
    assert idents == {"1.2.3.4"}
