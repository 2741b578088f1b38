"""Where a request comes from, as far as proxies in front may be believed."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle


def client_address(request: HttpRequest | Request) -> str | None:
    """The client's address: what failed sign-ins and throttles are counted by.

    Of IPv6 it is the network (/64): a client has all addresses of one, and could come from another
    each time.

    With proxies in front (`NUM_PROXIES`) it is what the outermost of them has written into
    `X-Forwarded-For`, with a port or without; what is no address there is the connection's own.
    None where a connection has none, such as a socket of the machine.
    """
    proxies: Any = settings.REST_FRAMEWORK["NUM_PROXIES"]
    connection = _parsed(str(request.META.get("REMOTE_ADDR") or ""))
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR") or "")
    if not proxies or not forwarded:
        return connection
    believed = forwarded.rsplit(",", proxies)[-proxies:]
    return _parsed(believed[0].strip()) or connection


def _parsed(text: str) -> str | None:
    """The address in `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1` or `[2001:db8::1]:567`."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        text = host if bracket and (not port or _is_port(port)) else ""
    elif text.count(":") == 1:
        host, _colon, port = text.partition(":")
        text = host if _is_port(f":{port}") else ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # Without the zone, which means something on the proxy's own machine only.
        network = IPv6Network((int(address), 64), strict=False)
        return str(address.ipv4_mapped or network.network_address)
    return str(address)


def _is_port(text: str) -> bool:
    digits = text.removeprefix(":")
    return text.startswith(":") and len(digits) <= 5 and digits.isascii() and digits.isdigit()


class AnonThrottle(AnonRateThrottle):
    """REST framework's, by the client's address."""

    def get_ident(self, request: Request) -> str:
        return client_address(request) or ""


class MemberThrottle(UserRateThrottle):
    """REST framework's, by the member or the client's address."""

    def get_ident(self, request: Request) -> str:
        return client_address(request) or ""
