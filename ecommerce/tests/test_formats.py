"""One way to write moments and numbers in each language, on every page of the back office."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import translation
from django.utils.html import strip_tags

from common.admin.text import moment
from coupons.models import Coupon
from orders.models import Order
from users.models import User

MOMENT = datetime(2026, 11, 26, 2, 35, 9, tzinfo=UTC)
WRITTEN = {"en": "26 Nov 2026, 11:35", "ko": "2026년 11월 26일 오전 11:35"}
OTHERS = re.compile(r"2026-11-26|Nov\. 26|11:35 a\.m\.|11:35 오전|11월 26, 2026")


@pytest.mark.parametrize("language", WRITTEN)
def test_a_moment_is_written_in_one_way(language: str) -> None:
    with translation.override(language):
        assert moment(MOMENT) == WRITTEN[language]


@pytest.mark.parametrize("language", WRITTEN)
def test_lists_and_pages_write_it_in_the_same_way(
    admin_client: Client,
    make_coupon: Callable[..., Coupon],
    make_member: Callable[..., User],
    language: str,
) -> None:
    coupon = make_coupon(issue_starts_at=MOMENT)
    order = Order.objects.create(
        number="ORD-1",
        user=make_member(date_joined=MOMENT),
        subtotal=0,
        discount=0,
        total=0,
        day=MOMENT.date(),
        created_at=MOMENT,
    )
    for path in (
        "coupons/coupon/",
        f"coupons/coupon/{coupon.pk}/live/",
        "orders/order/",
        f"orders/order/{order.pk}/change/",
        f"users/user/{order.user.pk}/change/",
        "users/user/",
    ):
        answer = admin_client.get(f"/admin/{path}", headers={"Accept-Language": language})
        page = answer.content.decode()
        assert WRITTEN[language] in page, path
        assert OTHERS.search(strip_tags(page)) is None, path


def test_numbers_of_thousands_have_commas_in_headings(admin_client: Client) -> None:
    User.objects.bulk_create(User(username=f"u{index}") for index in range(1_234))
    page = admin_client.get("/admin/users/user/").content.decode()
    assert "1,235" in page
    assert re.search(r">[^<]*\b1235\b", page) is None
