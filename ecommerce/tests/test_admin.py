"""What all pages of the admin have in common."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from coupons.models import Coupon, IssuedCoupon
from coupons.services import issue_coupon
from ecommerce.models import AuditRun
from ecommerce.tests.expectations import nothing_changes, shop_models
from ecommerce.tests.staff import staff_client
from events.models import Delivery, Event
from events.services import create_endpoint
from orders.models import Order, OrderItem
from orders.services import DraftLine, OrderDraft, place_order
from products.models import Category, ImportedBatch, ImportFile, Product, StockAdjustment
from products.services import adjust_stock, create_product
from stats.models import DailyProductSales
from users.models import Session, User, Wallet, WalletTransaction
from users.services import sign_in

MODELS = [
    *(model for model in shop_models() if model is not ImportedBatch),  # seen at its import
    ImportFile,
    Group,
    AuditRun,
]
READ_ONLY = [
    AuditRun,
    DailyProductSales,
    Delivery,
    Event,
    ImportFile,
    IssuedCoupon,
    Order,
    OrderItem,
    Session,
    StockAdjustment,
    Wallet,
    WalletTransaction,
]
KEPT = [model for model in MODELS if model not in (Category, Group)]


def label_of(model: Any) -> str:
    return model._meta.label


def list_url(model: Any) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


def page_url(obj: Any, page: str = "change") -> str:
    return f"{list_url(type(obj))}{obj.pk}/{page}/"


@pytest.fixture
def add_a_row_of_each(
    admin_user: User,
    make_member: Callable[..., User],
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Any],
) -> Callable[[], None]:
    """Adds a row, or two, to every list: all the references of a row are rows of its own."""

    def add() -> None:
        member = make_member(balance=100_000)
        category = Category.objects.create(name=member.username, slug=member.username)
        product = make_product(category=category, staff_id=admin_user.pk)
        adjust_stock(product_id=product.pk, quantity=1, reason="found", staff_id=admin_user.pk)
        issued = issue_coupon(coupon_id=make_coupon().pk, user_id=member.pk)
        lines = (DraftLine(product.pk, 2),)
        place_order(OrderDraft(user_id=member.pk, lines=lines, coupon_id=issued.pk))
        member.set_password("correct horse battery")
        member.save()
        sign_in(username=member.username, password="correct horse battery")
        Group.objects.create(name=member.username)
        AuditRun.objects.create(seconds=1, violation_count=0)
        now = timezone.now()
        ImportFile.objects.create(name="n", content=b"", created_by=admin_user, taken_at=now)
        endpoint = create_endpoint(name=member.username, kinds=["order.paid"])
        event = Event.objects.create(
            kind="order.paid", about="order:1", data="{}", occurred_at=timezone.now()
        )
        Delivery.objects.create(endpoint=endpoint, event=event, about="order:1")

    return add


def rows_and_queries(browser: Client, model: Any) -> tuple[int, int]:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = browser.get(list_url(model))
    return len(page.context["cl"].result_list), len(queries)


def test_every_model_of_the_shop_has_its_pages() -> None:
    assert {model for model in MODELS if not admin.site.is_registered(model)} == set()


def test_no_page_shows_a_refresh_token_or_its_hash(
    admin_client: Client, add_a_row_of_each: Callable[[], None]
) -> None:
    add_a_row_of_each()
    session = Session.objects.get()
    for page in (list_url(Session), page_url(session)):
        assert session.token_hash not in admin_client.get(page).content.decode()


def test_a_list_asks_the_database_as_often_for_twenty_rows_as_for_one(
    admin_client: Client, add_a_row_of_each: Callable[[], None]
) -> None:
    add_a_row_of_each()
    admin_client.get(list_url(Order))  # what is looked up once per process is known by now
    few = {model: rows_and_queries(admin_client, model) for model in MODELS}
    for _ in range(19):
        add_a_row_of_each()
    many = {model: rows_and_queries(admin_client, model) for model in MODELS}
    assert {model for model, (rows, _queries) in many.items() if rows < 20} == set()
    assert {model: asked for model, (_rows, asked) in many.items()} == {
        model: asked for model, (_rows, asked) in few.items()
    }


def test_every_choice_of_every_filter_and_order_is_answered(
    admin_client: Client, add_a_row_of_each: Callable[[], None]
) -> None:
    add_a_row_of_each()
    refused = []
    for model in MODELS:
        page = admin_client.get(list_url(model)).content.decode()
        for query in set(re.findall(r'href="(\?[^"]+)"', page)):
            url = list_url(model) + query.replace("&amp;", "&")
            if admin_client.get(url).status_code != 200:
                refused.append(url)
    assert refused == []


@pytest.mark.parametrize("model", MODELS, ids=label_of)
def test_a_search_for_what_nothing_has_finds_nothing(
    admin_client: Client, add_a_row_of_each: Callable[[], None], model: Any
) -> None:
    add_a_row_of_each()
    page = admin_client.get(list_url(model), {"q": "no such thing 없음"})
    assert list(page.context["cl"].result_list) == []


def test_no_page_refers_to_another_host(
    admin_client: Client, add_a_row_of_each: Callable[[], None]
) -> None:
    add_a_row_of_each()
    urls = ["/admin/", "/admin/login/", "/admin/users/user/add/", "/admin/products/product/add/"]
    urls += [list_url(model) for model in MODELS]
    urls += [page_url(model.objects.latest("pk")) for model in MODELS]
    urls += [
        page_url(Product.objects.get(), "adjust_stock"),
        page_url(Order.objects.get(), "cancel"),
    ]
    foreign = {}
    for url in urls:
        page = admin_client.get(url, follow=True)
        assert page.status_code == 200, url
        found = re.findall(
            r"""(?:src|href|action)=["'](?:https?:)?//[^"']+""", page.content.decode()
        )
        if found:
            foreign[url] = found
    assert foreign == {}


