"""What each group of the staff may do in the admin, and what it may not."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.expectations import nothing_changes, shop_state
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import logged
from orders.services import DraftLine, OrderDraft, place_order
from products.models import Product
from products.services import adjust_stock
from users.models import User
from users.services import adjust_balance

staff_groups = import_module("ecommerce.migrations.0001_staff_groups")

MANAGER, SUPPORT, ANALYST, NOBODY = "shop manager", "support", "analyst", "nobody"
GROUPS = [MANAGER, SUPPORT, ANALYST, NOBODY]
EVERYBODY = {MANAGER, SUPPORT, ANALYST}


@pytest.fixture
def groups(db: None) -> None:
    """The groups of the migration, which a test that empties the database may have removed."""
    staff_groups.make_groups(apps, SimpleNamespace(connection=connection))


@pytest.fixture
def shop(
    groups: None, member: User, product: Product, coupon: Coupon, make_coupon: Callable[..., Coupon]
) -> SimpleNamespace:
    """A shop with one of each."""
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    draft = OrderDraft(user_id=member.pk, lines=(DraftLine(product.pk, 2),))
    later = timezone.now() + timedelta(days=1)
    upcoming = make_coupon(issue_starts_at=later, issue_ends_at=later + timedelta(days=1))
    return SimpleNamespace(
        member=member,
        wallet=member.wallet,
        entry=adjust_balance(user_id=member.pk, amount=7_000, reason="착오"),
        adjustment=adjust_stock(product_id=product.pk, quantity=4, reason="입고"),
        product=product,
        coupon=coupon,
        upcoming=upcoming,
        issued=issued,
        order=place_order(draft).value,
    )


def browser_of(group: str) -> Client:
    user = User.objects.create_user(username="staff", is_staff=True)
    if group != NOBODY:
        user.groups.add(Group.objects.get(name=group))
    browser = Client()
    browser.force_login(user)
    return browser


def url(model: str, pk: object = None, page: str = "change") -> str:
    base = f"/admin/{model}/"
    return base if pk is None else f"{base}{pk}/{page}/"


def do(page: str, form: dict[str, Any]) -> Callable[[Client, Any], HttpResponse]:
    """A POST to `page`, in which {names} of the shop stand for their ids."""

    def send(browser: Client, shop: SimpleNamespace) -> HttpResponse:
        ids = {name: one.pk for name, one in vars(shop).items()}
        filled = {
            key: value.format(**ids) if isinstance(value, str) else value
            for key, value in form.items()
        }
        return browser.post(page.format(**ids), filled)

    return send


def change(page: str, **changes: Any) -> Callable[[Client, Any], HttpResponse]:
    """What is sent when a form is opened and changed; by who may not open it, only the changes."""

    def send(browser: Client, shop: SimpleNamespace) -> HttpResponse:
        path = page.format(**{name: one.pk for name, one in vars(shop).items()})
        shown = browser.get(path)
        form = form_on(shown) if shown.status_code == 200 else {}
        return browser.post(path, filled(form, **changes, reason="r"))

    return send


def import_products(browser: Client, shop: SimpleNamespace) -> HttpResponse:
    file = SimpleUploadedFile("a.csv", b"sku,name,price\nNEW,new,1\n")
    form = {"resource": "0", "format": "0", "import_file": file, "import_name": "n"}
    preview = browser.post(url("products/product") + "import/", form)
    confirm = url("products/product") + "process_import/"
    if preview.status_code != 200:
        assert browser.post(confirm, {}).status_code == preview.status_code
        return preview
    fields = preview.context["confirm_form"]
    return browser.post(confirm, {name: fields[name].value() for name in fields.fields})


def change_prices(browser: Client, shop: SimpleNamespace) -> HttpResponse:
    form = {"action": "change_price", "_selected_action": shop.product.pk, "step": "confirm",
            "percent": "10", "round_to": "1", "reason": "r",
            "seen": f"{shop.product.pk}:{shop.product.price}"}  # fmt: skip
    return browser.post(url("products/product"), form)


def withdraw(browser: Client, shop: SimpleNamespace) -> HttpResponse:
    form = {"action": "withdraw", "_selected_action": shop.product.pk, "step": "confirm"}
    return browser.post(url("products/product"), form | {"reason": "r"})


CAMPAIGN = {"name": "n", "discount_type": "fixed", "discount_value": 5, "min_order_amount": 0,
            "total_quantity": 3, "valid_days": 1, "issue_starts_at_0": "2027-01-01",
            "issue_starts_at_1": "10:00", "issue_ends_at_0": "2027-01-02",
            "issue_ends_at_1": "10:00"}  # fmt: skip
OPEN_UNTIL = {"until_0": "2099-01-01", "until_1": "10:00", "reason": "r"}
PRODUCT = {"name": "mug", "price": 5, "opening_stock": 1, "is_active": "on"}

ACTIONS: dict[str, tuple[Callable[[Client, Any], HttpResponse], set[str]]] = {
    "add a category": (do(url("products/category") + "add/", {"name": "n", "slug": "n"}),
                       {MANAGER}),
    "add a product": (do(url("products/product") + "add/", PRODUCT), {MANAGER}),
    "change a product": (
        change("/admin/products/product/{product}/change/", sku="S", price=5), {MANAGER}),
    "adjust stock": (
        do("/admin/products/product/{product}/adjust_stock/", {"quantity": 5, "reason": "r"}),
        {MANAGER}),
    "import products": (import_products, {MANAGER}),
    "change prices": (change_prices, {MANAGER}),
    "withdraw products": (withdraw, {MANAGER}),
    "add a campaign": (do(url("coupons/coupon") + "add/", CAMPAIGN), {MANAGER}),
    "change a campaign": (
        change("/admin/coupons/coupon/{coupon}/change/", name="n", total_quantity=3), {MANAGER}),
    "open a campaign": (do("/admin/coupons/coupon/{upcoming}/open_now/", OPEN_UNTIL), {MANAGER}),
    "close a campaign": (
        do("/admin/coupons/coupon/{coupon}/close_now/", {"reason": "r"}), {MANAGER}),
    "clone a campaign": (do("/admin/coupons/coupon/{coupon}/clone/", CAMPAIGN), {MANAGER}),
    "revoke a coupon": (
        do("/admin/coupons/issuedcoupon/{issued}/revoke/", {"reason": "r"}), {MANAGER}),
    "cancel an order": (
        do("/admin/orders/order/{order}/cancel/", {"reason": "r"}), {MANAGER, SUPPORT}),
    "adjust a balance": (
        do("/admin/users/user/{member}/adjust_balance/", {"amount": 5, "reason": "r"}),
        {MANAGER, SUPPORT}),
    "adjust a wallet": (
        do("/admin/users/wallet/{wallet}/adjust_balance/", {"amount": 5, "reason": "r"}),
        {MANAGER, SUPPORT}),
    "undo an adjustment of a balance": (
        do("/admin/users/wallettransaction/{entry}/undo/", {"reason": "r"}), {MANAGER, SUPPORT}),
    "undo an adjustment of stock": (
        do("/admin/products/stockadjustment/{adjustment}/undo/", {"reason": "r"}), {MANAGER}),
    "add a member": (
        do(url("users/user") + "add/", {"username": "new",
                                        "password1": "long enough", "password2": "long enough"}),
        {MANAGER}),
    "deactivate a member": (
        change("/admin/users/user/{member}/change/", is_active=None), {MANAGER}),
    "add a group": (do(url("auth/group") + "add/", {"name": "n"}), set()),
}  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("group", GROUPS)
def test_a_group_does_what_it_may_and_nothing_else(
    shop: SimpleNamespace, group: str, action: str
) -> None:
    send, allowed = ACTIONS[action]
    browser = browser_of(group)
    if group in allowed:
        before = shop_state()
        assert send(browser, shop).status_code == 302
        assert shop_state() != before
        ((who, what), *_more) = logged()
        assert (who, bool(what)) == ("staff", True)
        return
    with nothing_changes():
        answer = send(browser, shop)
    # Who may only look is offered no action on chosen rows: the list is shown again.
    on_rows = send in (change_prices, withdraw) and group != NOBODY
    assert answer.status_code == (200 if on_rows else 403)
    assert logged() == []


LISTS = ["products/product", "products/category", "products/stockadjustment", "coupons/coupon",
         "coupons/issuedcoupon", "stats/dailyproductsales", "orders/order", "orders/orderitem",
         "users/user", "users/wallet", "users/wallettransaction"]  # fmt: skip
PAGES = {
    **{f"look at {model}": (url(model), EVERYBODY) for model in LISTS},
    "look at a product": ("/admin/products/product/{product}/change/", EVERYBODY),
    "look at a campaign": ("/admin/coupons/coupon/{coupon}/change/", EVERYBODY),
    "look at a member": ("/admin/users/user/{member}/change/", EVERYBODY),
    "look at an order": ("/admin/orders/order/{order}/change/", EVERYBODY),
    "look at the log": ("/admin/admin/logentry/", {MANAGER}),
    "look at groups": ("/admin/auth/group/", set()),
    "prepare an import": ("/admin/products/product/import/", {MANAGER}),
    "prepare to cancel": ("/admin/orders/order/{order}/cancel/", {MANAGER, SUPPORT}),
    "prepare an adjustment": ("/admin/users/user/{member}/adjust_balance/", {MANAGER, SUPPORT}),
    **{
        f"export {model} as {kind}": (f"/admin/{model}/export_{kind}/", EVERYBODY)
        for model in ("products/product", "coupons/issuedcoupon", "orders/order")
        for kind in ("csv", "xlsx")
    },
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("group", GROUPS)
def test_a_group_sees_what_it_may_and_nothing_else(
    shop: SimpleNamespace, group: str, page: str
) -> None:
    path, allowed = PAGES[page]
    ids = {name: one.pk for name, one in vars(shop).items()}
    browser = browser_of(group)
    with nothing_changes():
        answer = browser.get(path.format(**ids))
        if answer.streaming:
            assert b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.status_code == (200 if group in allowed else 403)


def test_the_groups_are_made_once_and_then_left_alone(groups: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {MANAGER, SUPPORT, ANALYST}
    Group.objects.get(name=SUPPORT).permissions.clear()
    Group.objects.filter(name=ANALYST).delete()
    staff_groups.make_groups(apps, SimpleNamespace(connection=connection))
    counts = {group.name: group.permissions.count() for group in Group.objects.all()}
    # With audits, their start, and imports, which later migrations let managers see and do.
    assert counts == {MANAGER: 26, SUPPORT: 0, ANALYST: 11}


def test_every_button_a_group_sees_is_one_it_may_press(shop: SimpleNamespace) -> None:
    browser = browser_of(ANALYST)
    for model, pk in (("products/product", shop.product.pk), ("coupons/coupon", shop.coupon.pk),
                      ("orders/order", shop.order.pk), ("users/user", shop.member.pk)):  # fmt: skip
        page = browser.get(url(model, pk)).content.decode()
        for button in (
            "adjust_stock",
            "open_now",
            "close_now",
            "clone",
            "cancel",
            "adjust_balance",
        ):
            assert f"/{button}/" not in page, (model, button)
        assert "import/" not in browser.get(url(model)).content.decode()
