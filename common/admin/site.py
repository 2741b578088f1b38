"""The admin's site: unfold's, that takes what nobody can make sense of for a bad request."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest
from django.http import HttpRequest

from common.admin.addresses import ANSWERED
from common.db.costly_reads import time_limit
from common.db.database_errors import is_unavailable, may_be_retried

if TYPE_CHECKING:
    UnfoldAdminSite = AdminSite
else:
    from unfold.sites import UnfoldAdminSite


class ShopAdminSite(UnfoldAdminSite):
    """Its two views that are asked by scripts alone: no page could show a message."""

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return _asked_well(super().autocomplete_view, request)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return _asked_well(super().search, request, extra_context)  # type: ignore[misc]


def _asked_well(view: Callable[..., Any], request: HttpRequest, *rest: Any) -> Any:
    """Raises BadRequest for whatever its parameters make fail."""
    try:
        with time_limit(settings.ADMIN_LIST_SECONDS):
            return view(request, *rest)
    except ANSWERED:
        raise
    except Exception as error:
        if may_be_retried(error) or is_unavailable(error):
            raise
        raise BadRequest("These parameters have no answer.") from error
