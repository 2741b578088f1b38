"""That a form of the admin undoes nothing that a colleague did since it was opened.

The kind: B has a page open, A changes the same row, B saves something. Its relatives: every field
that any admin lets be changed (`FIELDS` has all that there are, relations to many included), the
same field changed by both, to the same and to another value, rows that are gone by now, pages that
say nothing or nonsense of what they showed, and two who save in the same moment.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import ManyToManyField, Model, QuerySet
from django.test import Client, RequestFactory
from django.utils import timezone

from common.admin.text import moment
from coupons.models import Coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.rendered_forms import form_on
from ecommerce.tests.staff import errors_on, logged
from ecommerce.tests.stale.conftest import Page
from events.models import Endpoint, Kind
from products.models import Category, Product
from users.access_names import told_access
from users.models import User

pytestmark = pytest.mark.django_db

DERIVED = {"search_name", "search_words", "name_key", "switched_off_at"}
"""Columns that go along with others."""

MOMENTS = [timezone.now().replace(microsecond=0) + timedelta(days=n) for n in (-3, 40, 50)]
TIMES: dict[str, list[Any]] = {"issue_starts_at": [MOMENTS[0] - timedelta(days=n) for n in (0, 1)],
                               "issue_ends_at": MOMENTS[1:]}  # fmt: skip
OTHERS: dict[str, list[Any]] = {
    "username": ["다른이름", "또다른이름"],
    "first_name": ["민지", "지민"],
    "last_name": ["김", "이"],
    "email": ["a@example.com", "b@example.com"],
    "is_active": [False, True],
    "is_staff": [True, False],
    "is_superuser": [True, False],
    "groups": [],
    "user_permissions": [],
    "permissions": [],
    "sku": ["A-1", "B-1"],
    "name": ["하나", "둘"],
    "slug": ["하나", "둘"],
    "description": ["한 줄\n두 줄", "둘"],
    "category": [],
    "price": [2_000, 3_000],
    "discount_type": ["percent", "fixed"],
    "discount_value": [20, 30],
    "max_discount": [2_000, 3_000],
    "min_order_amount": [5_000, 6_000],
    "total_quantity": [40, 50],
    "valid_days": [7, 8],
    "url": ["https://8.8.8.8/a", "https://8.8.8.8/b"],
    "kinds": [["order.paid", "order.cancelled"], ["coupon.issued"]],
    **TIMES,
}
"""Two other values of each field, by its name; those that refer to rows are made in the test."""


@dataclass(frozen=True)
class Editable:
    """A field that a page of the admin lets be changed."""

    model: type[Model]
    name: str

    @property
    def is_many(self) -> bool:
        return isinstance(self.model._meta.get_field(self.name), ManyToManyField)

    def __str__(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"


def _editable() -> list[Editable]:
    request = RequestFactory().get("/admin/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    found = []
    for model, model_admin in admin.site._registry.items():
        is_known = model_admin.list_editable in ((), ["price", "is_active"])
        assert is_known, "its rows are saved by another form: test that, as test_admin_rows does"
        for inline in model_admin.get_inline_instances(request):
            assert not inline.has_change_permission(request), "its rows are saved, too: test that"
        if model_admin.has_change_permission(request):
            row = model(pk=1)
            form = model_admin.get_form(request, row, change=True)(instance=row)
            names = {field.name for field in [*model._meta.fields, *model._meta.many_to_many]}
            fields = (name for name in form.fields if not form.fields[name].disabled)
            found += [Editable(model, name) for name in fields if name in names]
    return found


MODELS = [User, Group, Category, Product, Coupon, Endpoint]

FIELDS = [
    Editable(model, name)
    for model in MODELS
    for name in {
        "users.user": ["username", "first_name", "last_name", "email", "is_active", "is_staff",
                       "is_superuser", "groups", "user_permissions"],
        "auth.group": ["name", "permissions"],
        "products.category": ["name", "slug"],
        "products.product": ["sku", "name", "description", "category", "price", "is_active"],
        "coupons.coupon": ["name", "discount_type", "discount_value", "max_discount",
                           "min_order_amount", "total_quantity", "issue_starts_at",
                           "issue_ends_at", "valid_days"],
        "events.endpoint": ["name", "url", "kinds", "is_active"],
    }[model._meta.label_lower]
]  # fmt: skip
fields = pytest.mark.parametrize("field", FIELDS, ids=str)


def test_every_field_that_can_be_changed_is_known(db: None) -> None:
    assert sorted(map(str, _editable())) == sorted(map(str, FIELDS))


# --- What a page is, and what is done with it ----------------------------------------------------


def rows_of(row: Model) -> QuerySet[Any]:
    return type(row)._default_manager.filter(pk=row.pk)  # type: ignore[attr-defined,no-any-return]


def colleague_writes(row: Model, name: str, value: Any) -> None:
    """A colleague's change, made behind the page's back."""
    if isinstance(row._meta.get_field(name), ManyToManyField):
        getattr(row, name).set(value)
        return
    if name == "discount_type":
        rows_of(row).update(discount_value=10)
    rows_of(row).update(**{name: value})


def others(field: Editable) -> list[Any]:
    """Two values that the field hasn't."""
    if field.name == "groups":
        return [[Group.objects.create(name=name).pk] for name in ("하나", "둘")]
    if field.name in ("permissions", "user_permissions"):
        return [[one.pk] for one in Permission.objects.order_by("pk")[:2]]
    if field.name == "category":
        return [Category.objects.create(name=name, slug=name).pk for name in ("하나", "둘")]
    return OTHERS[field.name]


