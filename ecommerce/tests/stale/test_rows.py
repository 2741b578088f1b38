"""A form of the admin undoes nothing: relations to many, rows that are gone, and races."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from common.admin.text import moment
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.races import send_at_once
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import errors_on, logged
from ecommerce.tests.stale.conftest import Page
from products.models import Category, Product
from users.models import User

pytestmark = pytest.mark.django_db


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
    assert "There are products in it: move them to another category first." in page
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
