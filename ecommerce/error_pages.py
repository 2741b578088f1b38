"""Errors that no view handled: the API's format under /api/, Django's pages elsewhere."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.views import defaults

from common.errors import ErrorItem
from common.http.errors import error_response, is_api_request
from common.http.request_log import with_id_and_line


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    item = ErrorItem("invalid", _("Bad request."))
    return _error(request, 400, item, lambda: defaults.bad_request(request, exception))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    item = ErrorItem("permission_denied", _("Forbidden."))
    return _error(request, 403, item, lambda: defaults.permission_denied(request, exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    item = ErrorItem("not_found", _("Not found."))
    return _error(request, 404, item, lambda: defaults.page_not_found(request, exception))


def server_error(request: HttpRequest) -> HttpResponseBase:
    item = ErrorItem("error", _("Server Error (500)"))
    return _error(request, 500, item, lambda: defaults.server_error(request))


def _error(
    request: HttpRequest, status: int, item: ErrorItem, page: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    response = error_response(request, status, item) if is_api_request(request) else page()
    return with_id_and_line(request, response)
