"""Addresses of the admin that nobody can make sense of: the list with a message, never an error.

What a list is asked goes through Django's filters, the fields, the database and our own searches,
each of which fails in its own ways: numbers and dates out of bounds, texts of thousands of words,
lookups that a field has not got. So whatever fails with an address's parameters is taken for their
fault; without any it is ours.
"""

from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, QueryDict
from django.utils.translation import gettext as _now

from common.db.costly_reads import ReadTooLong, time_limit
from common.db.database_errors import is_unavailable, may_be_retried

if TYPE_CHECKING:
    from typing import TypeAlias

    DjangoModelAdmin: TypeAlias = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin as DjangoModelAdmin

ANSWERED = (SuspiciousOperation, PermissionDenied, Http404, ImproperlyConfigured)
"""Errors that have an answer already, or are no matter of the address."""

logger = structlog.get_logger(__name__)


class ListOfAnyAddress(DjangoModelAdmin):
    """An admin whose list is shown whole, with a message, when its address says nonsense."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        asked = set(request.GET) - {ERROR_FLAG}
        if not asked:
            return super().get_changelist_instance(request)
        try:
            with time_limit(settings.ADMIN_LIST_SECONDS):
                return super().get_changelist_instance(request)
        except ANSWERED:
            raise
        except Exception as error:  # as Django itself has it for lookups
            if may_be_retried(error) or is_unavailable(error):
                raise
            logger.info("admin_address_refused", error=repr(error)[:200])
            self.message_user(request, _message(error), messages.ERROR)
            request.GET = QueryDict()  # with the flag of an earlier time, Django would show no list
            raise IncorrectLookupParameters from error


def _message(error: Exception) -> str:
    if isinstance(error, ReadTooLong):
        return _now(
            "Finding these rows took too long, so the list is shown whole."
            " Search for a longer text, or for less at once."
        )
    return _now("The list can't be searched or filtered in that way, so it is shown whole.")
