"""Which addresses requests may go to: no endpoint may make the shop ask its own network."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NO_URL = _("It must be an address such as https://warehouse.example/events.")
FORM = re.compile(r"[!-~]+")
"""Visible ASCII: other letters are written in Punycode, or with percent signs."""
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
"""The last part of an IPv4 address in one of its old forms: 2130706433, 0x7f.1."""
LOOPBACK = ("127.0.0.1", "::1")
OWN_NAMES = (".local", ".internal", ".home.arpa")
"""Names that lead nowhere public (RFC 6762, 8375), and so do those without a dot."""
EMBEDDING = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96")))
"""IPv6 addresses that lead to an IPv4 address, which may be any: none is public (RFC 6052)."""


def is_allowed(host: str) -> bool:
    """Whether a request may go to this address (digits, no name): public, or in an allowed network.

    Raises:
        ValueError: it is no address.
    """
    address = _plain(host)
    return is_public(address) or is_named(address)


def is_named_private(host: str) -> bool:
    """Whether the address is in a network that `WEBHOOK_NETWORKS` names. Raises ValueError."""
    return is_named(_plain(host))


def _plain(host: str) -> Address:
    address = ip_address(host.partition("%")[0])  # without its zone
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether it is an address of one machine in the open internet."""
    if isinstance(address, IPv6Address) and (
        address.is_site_local or any(address in network for network in EMBEDDING)
    ):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_named(address: Address) -> bool:
    return any(address in network for network in _networks())


def _networks() -> Iterable[Network]:
    return map(ip_network, settings.WEBHOOK_NETWORKS)


def validate_webhook_url(url: str) -> None:
    """Raises ValidationError unless requests may be made to `url`, as far as can be told by it.

    Where a public name leads is looked at whenever a connection is made.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValidationError(NO_URL) from error
    if not host or parts.scheme not in {"https", "http"} or not FORM.fullmatch(url):
        raise ValidationError(NO_URL)
    if parts.username is not None or parts.fragment:
        raise ValidationError(_("It must have neither a name or password nor a fragment."))
    if parts.scheme == "http" and not settings.WEBHOOK_NETWORKS:
        raise ValidationError(_("Only https: what is sent names members and orders."))
    if not _may_be_asked(host.removesuffix("."), encrypted=parts.scheme == "https"):
        raise ValidationError(_("No requests are made to this address: it is not public."))


def _may_be_asked(host: str, *, encrypted: bool) -> bool:
    """Whether requests may go to a host, in lower case. Raises ValidationError if it is none."""
    is_local = host == "localhost" or host.endswith(".localhost")
    may_be = is_allowed if encrypted else is_named_private
    try:
        return any(may_be(address) for address in (LOOPBACK if is_local else (host,)))
    except ValueError:  # a name
        if not NAME.fullmatch(host) or NUMBER.fullmatch(host.rpartition(".")[2]):
            raise ValidationError(NO_URL) from None
        is_own = "." not in host or host.endswith(OWN_NAMES)
        return bool(settings.WEBHOOK_NETWORKS) or not is_own
