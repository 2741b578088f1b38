"""Staff at the admin's pages: who they are, and what their browser sends."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.forms import CheckboxInput, MultiWidget, Widget
from django.forms.boundfield import BoundField
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIClient

from common.admin.told import told_by

_serial = count(1)


def staff_client(*permissions: str) -> Client:
    """A browser in which somebody of the staff is signed in, who has just these permissions."""
    user = get_user_model().objects.create_user(username=f"staff{next(_serial)}", is_staff=True)
    for permission in permissions:
        app_label, codename = permission.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app_label, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


def member_buys(client: APIClient, product: Any, quantity: int, **more: int) -> None:
    """A member buys so many pieces of a product, while staff are at work."""
    items = [{"product": product.pk, "quantity": quantity}]
    assert client.post("/api/v1/orders/", {"items": items, **more}).status_code == 201


def filled_in(page: HttpResponse) -> dict[str, Any]:
    """What a browser sends when the form on `page` is saved as it is."""
    form = page.context["adminform"].form
    return dict(pair for field in form for pair in _inputs(field))


def _inputs(field: BoundField) -> Iterator[tuple[str, Any]]:
    if field.field.disabled:
        return
    yield from _sent(field.html_name, field.field.widget, field.value())
    if field.field.show_hidden_initial:
        yield from _sent(field.html_initial_name, field.field.hidden_widget(), field.value())


def _sent(name: str, widget: Widget, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(widget, MultiWidget):
        parts = zip(widget.widgets, widget.decompress(value), strict=True)
        for index, (part, part_value) in enumerate(parts):
            yield f"{name}_{index}", part.format_value(part_value)
    elif isinstance(widget, CheckboxInput):
        if value:
            yield name, "on"
    elif value is not None:
        yield name, value


def errors_on(page: HttpResponse) -> dict[str, list[str]]:
    """The errors of the form on `page`, by field; those of none under `__all__`."""
    assert page.status_code == 200
    context = page.context
    form = context["adminform"].form if "adminform" in context else context["form"]
    return {
        name: [error["message"] for error in errors]
        for name, errors in form.errors.get_json_data().items()
    }


def logged() -> list[tuple[str, str]]:
    """Who wrote what into the admin's log, oldest first."""
    entries = LogEntry.objects.order_by("pk").select_related("user")
    return [(entry.user.username, told_by(entry)) for entry in entries]
