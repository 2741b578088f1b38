"""Events as HTTP requests, signed as Standard Webhooks 1.0 says (standardwebhooks.com)."""

import hashlib
import hmac
import json
import socket
from base64 import b64decode, b64encode
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from django.utils import timezone

from events.addresses import is_allowed, is_named_private
from events.models import ANSWER_MAX_BYTES, SECRET_BEGINNING, Endpoint, Event
from events.services import Answer

SEND_SECONDS = 5.0
"""For all of it: the name's address, the connection, the request, and the answer."""


class NotAllowed(OSError):
    """The address is none that requests may go to."""


class Webhooks:
    """The sink that posts each event to its endpoint's address.

    No redirect is followed, no cookie kept, no proxy asked, nothing unpacked. The address is looked
    at when the connection is made, so no name can lead elsewhere in between; one that isn't
    encrypted is made to a network that `WEBHOOK_NETWORKS` names, and to no other.
    """

    async def __aenter__(self) -> Self:
        self._sessions = {
            "https": _session(_socket_to_allowed),
            "http": _session(_socket_to_named),
        }
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    async def send(self, endpoint: Endpoint, event: Event) -> Answer:
        body = body_of(event)
        headers = {
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": "ecommerce-webhooks/1.0",
            **signed_headers(endpoint, event.number, body, timezone.now()),
        }
        session = self._sessions[urlsplit(endpoint.url).scheme]
        try:
            async with session.post(
                endpoint.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                text = await _beginning_of(response)
        except TimeoutError:
            return Answer(is_good=False, trouble=f"no answer within {SEND_SECONDS:.0f} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(is_good=False, trouble=_cause_of(error))
        is_good = 200 <= response.status < 300
        if is_good:
            return Answer(is_good, response.status, text)
        again_after = _seconds_of(response.headers.get("Retry-After", ""))
        return Answer(is_good, response.status, text, response.reason or "", again_after)


def body_of(event: Event) -> bytes:
    """What is sent: the same bytes each time."""
    when = timezone.localtime(event.occurred_at).isoformat()
    head = f'{{"type":{json.dumps(event.kind)},"timestamp":"{when}","data":'
    return f"{head}{event.data}}}".encode()


def signed_headers(
    endpoint: Endpoint, number: str, body: bytes, moment: datetime
) -> dict[str, str]:
    """The headers by which the receiver knows who sent it, and whether it came before."""
    seconds = str(int(moment.timestamp()))
    signed = b".".join([number.encode(), seconds.encode(), body])
    signatures = [f"v1,{_signature(key, signed)}" for key in endpoint.secrets_at(moment)]
    return {
        "webhook-id": number,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(signatures),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(SECRET_BEGINNING))
    return b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _session(factory: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, socket_factory=factory),
        timeout=aiohttp.ClientTimeout(total=SEND_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def _socket_to_allowed(info: Any) -> socket.socket:
    return _socket(info, allowed=is_allowed(info[4][0]))


def _socket_to_named(info: Any) -> socket.socket:
    return _socket(info, allowed=is_named_private(info[4][0]))


def _socket(info: Any, *, allowed: bool) -> socket.socket:
    family, kind, protocol, _name, address = info
    if not allowed:
        raise NotAllowed(f"no requests are made to {address[0]}")
    return socket.socket(family, kind, protocol)


async def _beginning_of(response: aiohttp.ClientResponse) -> str:
    """The beginning of an answer, as text; of one that is longer, the rest is not waited for."""
    taken = b""
    while len(taken) < ANSWER_MAX_BYTES:
        part = await response.content.read(ANSWER_MAX_BYTES - len(taken))
        if not part:
            break
        taken += part
    else:
        response.close()
    return taken.decode(errors="replace")


def _seconds_of(retry_after: str) -> float:
    """What `Retry-After` (RFC 9110, 10.2.3) says, from now on; 0 where it makes no sense."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:10])
    try:
        return max((parsedate_to_datetime(retry_after) - timezone.now()).total_seconds(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _cause_of(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientResponseError):  # it has a status that nobody sent
        return f"the answer is no HTTP: {' '.join(error.message.split())}"
    cause = getattr(error, "os_error", None) or error
    return str(cause) or type(cause).__name__
