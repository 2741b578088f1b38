"""Errors that no view handled: the API's format under /api/, Django's pages elsewhere."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views import defaults

from ecommerce.common.errors import ErrorItem
from ecommerce.common.exception_handler import error_response, is_api_request


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api_request(request):
        return error_response(HTTPStatus.BAD_REQUEST, ErrorItem("invalid", _("Bad request.")))
    return defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api_request(request):
        return error_response(HTTPStatus.FORBIDDEN, ErrorItem("permission_denied", _("Forbidden.")))
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api_request(request):
        return error_response(HTTPStatus.NOT_FOUND, ErrorItem("not_found", _("Not found.")))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api_request(request):
        return error_response(
            HTTPStatus.INTERNAL_SERVER_ERROR, ErrorItem("error", _("Server Error (500)"))
        )
    return defaults.server_error(request)
