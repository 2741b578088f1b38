"""Errors of the domain: they know their code and HTTP status, and nothing of any framework."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from common.texts import StrOrPromise

ERRORS_MAX = 20
"""How many errors an answer lists: more help nobody, and cost whoever asks for them nothing."""


@dataclass(frozen=True, slots=True)
class ErrorItem:
    """One line of an error answer: a code for programs, a text for people, the field at fault.

    `id` names what it is about, where that is something that the client may want to ask for.
    """

    code: str
    detail: "StrOrPromise"
    attr: str | None = None
    id: int | None = None


class DomainError(Exception):
    """A request that the domain refuses; nothing was written.

    Subclasses set `status` (HTTP), `code` and `message`. An instance may carry several `items`.
    """

    status: ClassVar[int] = 409
    code: ClassVar[str]
    message: ClassVar["StrOrPromise"]
    retry_after: int | None = None
    """Seconds after which the same request may succeed (the `Retry-After` header)."""
    says_when: ClassVar[bool] = False
    """Whether `retry_after` may be set on an instance, where the class has none."""
    names_what: ClassVar[bool] = False
    """Whether its items may have an `id`."""
    of_several: ClassVar[bool] = False
    """Whether one refusal may have several items, as many as were sent."""

    def __init__(
        self,
        detail: "StrOrPromise | None" = None,
        *,
        attr: str | None = None,
        items: Sequence[ErrorItem] | None = None,
    ) -> None:
        self._items = tuple(items or [ErrorItem(self.code, detail or self.message, attr)])
        super().__init__(", ".join(f"{item.code} at {item.attr}" for item in self._items))

    @property
    def items(self) -> tuple[ErrorItem, ...]:
        """What the answer lists."""
        return self._items


class Busy(DomainError):
    """Locks could not be had in time, even after retries; nothing was written."""

    status = 503
    code = "busy"
    message = _("The shop is busy and nothing was changed. Please send the request again.")
    retry_after = 1


class Unavailable(DomainError):
    """The database is down; nothing was written."""

    status = 503
    code = "unavailable"
    message = _("The shop is briefly unavailable and nothing was changed. Please try again soon.")
    retry_after = 5


class OutcomeUnknown(DomainError):
    """The answer to a commit was lost, and what became of it could not be found out."""

    status = 503
    code = "outcome_unknown"
    message = _(
        "The answer of the database was lost. The request may or may not have been carried out;"
        " look before you send it again, or send it again under the same Idempotency-Key."
    )
    retry_after = 5


class DoesNotExist(DomainError):
    """Something that the request names is unknown, hidden, or another member's."""

    status = 400
    code = "does_not_exist"
    message = _("It does not exist.")


class NotFound(DomainError):
    """What the path names is unknown, hidden, or another member's."""

    status = 404
    code = "not_found"
    message = _("Not found.")


class UndoneAlready(DomainError):
    """What was to be undone is undone."""

    code = "undone_already"
    message = _("This was undone already. Nothing was changed.")


class NotUndoable(DomainError):
    """What was to be undone is no correction, or the undoing of one."""

    code = "not_undoable"
    message = _("Only an adjustment can be undone. Correct this by a new adjustment.")


class NotSignedIn(DomainError):
    """The account behind a valid token was deactivated or is gone."""

    status = 401
    code = "user_inactive"
    message = _("This account is not active.")


class BodyRefused(DomainError):
    """The body of a request could not be read, or will not be."""


class BodyTooLarge(BodyRefused):
    """It is larger than it may be; no more of it is read than that takes to find out."""

    status = 413
    code = "request_too_large"
    message = _("The body is larger than %(limit)d bytes.")

    def __init__(self, limit: int) -> None:
        super().__init__(self.message % {"limit": limit})


class BodyLate(BodyRefused):
    """Not all of it came in time."""

    status = 408
    code = "request_timeout"
    message = _("The body did not arrive in time.")


class BodyIncomplete(BodyRefused):
    """It ended before its end, or came in more pieces than anybody would send."""

    status = 400
    code = "incomplete_body"
    message = _("The body is not complete, or is in too many pieces.")


class ClientGone(BodyRefused):
    """Nobody waits for the answer any more; nothing was done. Only the log tells of it."""

    status = 499
    code = "client_gone"
    message = _("The connection was closed.")