def inputs(name: str, value: Any) -> dict[str, Any]:
    """What is typed into a field's inputs."""
    if isinstance(value, bool):
        return {name: "on" if value else None}
    if isinstance(value, datetime):
        local = timezone.localtime(value)
        return {f"{name}_0": f"{local:%Y-%m-%d}", f"{name}_1": f"{local:%H:%M:%S}"}
    return {name: "" if value is None else value}


def left_alone(field: Editable) -> str:
    """Another field of the page, which B changes."""
    if field.model is Group:
        return "permissions" if field.name == "name" else "name"
    first, second = {
        "users.user": ("last_name", "first_name"),
        "products.category": ("slug", "name"),
        "products.product": ("description", "name"),
        "coupons.coupon": ("valid_days", "name"),
        "events.endpoint": ("url", "name"),
    }[field.model._meta.label_lower]
    return second if field.name == first else first


def row_of(one_of_each: SimpleNamespace, field: Editable) -> Model:
    row: Model = getattr(one_of_each, field.model._meta.model_name or "")
    if field.name == "max_discount":
        rows_of(row).update(discount_type="percent", discount_value=10, max_discount=1_000)
    if field.name == "discount_value":
        rows_of(row).update(discount_value=10)
    return row


# --- Nothing is undone --------------------------------------------------------------------------


@fields
def test_a_field_that_was_left_alone_stays_as_a_colleague_made_it(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    field: Editable,
) -> None:
    row = row_of(one_of_each, field)
    values, mine = others(field), left_alone(field)
    wanted = others(Editable(field.model, mine))[0]
    page = Page(admin_client, row)
    colleague_writes(row, field.name, values[0])
    before = page.by_now

    answer = page.saves(**inputs(mine, wanted))

    assert answer.status_code == 302, errors_on(answer)
    after = page.by_now
    assert {name for name in after if after[name] != before[name]} - DERIVED == {mine}
    assert len(logged()) == 1


TWO_VALUED = ("is_active", "is_staff", "is_superuser", "discount_type")
"""Fields of which two people who change them make the same."""


@pytest.mark.parametrize("field", [one for one in FIELDS if one.name not in TWO_VALUED], ids=str)
def test_a_field_that_both_changed_is_told_with_both_values_and_nothing_is_saved(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    field: Editable,
) -> None:
    row = row_of(one_of_each, field)
    theirs, yours = others(field)
    page = Page(admin_client, row)
    colleague_writes(row, field.name, theirs)
    before = page.by_now

    answer = page.saves(**inputs(field.name, yours))

    (error,) = errors_on(answer)[field.name]
    assert error == (
        f"Changed meanwhile: this is “{shown(field, theirs)}” by now, not what your page showed,"
        f" and you entered “{shown(field, yours)}”. Nothing was saved. To put yours in its place,"
        " save once more."
    )
    assert (page.by_now, logged()) == (before, [])
    # What was typed is kept, and who sends the page that says so has decided.
    assert page.saves(form_on(answer)).status_code == 302
    after = page.by_now
    changed = {name for name in after if after[name] != before[name]} - DERIVED
    assert changed == {field.name}


def shown(field: Editable, value: Any) -> str:
    """A value as the page says it."""
    if isinstance(value, int) and field.name != "category":
        return f"{value:,}"
    if isinstance(value, datetime):
        return moment(value)
    if field.name == "category":
        return Category.objects.get(pk=value).name
    if field.name == "kinds":
        return ", ".join(str(Kind(kind).label) for kind in value)
    if field.is_many:
        related = field.model._meta.get_field(field.name).related_model
        one = related.objects.get(pk=value[0])  # type: ignore[union-attr]
        return str(told_access(one) if isinstance(one, Group | Permission) else one)
    return str(value)


@fields
def test_what_both_changed_to_the_same_is_no_conflict(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    field: Editable,
) -> None:
    row = row_of(one_of_each, field)
    value = others(field)[0]
    page = Page(admin_client, row)
    colleague_writes(row, field.name, value)
    before = page.by_now
    more = {"discount_value": 10} if field.name == "discount_type" else {}
    answer = page.saves(**inputs(field.name, value), **more)
    assert answer.status_code == 302, errors_on(answer)
    assert page.by_now == before


NONSENSE: dict[str, list[str]] = {
    "missing": [],
    "empty": [""],
    "a word": ["nonsense"],
    "a long number": ["9" * 5_000],
    "below zero": ["-1"],
    "a zero byte": ["\x00"],
    "two": ["1", "2"],
    "a list": ["[object Object]"],
}


@fields
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_a_page_that_says_nonsense_of_what_it_showed_undoes_nothing(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    field: Editable,
    nonsense: str,
) -> None:
    row = row_of(one_of_each, field)
    yours, is_now = others(field)
    colleague_writes(row, field.name, is_now)
    page = Page(admin_client, row)
    form = {
        name: NONSENSE[nonsense] if name.startswith(f"initial-{field.name}") else values
        for name, values in page.form.items()
    }
    before = page.by_now

    answer = page.saves(form, **inputs(field.name, yours))

    if answer.status_code == 200:
        assert errors_on(answer)[field.name]
        assert page.by_now == before
    else:  # it happened to say what is so, or as good as
        assert answer.status_code == 302
        assert page.by_now[field.name] in (before[field.name], yours, [*before[field.name], *yours]
                                           if field.is_many else yours)  # fmt: skip


def test_a_form_that_comes_without_what_was_shown_changes_nothing(
    admin_client: Client, product: Product
) -> None:
    url = f"/admin/products/product/{product.pk}/change/"
    form = {"sku": product.sku, "name": "다른", "price": 1, "is_active": "on", "reason": "r"}
    with nothing_changes():
        answer = admin_client.post(url, form)
    assert {name for name in errors_on(answer) if name != "__all__"} == {"name", "price"}
