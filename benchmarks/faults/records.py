"""What the clients asked for and what they heard, kept to be held against the books."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a request wants."""

    COUPON = "coupon"
    ORDER = "order"
    CHARGE = "charge"
    READ = "read"


class Failure(StrEnum):
    """Why a request got no answer."""

    CLOSED = "closed"
    """The connection broke after it had been made: what became of the request is unclear."""
    TIMEOUT = "timeout"
    """The client waited no longer: unclear as well."""
    REFUSED = "refused"
    """There was no connection, so the request was never sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any
    """The JSON; None when it is none."""
    retry_after: str | None = None
    replayed: bool = False

    @property
    def code(self) -> str | None:
        """The first error code of an answer in the contract's format."""
        try:
            return str(self.body["errors"][0]["code"])
        except (TypeError, LookupError):
            return None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that was sent, with its answer or why there was none."""

    started: float
    """Seconds, of `time.monotonic`."""
    ended: float
    heard: Answer | Failure

    @property
    def succeeded(self) -> bool:
        return isinstance(self.heard, Answer) and self.heard.status in (200, 201)

    @property
    def is_unclear(self) -> bool:
        """Whether the request may have acted although no success was heard."""
        if isinstance(self.heard, Failure):
            return self.heard is not Failure.REFUSED
        return self.heard.code == "outcome_unknown"

    @property
    def was_turned_away(self) -> bool:
        """Whether the fault, not the shop's rules, kept the client from its answer."""
        return isinstance(self.heard, Failure) or self.heard.status >= 500

    @property
    def trouble(self) -> str:
        """The kind of error that a client saw, for the table."""
        if isinstance(self.heard, Failure):
            return str(self.heard)
        return f"{self.heard.status} {self.heard.code}"


@dataclass(slots=True)
class Intent:
    """Something that a client wants once, however many requests it takes.

    What identifies it in the books is unique among all intents of a run: a charge's amount, an
    order's lines; a coupon's member and campaign are shared by all who press that button.
    """

    kind: Kind
    user_id: int
    path: str
    body: dict[str, Any] | None = None
    key: str | None = None
    """The Idempotency-Key."""
    campaign: int | None = None
    amount: int | None = None
    lines: frozenset[tuple[int, int]] = frozenset()
    """Pieces by product id."""
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def may_be_repeated(self) -> bool:
        """Whether it may be sent again after an unclear answer."""
        return self.key is not None or self.kind in (Kind.COUPON, Kind.READ)

    @property
    def is_settled(self) -> bool:
        """Whether its client knows what became of it."""
        return any(not attempt.was_turned_away for attempt in self.attempts)

    @property
    def successes(self) -> list[Answer]:
        return [
            attempt.heard
            for attempt in self.attempts
            if isinstance(attempt.heard, Answer) and attempt.succeeded
        ]

    @property
    def unclear(self) -> int:
        """How many of its requests may have acted unheard."""
        return sum(attempt.is_unclear for attempt in self.attempts)

    def __str__(self) -> str:
        what = self.campaign or self.amount or sorted(self.lines) or self.path
        heard = ", ".join(str(attempt.heard) for attempt in self.attempts)
        return f"{self.kind} {what} of member {self.user_id} (key {self.key}): {heard}"
