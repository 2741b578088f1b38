"""What every list of the back office offers, and what it doesn't."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from common.admin import exports
from common.admin.pages import SELECTION_MAX
from conftest import client_of
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.models import AuditRun
from ecommerce.tests.staff import logged, staff_client
from events.models import Delivery, Endpoint, Event
from products.models import Category, ImportFile, Product
from products.services import adjust_stock
from users.models import User
from users.services import charge_wallet

pytestmark = pytest.mark.django_db

MODELS = [model._meta for model in admin.site._registry]
LISTS = [f"{opts.app_label}/{opts.model_name}" for opts in MODELS]
VIEWS = [f"{opts.app_label}.view_{opts.model_name}" for opts in MODELS]


@pytest.fixture
def shop(
    make_member: Callable[..., User], product: Product, coupon: Coupon
) -> tuple[User, Product]:
    """A shop in which every list has a row."""
    member = make_member(username="민지", email="=minji@example.com")
    charge_wallet(user_id=member.pk, amount=50_000)
    issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    Category.objects.create(name="차", slug="tea")
    adjust_stock(product_id=product.pk, quantity=7, reason="입고", staff_id=None)
    AuditRun.objects.create(seconds=1, violation_count=0)
    ImportFile.objects.create(name="납품", content=b"", created_by=member, taken_at=timezone.now())
    event = Event.objects.create(kind="x", about="1", data="{}", occurred_at=timezone.now())
    endpoint = Endpoint.objects.create(name="창고", url="https://example.com/")
    Delivery.objects.create(endpoint=endpoint, event=event, about="1", due_at=timezone.now())
    body = {"username": "suji", "password": "correct horse battery"}
    assert client_of().post("/api/v1/auth/signup/", body).status_code == 201
    assert client_of().post("/api/v1/auth/token/", body).status_code == 200
    order = {"items": [{"product": product.pk, "quantity": 1}]}
    assert client_of(member).post("/api/v1/orders/", order).status_code == 201
    return member, product


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("path", LISTS)
def test_what_is_listed_can_be_exported(
    admin_client: Client, shop: tuple[User, Product], path: str
) -> None:
    if path == "admin/logentry":
        admin_client.get("/admin/users/user/export_csv/")
    listed = admin_client.get(f"/admin/{path}/")
    shown = len(listed.context["cl"].result_list)
    rows = rows_of(admin_client.get(f"/admin/{path}/export_csv/"))
    assert len(rows) == shown + (path == "admin/logentry") > 0  # this one is in the log, too
    sheet = admin_client.get(f"/admin/{path}/export_xlsx/")
    assert sheet["Content-Type"].endswith("spreadsheetml.sheet")
    sheet.close()
    assert f"/admin/{path}/export_csv/" in listed.content.decode()


def test_numbers_are_numbers_and_moments_have_their_zone(
    admin_client: Client, shop: tuple[User, Product]
) -> None:
    _member, product = shop
    (row,) = [
        row
        for row in rows_of(admin_client.get("/admin/users/user/export_csv/"))
        if row["username"] == "민지"
    ]
    assert (row["balance"], row["is_active"]) == (str(50_000 - product.price), "true")
    assert row["email"] == "'=minji@example.com"  # no formula
    assert row["date_joined"].endswith("+09:00")
    assert not {"password", "name_key"} & row.keys()
    (charge, *_others) = rows_of(
        admin_client.get("/admin/users/wallettransaction/export_csv/?kind__exact=charge")
    )
    assert (charge["amount"], charge["member"], charge["kind"]) == ("50000", "민지", "charge")
    (sales,) = rows_of(admin_client.get("/admin/stats/dailyproductsales/export_csv/"))
    assert (sales["quantity"], sales["revenue"]) == ("1", str(product.price))


@pytest.mark.parametrize("path", LISTS)
def test_who_sees_a_list_may_export_it_and_no_other(shop: tuple[User, Product], path: str) -> None:
    app, model = path.split("/")
    blind = staff_client(*(name for name in VIEWS if name != f"{app}.view_{model}"))
    for kind in ("csv", "xlsx"):
        assert blind.get(f"/admin/{path}/export_{kind}/").status_code == 403
    looks = staff_client(f"{app}.view_{model}")
    assert f"/admin/{path}/export_csv/" in looks.get(f"/admin/{path}/").content.decode()
    rows_of(looks.get(f"/admin/{path}/export_csv/"))
    sheet = looks.get(f"/admin/{path}/export_xlsx/")
    assert sheet.status_code == 200
    sheet.close()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_page_learns_when_its_file_comes(
    admin_client: Client, product: Product, kind: str
) -> None:
    page = admin_client.get("/admin/products/product/").content.decode()
    assert "The file is being made; your browser saves it as it comes." in page
    answer = admin_client.get(f"/admin/products/product/export_{kind}/")
    taken_away = answer.cookies["exporting"]
    assert (taken_away.value, taken_away["max-age"], taken_away["path"]) == ("", 0, "/admin/")
    answer.close()


@pytest.mark.parametrize("path", ["orders/order", "products/product"])
def test_the_longest_lists_are_streamed_without_an_object_for_each_row(
    admin_client: Client,
    shop: tuple[User, Product],
    path: str,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Callable[..., Any],
) -> None:
    answer = admin_client.get(f"/admin/{path}/export_csv/")
    assert answer.streaming
    made = []
    model = apps.get_model(path.replace("/", "."))
    for one in (model, Product):
        monkeypatch.setattr(one, "from_db", lambda *args: made.append(args))
    chunks = iter(answer.streaming_content)  # type: ignore[call-overload]
    with django_assert_num_queries(0):
        first = next(chunks) + next(chunks)
    assert first.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO((first + b"".join(chunks)).decode("utf-8-sig")))
    assert made == []
    if path == "orders/order":
        _member, product = shop
        price = product.price
        assert row["items"] == f"{product.sku} × 1 = {price}"
        assert (row["member"], row["status"], row["coupon"]) == ("민지", "paid", "")


def test_a_file_that_breaks_off_says_so_in_its_last_line(
    admin_client: Client, shop: tuple[User, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> Iterator[Any]:
        yield [["ㄱ"]]
        raise OperationalError(2013, "Lost connection to server during query")

    monkeypatch.setattr(exports, "_read_plain", broken)
    monkeypatch.setattr(exports, "_read_objects", broken)
    answer = admin_client.get("/admin/products/product/export_csv/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert text.splitlines()[1:] == [
        "ㄱ",
        "This export broke off here. Rows are missing: export again.",
    ]


def test_an_export_is_in_the_log(admin_client: Client, shop: tuple[User, Product]) -> None:
    admin_client.get("/admin/users/user/export_csv/?is_staff__exact=0")
    assert logged() == [("admin", "Exported as csv; rows: 2; filters: is_staff__exact=0")]


def test_all_is_only_offered_while_all_may_be_changed_at_once(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    make_product()
    Product.objects.bulk_create(
        Product(name=f"p{number}", sku=f"T-{number}", price=1) for number in range(SELECTION_MAX)
    )
    page = admin_client.get("/admin/products/product/").content.decode()
    assert "At most 1,000 can be changed at once" in page
    assert "showall" not in page
    Product.objects.filter(sku="T-0").delete()
    page = admin_client.get("/admin/products/product/").content.decode()
    assert "At most 1,000" not in page
    assert "Select all 1,000" in page


def test_a_category_with_products_says_which(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    tea = Category.objects.create(name="차", slug="tea")
    for number in range(12):
        make_product(name=f"녹차 {number:02}", category=tea)
    for answer in (
        admin_client.get(f"/admin/products/category/{tea.pk}/delete/"),
        admin_client.post(
            "/admin/products/category/", {"action": "delete_selected", "_selected_action": tea.pk}
        ),
    ):
        page = answer.content.decode()
        assert "녹차 11" in page
        assert "and 2 more products" in page
        assert "There are products in it: move them to another category first." in page
        assert f"/admin/products/product/?category__id__exact={tea.pk}" in page
        assert "permission" not in page
    sent = admin_client.post(f"/admin/products/category/{tea.pk}/delete/", {"post": "yes"})
    assert sent.status_code in (200, 403)
    assert Category.objects.filter(pk=tea.pk).exists()
    assert LogEntry.objects.count() == 0


def test_a_category_without_products_is_deleted(admin_client: Client) -> None:
    tea = Category.objects.create(name="차", slug="tea")
    admin_client.post(f"/admin/products/category/{tea.pk}/delete/", {"post": "yes"})
    assert not Category.objects.exists()
    assert LogEntry.objects.count() == 1
