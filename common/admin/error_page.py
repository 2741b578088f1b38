"""The admin's page of what could not be answered: with its menu, and a way back."""

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme


def error_page(
    site: AdminSite,
    request: HttpRequest,
    status: int,
    title: str,
    explanation: str,
    again: str = "",
) -> TemplateResponse:
    """Tells somebody of the staff, who is signed in, what went wrong.

    `again` says on the button that opens the page anew, with what was typed, where that helps.
    """
    referer = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()})
    context = {
        **site.each_context(request),
        "title": title,
        "explanation": explanation,
        "again": again,
        "back": referer if is_ours else "",
    }
    return TemplateResponse(request, "admin/error.html", context, status=status)
