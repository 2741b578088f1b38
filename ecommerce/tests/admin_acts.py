"""Everything that the forms of the admin do: one act for each form that there is.

Found in the registry, so that what is added to the admin is tested with the rest; what an act
needs to be told before it acts is in `TOLD`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from common.admin.lists import ShopModelAdmin
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.models import AuditRun
from ecommerce.tests.rendered_forms import Form, filled, form_on
from events.models import Delivery, Endpoint, Event
from orders.services import DraftLine, OrderDraft, place_order
from products.models import Category, Change, ImportFile, Product
from products.services import adjust_stock
from users.models import User
from users.services import adjust_balance

LOOKS_ONLY = {"live", "set_password"}
"""Pages of one object on which nothing is sent, or which lead to another."""
SHOWN_ONCE = {"secret"}
"""Pages whose answer is kept nowhere: they know by themselves that they acted."""

PASSWORD = "correct horse battery"
CAMPAIGN = {
    "name": "가을", "discount_type": "fixed", "discount_value": 5, "min_order_amount": 1_000,
    "total_quantity": 3, "valid_days": 1, "issue_starts_at_0": "2027-01-01",
    "issue_starts_at_1": "10:00:00", "issue_ends_at_0": "2027-01-02",
    "issue_ends_at_1": "10:00:00",
}  # fmt: skip
WINDOW = {name: value for name, value in CAMPAIGN.items() if name.startswith("issue_")}

TOLD: dict[str, dict[str, Any]] = {
    "users.user add": {"username": "새회원", "password1": PASSWORD, "password2": PASSWORD},
    "users.user change": {"first_name": "민지"},
    "users.user password": {"password1": PASSWORD, "password2": PASSWORD},
    "users.user adjust_balance": {"amount": 5_000},
    "users.wallet adjust_balance": {"amount": -5_000},
    "users.wallettransaction undo": {},
    "products.stockadjustment undo": {},
    "products.importfile undo": {},
    "auth.group add": {"name": "상담"},
    "auth.group change": {"name": "상담"},
    "auth.group delete": {},
    "auth.group delete_selected": {},
    "products.category add": {"name": "주방", "slug": "주방"},
    "products.category change": {"name": "주방"},
    "products.category delete": {},
    "products.category delete_selected": {},
    "products.product add": {"name": "머그컵", "price": 9_900, "opening_stock": 3},
    "products.product change": {"price": 9_900},
    "products.product rows": {"form-0-price": "9,900", "_save": "Save", "reason": "이유"},
    "products.product adjust_stock": {"quantity": 5},
    "products.product put_on_sale": {"step": "confirm"},
    "products.product withdraw": {"step": "confirm"},
    "products.product change_category": {"step": "confirm"},
    "products.product change_price": {"percent": 10, "round_to": 10, "step": "confirm"},
    "coupons.coupon add": CAMPAIGN,
    "coupons.coupon change": {"total_quantity": 31},
    "coupons.coupon open_now_action": {"until_0": "2099-01-01", "until_1": "10:00:00"},
    "coupons.coupon close_now": {},
    "coupons.coupon delete_draft_action": {},
    "coupons.coupon clone": WINDOW | {"name": "복제"},
    "coupons.issuedcoupon revoke": {},
    "orders.order cancel": {},
    "ecommerce.auditrun start": {},
    "events.endpoint add": {"name": "창고", "kinds": ["order.paid"]},
    "events.endpoint change": {"name": "창고"},
    "events.endpoint new_secret": {},
    "events.endpoint switch_on": {},
    "events.delivery again": {},
    "events.delivery aside": {},
    "events.delivery send_all_again": {"step": "confirm"},
}


@dataclass(frozen=True)
class Act:
    """What one form of the admin does, by the page it is on."""

    name: str
    model_admin: ShopModelAdmin
    page: str

    def path(self, one_of_each: SimpleNamespace) -> str:
        """Where the form is sent."""
        opts = self.model_admin.opts
        base = f"/admin/{opts.app_label}/{opts.model_name}/"
        if self.page in ("add", "start"):
            return f"{base}{self.page}/"
        if self.page in {*self.model_admin.actions, "delete_selected", "rows"}:
            return base
        page = self.page.removesuffix("_action")
        return f"{base}{self.object(one_of_each).pk}/{page}/"

    @property
    def log_entries(self) -> int:
        """How many entries of the log it makes: of the list or file, and of what is of it."""
        return 2 if self.page == "clone" or self.name == "products.importfile undo" else 1

    def object(self, one_of_each: SimpleNamespace) -> Any:
        if self.page in ("open_now_action", "delete_draft_action"):
            return one_of_each.upcoming
        if self.page == "put_on_sale":
            return one_of_each.withdrawn
        if self.page == "aside":
            return one_of_each.pending
        return getattr(one_of_each, self.model_admin.opts.model_name or "")

    def form(self, browser: Client, one_of_each: SimpleNamespace) -> Form:
        """The form as a browser has it before the button is pressed."""
        path = self.path(one_of_each)
        if path.endswith(f"/{self.model_admin.opts.model_name}/") and self.page != "rows":
            chosen = {"action": self.page, "_selected_action": [self.object(one_of_each).pk]}
            page = browser.post(path, chosen)
        else:
            page = browser.get(path)
        form = filled(form_on(page), **TOLD[self.name])
        if self.page == "change_category":
            form = filled(form, category=one_of_each.category.pk)
        return filled(form, reason="이유") if "reason" in form else form

    def send(self, browser: Client, one_of_each: SimpleNamespace, form: Form) -> HttpResponse:
        return browser.post(self.path(one_of_each), form)


def _acts() -> list[Act]:
    request = RequestFactory().get("/admin/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    acts = []
    for model, model_admin in admin.site._registry.items():
        assert isinstance(model_admin, ShopModelAdmin)
        pages = [name for name in ("add", "change", "delete") if _may(model_admin, name, request)]
        pages += [name for name in model_admin.get_actions(request) if name != "export"]
        pages += {*model_admin.actions_detail, *model_admin.actions_row} - LOOKS_ONLY - SHOWN_ONCE
        pages += ["password"] if model is User else []
        pages += ["rows"] if model_admin.list_editable else []
        pages += ["start"] if model is AuditRun else []
        acts += [Act(f"{model._meta.label_lower} {page}", model_admin, page) for page in pages]
    return sorted(acts, key=lambda act: act.name)


def _may(model_admin: ShopModelAdmin, what: str, request: Any) -> bool:
    return bool(getattr(model_admin, f"has_{what}_permission")(request))


ACTS = _acts()
acts = pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)


@pytest.fixture
def one_of_each(
    member: User,
    product: Product,
    coupon: Coupon,
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Coupon],
    monkeypatch: pytest.MonkeyPatch,
) -> SimpleNamespace:
    """A shop with one of each of what the acts are about. Audits begin, and do nothing."""
    monkeypatch.setattr("ecommerce.audit.running._begin", lambda mark: None)
    issued = issue_coupon(coupon_id=make_coupon().pk, user_id=member.pk)
    later = timezone.now() + timedelta(days=1)
    draft = OrderDraft(user_id=member.pk, lines=(DraftLine(product.pk, 2),))
    return SimpleNamespace(
        user=member,
        wallet=member.wallet,
        wallettransaction=adjust_balance(user_id=member.pk, amount=7_000, reason="착오"),
        stockadjustment=adjust_stock(product_id=product.pk, quantity=4, reason="입고"),
        importfile=_imported(product, member),
        group=Group.objects.create(name="예전"),
        category=Category.objects.create(name="예전", slug="old"),
        product=product,
        withdrawn=make_product(is_active=False),
        coupon=coupon,
        upcoming=make_coupon(issue_starts_at=later, issue_ends_at=later + timedelta(days=1)),
        issuedcoupon=issued,
        order=place_order(draft).value,
        **_events(),
    )


def _imported(product: Product, staff: User) -> ImportFile:
    """A file that gave the product its name."""
    file = ImportFile.objects.create(
        name="1", content=b"", created_by=staff, taken_at=timezone.now()
    )
    file.batches.create(kept_changes=[Change(product.pk, "name", "옛 이름", product.name)])
    return file


def _events() -> dict[str, Any]:
    """An endpoint that was switched off, and what it was told before."""
    endpoint = Endpoint.objects.create(
        name="예전", url="https://8.8.8.8/", kinds=["order.paid"], switched_off_at=timezone.now()
    )

    def delivery(number: int, **fields: Any) -> Delivery:
        about = f"order:{number}"
        event = Event.objects.create(
            kind="order.paid", about=about, data="{}", occurred_at=timezone.now()
        )
        return Delivery.objects.create(endpoint=endpoint, event=event, about=about, **fields)

    return {
        "endpoint": endpoint,
        "delivery": delivery(1, state=Delivery.State.SET_ASIDE),
        "pending": delivery(2, due_at=timezone.now()),
    }
