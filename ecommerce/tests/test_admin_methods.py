"""What may be sent to the addresses of the admin: a form where there is one, nothing elsewhere.

The kind: what only shows something, asked for by POST; with the form that did nothing, what was
written besides (who took out what) was undone. Its relatives: every address that there is, whoever
adds it; HEAD, for which nothing leaves the shop; and a view that says nothing of itself.
"""

from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from common.admin.exports import ExportsRows
from common.admin.once import acts_once
from common.admin.sessions import SessionStore
from common.admin.told import Told
from ecommerce.tests.rendered_forms import forms_on
from ecommerce.tests.staff import logged, staff_client
from ecommerce.tests.test_admin_once import BY_THEMSELVES, everything
from products.models import Product
from users.models import User

pytestmark = pytest.mark.django_db

MENU = 'id="nav-sidebar-inner"'
OF_THE_SITE = ["index", "password_change_done", "autocomplete", "jsi18n", "search"]
LISTS = admin.site._registry
EXPORTED = [model for model in LISTS if isinstance(LISTS[model], ExportsRows)]
ANSWERS: dict[str, Callable[[], Any]] = {
    "stream": lambda: StreamingHttpResponse([b"all of it"]),
    "file": lambda: FileResponse(BytesIO(b"all of it")),
    "text": lambda: HttpResponse("all of it"),
    "json": lambda: JsonResponse({"all": "of it"}),
}

of_each_list = pytest.mark.parametrize("model", LISTS, ids=lambda model: model.__name__)
of_each_export = pytest.mark.parametrize("model", EXPORTED, ids=lambda model: model.__name__)
as_each_file = pytest.mark.parametrize("kind", ["csv", "xlsx"])


def addresses_of(model: type[Model], one_of_each: SimpleNamespace) -> dict[str, str]:
    """The addresses of a list and of one of its rows, if it has any, by their names."""
    row = getattr(one_of_each, str(model._meta.model_name), model._default_manager.first())
    return {
        one.name: reverse(f"admin:{one.name}", args=[row.pk] if one.pattern.converters else [])
        for one in LISTS[model].get_urls()
        if one.name and (row or not one.pattern.converters)
    }


def sent_by(user: User, method: str) -> HttpRequest:
    request = RequestFactory().generic(method, "/admin/")
    request.user, request.session = user, SessionStore()
    return request


def export_of(model: type[Model], kind: str) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/export_{kind}/"


def assert_has_headers_only(answer: Any, kind: str) -> None:
    assert answer.status_code == 200
    assert answer["Content-Disposition"].endswith(f'.{kind}"')
    assert b"".join(answer) == b""


def assert_takes_no_form(browser: Client, path: str) -> None:
    before = everything()
    answer = browser.post(path, {"reason": "이유"})
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD"), path
    text = answer.content.decode()
    assert MENU in text
    assert "Nothing was done." in text
    assert everything() == before


@of_each_list
def test_an_address_without_a_form_takes_none(
    admin_client: Client, one_of_each: SimpleNamespace, model: type[Model]
) -> None:
    """What is sent is led elsewhere, shown at its form, refused, or has nowhere to go."""
    answers = {
        name: admin_client.post(path, {"reason": "이유"})
        for name, path in addresses_of(model, one_of_each).items()
        if name not in BY_THEMSELVES
    }
    for name, answer in answers.items():
        assert answer.status_code in (302, 403, 405) or forms_on(answer), name
    shown = {name for name, answer in answers.items() if answer.status_code == 405}
    assert shown >= {name for name in answers if name.endswith(("_history", "_csv", "_xlsx"))}


@pytest.mark.parametrize("name", OF_THE_SITE)
def test_an_address_of_the_site_without_a_form_takes_none(admin_client: Client, name: str) -> None:
    assert_takes_no_form(admin_client, reverse(f"admin:{name}"))


@of_each_export
@as_each_file
def test_what_is_taken_out_is_in_the_log_however_it_is_asked_for(
    one_of_each: SimpleNamespace, model: type[Model], kind: str
) -> None:
    analyst = staff_client(f"{model._meta.app_label}.view_{model._meta.model_name}")
    path = export_of(model, kind)
    assert_takes_no_form(analyst, path)
    assert_has_headers_only(analyst.head(path), kind)
    assert logged() == []
    assert b"".join(analyst.get(path))
    assert [text.split(";")[0] for _who, text in logged()] == [f"Exported as {kind}"]


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_form_is_answered_by_what_hides_that_nothing_was_done(
    admin_user: User, product: Product, answer: Callable[[], Any]
) -> None:
    """Whatever the view is: what it wrote is undone, and what it made of it is not told."""
    products: Any = LISTS[Product]

    def view(request: HttpRequest) -> Any:
        products.log_list(request, Told("Secret shown."))
        return answer()

    request = sent_by(admin_user, "POST")
    response = acts_once(admin.site, view)(request).render()
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert b"of it" not in response.content
    assert logged() == []


def test_nothing_is_written_for_the_headers_alone(admin_user: User, product: Product) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        Product.objects.update(stock=0)
        return HttpResponse("sold out")

    assert acts_once(admin.site, view)(sent_by(admin_user, "HEAD")).content == b"sold out"
    assert Product.objects.get().stock == 10


def test_who_is_not_signed_in_is_asked_to(db: None) -> None:
    for method in ("post", "head"):
        answer = getattr(Client(), method)("/admin/products/product/export_csv/")
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
