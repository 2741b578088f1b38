"""The key that each form on a page of the admin carries: sent twice, the form acts once.

The tag that protects a form from forgery (`csrf_token`) puts the key into it as well, so that no
form on such a page is without, whoever wrote its template.
"""

import secrets
from datetime import UTC, datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.template.base import Parser, Token
from django.template.defaulttags import CsrfTokenNode
from django.utils import timezone
from django.utils.html import format_html

FIELD = "form_key"
LOG_SHOWN = "initial-log"
"""The last entry of the log that a page could show of what its form is about, if it says so."""
INPUT = (
    '<input type="hidden" name="{}" value="{}"'
    ' x-init="$el.value = history.state?.form_key ?? $el.value;'
    " history.replaceState(Object.assign({{}}, history.state, {{form_key: $el.value}}), '')\">"
)
"""Who goes back finds the form as it was filled in, on a page that is made anew: the browser keeps
the key with the page's place in its history, so that it is the same form."""

register = template.Library()


def new_form_key() -> str:
    """A key that no other page has. It tells when the page was made, in seconds."""
    return f"{int(timezone.now().timestamp())}.{secrets.token_urlsafe(16)}"


def made_at(key: str) -> datetime | None:
    """When the page was made whose form has this key; None if the key isn't one of ours."""
    seconds = key.partition(".")[0]
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 10):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def set_form_key(request: HttpRequest, key: str) -> None:
    """Give the forms on the page that answers `request` this key."""
    request.form_key = key  # type: ignore[attr-defined]


class _TokenAndKey(CsrfTokenNode):
    def render(self, context: Any) -> str:
        token = super().render(context)
        request = context.get("request")
        key, shown = getattr(request, "form_key", None), getattr(request, "log_shown", None)
        if key is not None:
            token += format_html(INPUT, FIELD, key)
        if shown is not None:
            token += format_html('<input type="hidden" name="{}" value="{}">', LOG_SHOWN, shown)
        return token


@register.tag("csrf_token")
def _csrf_token(parser: Parser, token: Token) -> _TokenAndKey:
    return _TokenAndKey()
