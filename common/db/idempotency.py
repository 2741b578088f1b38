"""Idempotency keys: the same request, however many times it is sent, acts once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError

T = TypeVar("T")


class IdempotencyKeyReused(DomainError):
    """The key was used before, by the same member, with another body."""

    status = 422
    code = "idempotency_key_reused"
    message = _("This Idempotency-Key was used before, with another body.")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for a request, and what the request said: hex SHA-256 of each.

    Hashes, because a key is the client's to choose and may be 255 characters long; two columns of
    64 characters are always indexable.
    """

    key: str
    body: str

    @classmethod
    def of(cls, key: str, body: Mapping[str, Any]) -> "IdempotencyKey":
        """Hash a client's key and a validated request, however its fields were ordered."""
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return cls(key=_sha256(key), body=_sha256(canonical))

    def ensure_same_body(self, recorded_body: str | None) -> None:
        """Raises IdempotencyKeyReused unless the earlier request said the same."""
        if recorded_body != self.body:
            raise IdempotencyKeyReused


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a service made, or found made by an earlier request with the same key."""

    value: T
    replayed: bool = False


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
