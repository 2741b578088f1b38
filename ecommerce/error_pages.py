"""Errors that no view handled.

The API's format under /api/; a page with the menu for staff in the admin; Django's pages elsewhere.
"""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import defaults
from django.views.csrf import csrf_failure

from common.admin.error_page import error_page
from common.errors import ErrorItem
from common.http.errors import error_response, is_api_request
from common.http.request_log import with_id_and_line
from ecommerce.backoffice.whom_to_ask import whom_to_ask


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    item = ErrorItem("invalid", _("Bad request."))
    told = _("What this address asks for makes no sense."), ""
    return _error(request, 400, item, lambda: defaults.bad_request(request, exception), told)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    item = ErrorItem("permission_denied", _("Forbidden."))
    told = _("You may not do this"), whom_to_ask()
    return _error(request, 403, item, lambda: defaults.permission_denied(request, exception), told)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    item = ErrorItem("not_found", _("Not found."))
    told = _("There is no such page"), _("It may have been deleted, or the address is mistyped.")
    return _error(request, 404, item, lambda: defaults.page_not_found(request, exception), told)


def server_error(request: HttpRequest) -> HttpResponseBase:
    item = ErrorItem("error", _("Server Error (500)"))
    return _error(request, 500, item, lambda: defaults.server_error(request))


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """A form whose token doesn't fit: mostly one that was opened before somebody signed in anew."""
    item = ErrorItem("permission_denied", _("Forbidden."))
    told = (
        _("This page is too old"),
        _("You have signed in or out since you opened it. Nothing was done."),
        _("Open it again with what you typed"),
    )
    return _error(request, 403, item, lambda: csrf_failure(request, reason), told)


def _error(
    request: HttpRequest,
    status: int,
    item: ErrorItem,
    page: Callable[[], HttpResponseBase],
    told: tuple[str, ...] | None = None,
) -> HttpResponseBase:
    if is_api_request(request):
        response: HttpResponseBase = error_response(request, status, item)
    elif told and _is_of_staff(request):
        response = error_page(admin.site, request, status, *told).render()
    else:
        response = page()
    return with_id_and_line(request, response)


def _is_of_staff(request: HttpRequest) -> bool:
    """Whether somebody of the staff is signed in, and at a page of the admin."""
    inside = request.path.startswith(reverse("admin:index"))
    return inside and hasattr(request, "user") and admin.site.has_permission(request)
