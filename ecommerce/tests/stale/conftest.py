"""A page of the admin that somebody has open while a colleague changes the row."""

from typing import Any

from django.db.models import Model
from django.http import HttpResponse
from django.test import Client

from ecommerce.tests.rendered_forms import Form, filled, form_on


class Page:
    """The page of one row, opened by B in the past; A is a colleague who writes to the row."""

    def __init__(self, browser: Client, row: Model) -> None:
        opts = row._meta
        self.browser, self.row = browser, row
        self.url = f"/admin/{opts.app_label}/{opts.model_name}/{row.pk}/change/"
        self.form = form_on(browser.get(self.url))

    def saves(self, form: Form | None = None, **values: Any) -> HttpResponse:
        sent = filled(form or self.form, **values)
        return self.browser.post(self.url, filled(sent, reason="이유"))

    @property
    def by_now(self) -> dict[str, Any]:
        return state_of(self.row)


def state_of(row: Model) -> dict[str, Any]:
    """All columns and relations of a row as the database has them."""
    fresh = type(row)._default_manager.get(pk=row.pk)  # type: ignore[attr-defined]
    columns = {field.name: getattr(fresh, field.attname) for field in row._meta.fields}
    many = {
        field.name: sorted(getattr(fresh, field.name).values_list("pk", flat=True))
        for field in row._meta.many_to_many
    }
    return columns | many
