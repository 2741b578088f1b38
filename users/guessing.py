"""Who guesses passwords is locked out: one count for the admin's login and the API's sign-in.

django-axes counts, by name and address together, in the database, which all processes share.
"""

import logging
from contextvars import ContextVar
from datetime import datetime

from axes.conf import settings as axes_settings
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone

from users.errors import SignInLocked

_over_the_api: ContextVar[bool] = ContextVar("over_the_api", default=False)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Over the API each guess is in the line of its request already."""
    return not _over_the_api.get() or "Locking out" in record.msg


logging.getLogger("axes.handlers.database").addFilter(_is_worth_a_line)


class Guesses:
    """The wrong passwords of late for one name from one address."""

    def __init__(self, name: str, address: str | None) -> None:
        """Reads them, in one statement. `address` as `client_address` has it.

        Raises:
            SignInLocked: they are too many.
        """
        self._credentials = {"username": name}
        self._request = HttpRequest()
        self._request.META["REMOTE_ADDR"] = address or ""
        self._attempts = AccessAttempt.objects.filter(username=name, ip_address=address)
        self._failures: int = AxesProxyHandler.get_failures(self._request, self._credentials)
        if self._failures >= axes_settings.AXES_FAILURE_LIMIT:
            raise self._locked()

    def add(self) -> None:
        """Count another one.

        Raises:
            SignInLocked: that was one too many.
        """
        token = _over_the_api.set(True)
        try:
            AxesProxyHandler.user_login_failed(__name__, self._credentials, self._request)
        finally:
            _over_the_api.reset(token)
        if getattr(self._request, "axes_locked_out", False):
            raise self._locked()

    def forget(self) -> None:
        """The right password was given."""
        if self._failures:
            self._attempts.delete()

    def _locked(self) -> SignInLocked:
        latest: datetime | None = self._attempts.aggregate(at=Max("attempt_time"))["at"]
        ends = (latest or timezone.now()) + axes_settings.AXES_COOLOFF_TIME
        return SignInLocked(retry_after=max(1, int((ends - timezone.now()).total_seconds())))
