"""Whatever the address of an admin's page says: a list with a message, or a refusal, never a 500.

The kind: a parameter goes through filters, fields, the database and our own searches, each of which
fails in its own way on what is no number of theirs, no date of theirs, or too much. So every list
is asked by every filter that it has, and by some that it has not, with all kinds of nonsense.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from products.models import Product

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
NONSENSE = [
    *("9" * 40, "-" + "9" * 40, "99999999999999", "0001-01-01", "9999-12-31T23:59:59-14:00"),
    *("\0", "\ud800", "x" * 10_000, ",".join(map(str, range(3_000)))),
]
FEW = ["9" * 40, "0001-01-01", "\0"]
LOOKUPS = ["__year", "__in", "__gte", "__isnull", "__range"]
SEARCHES = [
    *(
        " ".join(["word"] * 600),
        "a " * 100,
        "가" * 10_000,
        "%_\\'\"",
        "\0",
        "\ud800",
        "😀",
        "\u0301",
    ),
]
ORDERS = ["1.2.3." + "9" * 30, "-", "9" * 5_000, "1.-1", "a.b", "-" + "9" * 30]
PAGES = ["9" * 40, "-1", "x", "9999", "\0"]
IDS = ["9" * 40, "-" + "9" * 40, "x", "_00", "\0", "x" * 2_000, "1.5", "_"]


def _address(model: type[Model], **parameters: str) -> str:
    opts = model._meta
    query = "&".join(
        f"{name}={quote(value.encode(errors='surrogatepass'))}"
        for name, value in parameters.items()
    )
    return f"/admin/{opts.app_label}/{opts.model_name}/?{query}"


def _filters(model: type[Model]) -> Iterator[str]:
    yield "id"
    for one in admin.site.get_model_admin(model).list_filter:
        name: Any = one[0] if isinstance(one, tuple) else getattr(one, "parameter_name", one)
        yield name
        if isinstance(one, tuple):
            yield from (f"{name}_from", f"{name}_to")


@pytest.mark.parametrize("model_admin", admin.site._registry.values(), ids=str)
def test_what_a_list_does_not_show_can_not_be_asked_of_it(
    admin_client: Client, model_admin: Any
) -> None:
    opts = model_admin.opts
    hidden = {"secret", "old_secret", "token_hash", "password", "idempotency_key", "name_key"}
    for name in hidden & {field.name for field in opts.get_fields()}:
        for lookup in ("", "__startswith", "__regex", "__length__gt", "__lower__startswith"):
            assert not model_admin.lookup_allowed(name + lookup, "a"), (opts.label, name)
        path = f"/admin/{opts.app_label}/{opts.model_name}/?{name}__startswith=a"
        assert admin_client.get(path).status_code == 400


def _is_told(browser: Client, address: str) -> None:
    """Shown, refused, or shown whole with one message."""
    answer = browser.get(address)
    assert answer.status_code in (200, 302, 400), (answer.status_code, address[:200])
    if answer.status_code == 302:
        assert answer["Location"] == address.partition("?")[0] + "?e=1", address[:200]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_takes_any_filter(admin_client: Client, model: type[Model]) -> None:
    admin_client.raise_request_exception = False
    for name in _filters(model):
        for lookup in LOOKUPS:
            for value in FEW:
                _is_told(admin_client, _address(model, **{name + lookup: value}))
        for value in NONSENSE:
            _is_told(admin_client, _address(model, **{name: value}))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_takes_any_search_order_and_page(admin_client: Client, model: type[Model]) -> None:
    admin_client.raise_request_exception = False
    for text in SEARCHES:
        _is_told(admin_client, _address(model, q=text))
    for order in ORDERS:
        _is_told(admin_client, _address(model, o=order))
    for page in PAGES:
        _is_told(admin_client, _address(model, p=page, page=page, all=page))
    for name in ["_facets", "_popup", "_to_field", "e", "_changelist_filters", "nosuch"]:
        for value in FEW:
            _is_told(admin_client, _address(model, **{name: value}))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_no_page_of_an_object_fails_on_its_number(admin_client: Client, model: type[Model]) -> None:
    admin_client.raise_request_exception = False
    pages = ["change", "history", "delete"]
    pages += admin.site.get_model_admin(model).actions_detail  # type: ignore[attr-defined]
    for number in IDS:
        for page in pages:
            address = _address(model).rstrip("?") + f"{quote(number)}/{page}/"
            answer = admin_client.get(address)
            assert answer.status_code in (302, 400, 403, 404), (answer.status_code, address[:200])


def test_the_message_says_why_the_list_is_whole(admin_client: Client, product: Product) -> None:
    for query in ["created_at__year=" + "9" * 20, "q=" + "+".join(["word"] * 600), "e=1&price=x"]:
        answer = admin_client.get(f"/admin/products/product/?{query}", follow=True)
        assert answer.status_code == 200
        assert list(answer.context["cl"].result_list) == [product]
        assert len(answer.context["messages"]) == 1


def test_an_action_from_such_a_list_does_nothing(admin_client: Client, product: Product) -> None:
    address = "/admin/products/product/?id__gte=" + "9" * 40 + "&price__year=1"
    sent = {"action": "withdraw", "_selected_action": [product.pk], "index": "0"}
    answer = admin_client.post(address, sent)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/products/product/?e=1")
    product.refresh_from_db()
    assert product.is_active


def test_an_export_of_such_a_list_leads_back(admin_client: Client) -> None:
    admin_client.raise_request_exception = False
    for page in ["export_csv", "export_xlsx"]:
        for query in ["price=" + "9" * 40, "q=" + "+".join(["word"] * 600), "p=x", "nosuch=1"]:
            answer = admin_client.get(f"/admin/products/product/{page}/?{query}")
            assert answer.status_code in (200, 302), (answer.status_code, query[:50])
            answer.close()


def test_a_fault_of_ours_stays_one(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any) -> None:
        raise ValueError("a bug")

    admin_client.raise_request_exception = False
    monkeypatch.setattr(admin.site.get_model_admin(Product), "get_list_display", broken)
    assert admin_client.get("/admin/products/product/").status_code == 500
    assert admin_client.get("/admin/products/product/?e=1").status_code == 500


@pytest.mark.parametrize("name", ["term", "page", "app_label", "model_name", "field_name"])
def test_what_scripts_ask_is_answered_or_refused(admin_client: Client, name: str) -> None:
    admin_client.raise_request_exception = False
    asked = {"app_label": "products", "model_name": "product", "field_name": "category"}
    for value in [*FEW, "", "daily_sales", "price", "x" * 10_000, " ".join(["word"] * 600)]:
        for query in [asked | {name: value}, {name: value, "s": value, "extended": "1"}]:
            for path in ["/admin/autocomplete/", "/admin/search/"]:
                answer = admin_client.get(path, query)
                assert answer.status_code in (200, 400, 403, 404), (path, name, value[:20])


def test_the_dashboard_and_the_sign_in_take_any_parameter(admin_client: Client) -> None:
    for value in NONSENSE:
        query = quote(value.encode(errors="surrogatepass"))
        assert (
            admin_client.get(f"/admin/?days={query}&p={query}&{query}={query}").status_code == 200
        )
        assert admin_client.get(f"/admin/login/?next={query}").status_code in (200, 302)
