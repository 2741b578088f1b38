"""That a form of the admin undoes nothing that a colleague did since it was opened.

The kind: B has a page open, A changes the same row, B saves something. Its relatives: every field
that any admin lets be changed (`FIELDS` has all that there are, relations to many included), the
same field changed by both, to the same and to another value, rows that are gone by now, pages that
say nothing or nonsense of what they showed, and two who save in the same moment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.db.models import ManyToManyField, Model, QuerySet
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from common.admin.text import moment
from coupons.models import Coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.races import send_at_once
from ecommerce.tests.rendered_forms import Form, filled, form_on
from ecommerce.tests.staff import errors_on, logged
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


# --- Relations to many --------------------------------------------------------------------------


@pytest.fixture
def groups(member: User) -> list[Group]:
    found = [Group.objects.create(name=name) for name in ("재고", "상담", "분석")]
    member.groups.set(found[:2])
    return found


def test_a_group_that_was_taken_away_is_not_given_back(
    admin_client: Client, member: User, groups: list[Group]
) -> None:
    page = Page(admin_client, member)
    member.groups.remove(groups[0])
    assert page.saves(first_name="민지").status_code == 302
    assert (member.groups.get(), User.objects.get(pk=member.pk).first_name) == (groups[1], "민지")


def test_a_permission_that_was_taken_away_is_not_given_back(
    admin_client: Client, groups: list[Group]
) -> None:
    group, permissions = groups[0], list(Permission.objects.order_by("pk")[:3])
    group.permissions.set(permissions)
    page = Page(admin_client, group)
    group.permissions.remove(permissions[0])
    assert page.saves(name="창고").status_code == 302
    assert set(group.permissions.all()) == set(permissions[1:])


def test_who_gives_a_group_while_another_is_taken_away_is_told_and_gives_none(
    admin_client: Client, member: User, groups: list[Group]
) -> None:
    page = Page(admin_client, member)
    member.groups.remove(groups[0])
    answer = page.saves(groups=[one.pk for one in groups])
    (error,) = errors_on(answer)["groups"]
    assert "“상담” by now" in error
    assert "“분석, 상담, 재고”" in error
    assert member.groups.get() == groups[1]


def test_groups_that_nobody_else_changed_are_given_and_taken(
    admin_client: Client, member: User, groups: list[Group]
) -> None:
    page = Page(admin_client, member)
    assert page.saves(groups=[groups[1].pk, groups[2].pk]).status_code == 302
    assert set(member.groups.all()) == set(groups[1:])
    assert logged() == [("admin", "Groups: 상담, 재고 → 분석, 상담 (이유)")]


# --- Rows that are gone -------------------------------------------------------------------------


def test_a_row_that_is_gone_is_said_to_be(admin_client: Client) -> None:
    category = Category.objects.create(name="예전", slug="old")
    page = Page(admin_client, category)
    category.delete()
    answer = admin_client.post(page.url, filled(page.form, name="새", reason="r"), follow=True)
    assert answer.status_code == 200
    told = [str(one) for one in answer.context["messages"]]
    assert told == ["There is no such category; perhaps it was deleted."]
    assert Category.objects.count() == 0


def test_a_page_that_shows_a_group_that_is_gone_can_be_saved(
    admin_client: Client, member: User, groups: list[Group]
) -> None:
    page = Page(admin_client, member)
    groups[0].delete()
    assert page.saves(first_name="민지").status_code == 302
    assert member.groups.get() == groups[1]


def test_a_page_that_shows_a_category_that_is_gone_can_be_saved(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    old = Category.objects.create(name="예전", slug="old")
    product = make_product(category=old)
    page = Page(admin_client, product)
    Product.objects.update(category=None)
    old.delete()
    assert page.saves(name="머그컵").status_code == 302
    product.refresh_from_db()
    assert (product.name, product.category) == ("머그컵", None)


def test_a_category_that_got_products_meanwhile_is_not_deleted(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    category = Category.objects.create(name="예전", slug="old")
    url = f"/admin/products/category/{category.pk}/delete/"
    form = form_on(admin_client.get(url))
    make_product(category=category)
    with nothing_changes():
        answer = admin_client.post(url, form)
    assert (answer.status_code, logged()) == (200, [])
    page = answer.content.decode()
    assert "protected" in page
    assert Product.objects.get().name in page


# --- Who and when -------------------------------------------------------------------------------


def test_the_log_tells_who_changed_it_meanwhile(admin_client: Client, product: Product) -> None:
    colleague = Client()
    colleague.force_login(User.objects.create_superuser("지수"))
    assert Page(colleague, product).saves(price=900).status_code == 302
    LogEntry.objects.update(action_time=timezone.now() - timedelta(hours=1))
    page = Page(admin_client, product)
    assert Page(colleague, product).saves(price=2_000).status_code == 302
    entry = LogEntry.objects.latest("pk")
    errors = errors_on(page.saves(price=3_000))
    assert errors["__all__"] == [
        f"Since you opened the page: 지수, {moment(entry.action_time)}:"
        " Price (won): 900 → 2,000 (이유)"
    ]


# --- In one moment ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_who_save_in_the_same_moment_undo_nothing_of_each_other(
    admin_user: User, product: Product
) -> None:
    pages = [Page(signed_in(admin_user), product) for _ in range(2)]
    changes = [{"name": "머그컵"}, {"price": 2_000}]
    saves = [
        lambda page=page, change=change: page.saves(**change)
        for page, change in zip(pages, changes, strict=True)
    ]
    assert [answer.status_code for answer in send_at_once(saves)] == [302, 302]
    product.refresh_from_db()
    assert (product.name, product.price, product.search_name) == ("머그컵", 2_000, "머그컵")


@pytest.mark.parametrize("change", ["category", "group", "user", "product", "coupon"])
@pytest.mark.django_db(transaction=True)
def test_of_two_who_change_a_field_in_the_same_moment_one_is_told(
    admin_user: User,
    one_of_each: SimpleNamespace,
    change: str,
) -> None:
    row = getattr(one_of_each, change)
    name = "first_name" if change == "user" else "name"
    pages = [Page(signed_in(admin_user), row) for _ in range(3)]
    saves = [
        lambda page=page, text=text: page.saves(**{name: text})
        for page, text in zip(pages, ("하나", "둘", "셋"), strict=True)
    ]
    answers = send_at_once(saves)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 302]
    for answer in answers:
        if answer.status_code == 200:
            assert errors_on(answer)[name][0].startswith("Changed meanwhile: this is “")
    assert len(logged()) == 1


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def test_ends_of_lines_are_no_change(admin_client: Client, product: Product) -> None:
    Product.objects.update(description="한 줄\n두 줄")
    page = Page(admin_client, product)
    assert page.form["description"] == ["한 줄\r\n두 줄"]
    assert page.saves(description="한 줄\r\n세 줄").status_code == 302
    assert Product.objects.get().description == "한 줄\r\n세 줄"