@pytest.mark.parametrize("model", KEPT, ids=label_of)
def test_nobody_deletes_what_has_a_history(
    admin_client: Client, add_a_row_of_each: Callable[[], None], model: Any
) -> None:
    add_a_row_of_each()
    row = model.objects.latest("pk")
    chosen = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    with nothing_changes():
        assert admin_client.post(page_url(row, "delete"), {"post": "yes"}).status_code == 403
        admin_client.post(list_url(model), chosen)


@pytest.mark.parametrize("model", READ_ONLY, ids=label_of)
def test_what_only_services_write_cannot_be_written_by_a_form(
    admin_client: Client, add_a_row_of_each: Callable[[], None], model: Any
) -> None:
    add_a_row_of_each()
    row = model.objects.latest("pk")
    values = {field.name: "7" for field in model._meta.fields}
    with nothing_changes():
        assert admin_client.post(page_url(row), values).status_code == 403
        assert admin_client.post(list_url(model) + "add/", values).status_code == 403
    assert admin_client.get(page_url(row)).status_code == 200


REASONED: dict[str, Callable[[], Any]] = {
    "products.product": lambda: create_product(name="a mug", price=1),
    "products.category": lambda: Category.objects.create(name="차", slug="tea"),
    "coupons.coupon": Coupon.objects.get,
    "users.user": lambda: User.objects.create_user(username="member"),
    "auth.group": lambda: Group.objects.create(name="buyers"),
    "events.endpoint": lambda: create_endpoint(name="who is told", kinds=["order.paid"], url=""),
}
"""What is changed by a form that asks for the reason."""


@pytest.mark.usefixtures("coupon")
@pytest.mark.parametrize("model", REASONED)
def test_who_may_only_look_is_not_asked_why(model: str) -> None:
    label, name = model.split(".")
    url = f"/admin/{label}/{name}/{REASONED[model]().pk}/change/"
    for permission, asked in (("view", False), ("change", True)):
        page = staff_client(f"{label}.{permission}_{name}").get(url)
        assert page.status_code == 200
        assert ("Reason for the change" in page.content.decode()) == asked, permission


@pytest.mark.parametrize("model", MODELS, ids=label_of)
def test_a_visitor_is_asked_to_sign_in(make_member: Callable[..., User], model: Any) -> None:
    browser = Client()
    browser.force_login(make_member())  # a member who isn't staff is a visitor here, too
    for visitor in (Client(), browser):
        answer = visitor.get(list_url(model))
        assert (answer.status_code, answer["Location"]) == (
            302,
            f"/admin/login/?next={list_url(model)}",
        )


def test_the_sidebar_has_what_one_may_see(db: None) -> None:
    page = staff_client("orders.view_order", "coupons.change_coupon").get("/admin/")
    shown = [
        (str(section["title"]), [item["title"] for item in section["items"]])
        for section in page.context["sidebar_navigation"]
    ]
    assert shown == [
        ("Sales", ["Orders"]),
        ("Products", []),
        ("Coupons", ["Coupons"]),
        ("Members", []),
        ("Events", []),
        ("Operations", []),
    ]


def test_the_sidebar_has_every_list(admin_client: Client) -> None:
    sections = admin_client.get("/admin/").context["sidebar_navigation"]
    links = {item["link"] for section in sections for item in section["items"]}
    assert links == {list_url(model) for model in [*MODELS, LogEntry]}
