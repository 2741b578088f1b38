"""`manage.py seed` without sizes: the demo shop."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from conftest import client_of
from coupons.models import Coupon, IssuedCoupon
from ecommerce.seeding import demo
from ecommerce.seeding.names import BEST_SELLERS, LOW_STOCK, SOLD_OUT, WITHDRAWN
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import assert_sound
from orders.models import Order
from products.models import Category, Product
from users.models import User, WalletTransaction

SEOUL = ZoneInfo("Asia/Seoul")
NOON = datetime(2026, 11, 23, 12, tzinfo=SEOUL)
JUST_AFTER_MIDNIGHT = datetime(2026, 11, 23, 0, 0, 5, tzinfo=SEOUL)
ACCOUNTS = (
    "Demo members: demo, demo2, demo3, demo4, demo5, password demo-pass-2026\n"
    "Demo staff:   admin, password admin-pass-2026\n"
)
NOT_EMPTY = (
    "The database is not empty: the demo shop needs one without members, products, categories,"
    " coupons and orders. Sizes (see --help) add beside what is there."
)

pytestmark = pytest.mark.django_db


def _get(client: APIClient, path: str) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200
    return answer.json()


def test_the_demo_shop_has_a_bit_of_everything(
    api: APIClient, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("seed")

    assert capsys.readouterr().out == ACCOUNTS
    assert_sound()
    assert User.objects.filter(is_staff=False).count() == 48
    assert Product.objects.count() == 60
    assert Category.objects.count() == 8
    stock = dict(Product.objects.filter(stock__lt=40).values_list("name", "stock"))
    assert stock == LOW_STOCK | dict.fromkeys(SOLD_OUT, 0)
    (withdrawn,) = WITHDRAWN
    assert _get(api, f"products/?search={withdrawn}")["results"] == []
    coupons = _get(api, "coupons/")["results"]
    assert {
        coupon["name"]: (coupon["is_open"], coupon["issued_quantity"], coupon["total_quantity"])
        for coupon in coupons
    } == {
        "오픈 기념 5,000원 할인": (True, 24, 100),
        "선착순 30명 20% 할인": (True, 30, 30),
        "주말 반짝 3,000원 할인": (False, 18, 50),
        "지금 바로 2,000원 할인": (True, 0, 30),
        "블랙 프라이데이 30% 할인": (False, 0, 30),
    }
    assert Coupon.objects.get(name__startswith="블랙").issue_starts_at > datetime.now(tz=SEOUL)
    assert IssuedCoupon.objects.with_status("used").count() == 8 + 6 + 9


def test_the_demo_shop_has_four_weeks_of_orders() -> None:
    with time_machine.travel(NOON, tick=False):
        call_command("seed")

    days = Order.objects.order_by("day").values_list("day", flat=True).distinct()
    today = NOON.date()
    assert list(days) == [today - timedelta(days=ago) for ago in range(28, -1, -1)]
    assert Order.objects.filter(status="cancelled").count() == 15 + 3
    assert Order.objects.filter(status="cancelled", coupon__used_at=None, coupon__gt=0).count() == 3
    in_order = Order.objects.order_by("pk").values_list("created_at", "number")
    assert list(in_order) == sorted(in_order)
    assert in_order[len(in_order) - 1][0] <= NOON
    assert not Order.objects.filter(cancelled_at__gt=NOON).exists()
    assert not WalletTransaction.objects.filter(created_at__gt=NOON).exists()


@pytest.mark.parametrize("moment", [NOON, JUST_AFTER_MIDNIGHT])
def test_the_demo_shop_has_a_clear_top_five(moment: datetime, api: APIClient) -> None:
    with time_machine.travel(moment, tick=False):
        call_command("seed")
        for days in (1, 3, 14):
            top = _get(api, f"stats/top-products/?days={days}&limit=6")["results"]
            sold = {row["product"]["name"]: row["quantity"] for row in top}
            expected = {name: quantity * days for name, quantity in BEST_SELLERS.items()}
            assert dict(list(sold.items())[:5]) == expected
            assert top[5]["quantity"] < top[4]["quantity"]


def test_the_demo_members_and_staff_can_sign_in(api: APIClient) -> None:
    call_command("seed")
    for username in demo.DEMO_USERNAMES:
        credentials = {"username": username, "password": demo.DEMO_PASSWORD}
        assert api.post("/api/v1/auth/token/", credentials).status_code == 200
        client = client_of(User.objects.get(username=username))
        assert _get(client, "users/me/balance/")["balance"] >= 150_000
        assert _get(client, "orders/")["results"] != []
    staff = Client()
    assert staff.login(username=demo.ADMIN_USERNAME, password=demo.ADMIN_PASSWORD)
    assert staff.get("/admin/", headers={"host": "localhost"}).status_code == 200


@pytest.mark.parametrize(
    "something",
    [
        lambda: User.objects.create_user("minji"),
        lambda: Product.objects.create(name="cup", price=1),
        lambda: Category.objects.create(name="식품", slug="other"),
        lambda: Coupon.objects.create(
            name="c",
            discount_type="fixed",
            discount_value=1,
            total_quantity=0,
            issue_starts_at=JUST_AFTER_MIDNIGHT,
            issue_ends_at=NOON,
        ),
    ],
    ids=["a member", "a product", "a category", "a coupon"],
)
def test_a_database_that_is_not_empty_is_left_alone(
    something: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    something()
    with nothing_changes(), pytest.raises(CommandError) as refusal:
        call_command("seed")
    assert str(refusal.value) == NOT_EMPTY
    with nothing_changes():
        call_command("seed", "--if-empty")
    assert capsys.readouterr().out == "The database is not empty: left as it is.\n"


def test_a_second_start_names_the_accounts_again(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("seed", "--if-empty")
    assert capsys.readouterr().out == ACCOUNTS
    with nothing_changes():
        call_command("seed", "--if-empty")
    assert capsys.readouterr().out == "The database is not empty: left as it is.\n" + ACCOUNTS


def test_the_demo_shop_comes_whole_or_not_at_all() -> None:
    with (
        nothing_changes(),
        mock.patch("ecommerce.seeding.demo.insert_orders", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        call_command("seed")


@pytest.mark.django_db(transaction=True)
def test_the_demo_shop_is_made_once_though_the_answer_of_its_commit_is_lost() -> None:
    with lost_commits(happened=True):
        call_command("seed")
    assert Product.objects.count() == 60
    assert_sound()
