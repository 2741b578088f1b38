"""Errors of the back office: with the menu, in the language, with a way back, and whom to ask."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from ecommerce.tests.staff import staff_client
from users.models import User

pytestmark = pytest.mark.django_db

MENU = 'id="nav-sidebar-inner"'
PATHS_OF_NOTHING = ["/admin/nothing/", "/admin/상품/", "/admin/coupons/coupon/999/live/figures/"]


def told(answer: Any) -> str:
    return answer.content.decode()


@pytest.mark.parametrize("path", PATHS_OF_NOTHING)
@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("en", "There is no such page", "It may have been deleted, or the address is mistyped."),
        ("ko", "그런 페이지가 없습니다", "삭제되었거나 주소가 잘못되었습니다."),
    ],
)
def test_a_page_that_is_not_there(
    admin_client: Client, path: str, language: str, title: str, text: str
) -> None:
    answer = admin_client.get(path, headers={"Accept-Language": language})
    assert (answer.status_code, answer.context["title"]) == (404, title)
    assert text in told(answer)
    assert MENU in told(answer)
    assert 'href="/admin/"' in told(answer)


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("en", "You may not do this", "ask to be put into a group that may: boss."),
        ("ko", "권한이 없습니다", "boss"),
    ],
)
def test_who_may_not_is_told_whom_to_ask(language: str, title: str, text: str) -> None:
    User.objects.create_superuser("boss")
    User.objects.create_superuser("departed", is_active=False)
    browser = staff_client("orders.view_order")
    answer = browser.get(
        "/admin/products/product/",
        headers={"Accept-Language": language, "Referer": "http://testserver/admin/orders/order/"},
    )
    assert (answer.status_code, answer.context["title"]) == (403, title)
    assert text in told(answer)
    assert "departed" not in told(answer)
    assert MENU in told(answer)
    assert 'href="http://testserver/admin/orders/order/"' in told(answer)


def test_the_way_back_leads_to_no_other_site(admin_client: Client) -> None:
    answer = admin_client.get("/admin/nothing/", headers={"Referer": "https://evil.example/"})
    assert answer.status_code == 404
    assert "evil.example" not in told(answer)


def test_who_is_signed_out_is_shown_no_menu(make_member: Callable[..., User]) -> None:
    assert Client().get("/admin/nothing/").status_code == 302
    member = Client()
    member.force_login(make_member())
    assert member.get("/admin/nothing/").status_code == 302
    assert MENU not in told(Client().get("/nothing"))


def test_a_form_of_before_the_sign_in_is_said_to_be_too_old() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("boss"))
    answer = browser.post("/admin/products/category/add/", {"name": "tea", "slug": "tea"})
    assert (answer.status_code, answer.context["title"]) == (403, "This page is too old")
    assert "Open it again with what you typed" in told(answer)
    assert 'href="/admin/products/category/add/"' in told(answer)
    assert MENU in told(answer)


def test_staff_without_a_group_are_told_whom_to_ask() -> None:
    User.objects.create_superuser("boss")
    page = told(staff_client().get("/admin/"))
    assert "You have an account, and may not see anything yet." in page
    assert "ask to be put into a group that may: boss." in page
    assert "may not see anything" not in told(staff_client("orders.view_order").get("/admin/"))


def test_without_superusers_whoever_runs_the_server_can() -> None:
    assert "Ask whoever runs the server" in told(staff_client().get("/admin/"))
