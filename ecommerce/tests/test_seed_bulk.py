"""`manage.py seed` with sizes: that much more, beside what is there."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from rest_framework.test import APIClient

from common.errors import Busy
from coupons.models import Coupon, IssuedCoupon
from ecommerce.seeding import bulk, sales
from ecommerce.tests.expectations import nothing_changes, shop_state
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import assert_sound, order, send_at_once, summary
from orders.models import Order, OrderItem
from products.models import Category, Product
from users.models import User, Wallet

NOON = datetime(2026, 11, 23, 3, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def _seed(**options: int) -> None:
    call_command("seed", *(f"--{name.replace('_', '-')}={n}" for name, n in options.items()))


def _counts() -> dict[str, int]:
    models = {"members": User, "products": Product, "coupons": Coupon, "orders": Order}
    return {name: model._default_manager.count() for name, model in models.items()}


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ("ROWS_BATCH", "CAMPAIGNS_BATCH", "ORDERS_BATCH"):
        monkeypatch.setattr(bulk, size, 4)


small_batches = pytest.mark.usefixtures("_small_batches")


@small_batches
def test_it_adds_as_much_as_asked_as_often_as_asked(
    member: User, product: Product, coupon: Coupon, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {"members": 9, "products": 10, "coupons": 8, "orders": 25}
    for times in (1, 2):
        _seed(**sizes)
        before = {"members": 1, "products": 1, "coupons": 1, "orders": 0}
        assert _counts() == {name: before[name] + times * sizes[name] for name in sizes}
        assert_sound()
    assert Product.objects.values("name").distinct().count() == 21
    assert Coupon.objects.values("name").distinct().count() == 17
    assert re.search(
        r"^Added 9 members, 10 products, 8 coupons and 25 orders of \d+ lines in \d\.\d s\.$",
        capsys.readouterr().out,
        re.M,
    )


@pytest.mark.parametrize("kind", ["members", "products", "coupons"])
def test_it_adds_one_kind_alone(kind: str) -> None:
    _seed(**{kind: 3})
    assert _counts() == {"members": 0, "products": 0, "coupons": 0, "orders": 0} | {kind: 3}
    assert_sound()


def test_nothing_of_nothing_is_added(member: User, product: Product) -> None:
    with nothing_changes():
        _seed(members=0, products=0, coupons=0, orders=0)


@small_batches
def test_orders_leave_balances_and_stock_no_lower(member: User, product: Product) -> None:
    _seed(orders=30)
    assert Order.objects.filter(user=member).count() == 30
    assert member.wallet.balance >= 100_000
    assert Product.objects.get().stock == product.stock
    assert_sound()


def test_orders_are_of_members_who_may_buy_and_products_that_are_sold(
    member: User,
    product: Product,
    make_member: Callable[..., User],
    make_product: Callable[..., Product],
) -> None:
    make_member(is_active=False)
    make_member(is_staff=True)
    make_product(is_active=False)
    make_product(price=500_001)
    _seed(orders=20)
    assert set(Order.objects.values_list("user", flat=True)) == {member.pk}
    assert set(OrderItem.objects.values_list("product", flat=True)) == {product.pk}


def test_orders_are_of_the_last_thirty_days_and_some_are_cancelled(
    member: User, product: Product
) -> None:
    with time_machine.travel(NOON, tick=False):
        _seed(orders=400)
    moments = list(Order.objects.order_by("pk").values_list("created_at", flat=True))
    assert moments == sorted(moments)
    assert (NOON - moments[0]).days == 29
    assert moments[-1] <= NOON
    cancelled = Order.objects.filter(status="cancelled")
    assert 0 < cancelled.count() < 40
    assert not cancelled.filter(cancelled_at__gt=NOON).exists()


def test_campaigns_are_open_sold_out_closed_and_upcoming(
    make_member: Callable[..., User], api: APIClient
) -> None:
    for _ in range(6):
        make_member()
    _seed(coupons=4)
    campaigns = api.get("/api/v1/coupons/").json()["results"]
    assert [
        (one["is_open"], one["issued_quantity"], one["remaining_quantity"])
        for one in reversed(campaigns)
    ] == [(True, 3, 27), (True, 6, 0), (False, 6, 24), (False, 0, 30)]
    assert not IssuedCoupon.objects.exclude(used_at=None).exists()


def test_new_members_can_sign_in_with_the_password_that_is_told(
    api: APIClient, capsys: pytest.CaptureFixture[str]
) -> None:
    _seed(members=2)
    told = re.search(r"^The new members' password: (\w{16})$", capsys.readouterr().out, re.M)
    assert told
    for username in User.objects.values_list("username", flat=True):
        credentials = {"username": username, "password": told[1]}
        assert api.post("/api/v1/auth/token/", credentials).status_code == 200


def test_products_use_the_categories_that_are_there() -> None:
    mine = Category.objects.create(name="식품", slug="mine")
    _seed(products=3)
    assert set(Product.objects.values_list("category", flat=True)) == {mine.pk}
    assert Category.objects.count() == 1


# --- Refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["-1", "x", "1.5", "", "１", "1e3"])
@pytest.mark.parametrize("name", ["members", "products", "coupons", "orders"])
def test_a_size_that_is_no_number_is_refused(name: str, size: str, member: User) -> None:
    with nothing_changes(), pytest.raises(CommandError) as refusal:
        call_command("seed", f"--{name}={size}")
    assert str(refusal.value) == (
        f"Error: argument --{name}: {size!r} is not a whole number from 0 up"
    )


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"orders": 1, "products": 1},
            "Orders need members: there are none, so add --members as well.",
        ),
        (
            {"orders": 1, "members": 1},
            "Orders need products on sale for at most 500,000 won: there are none,"
            " so add --products as well.",
        ),
    ],
)
def test_orders_of_nobody_or_of_nothing_are_refused(sizes: dict[str, int], message: str) -> None:
    with nothing_changes(), pytest.raises(CommandError) as refusal:
        _seed(**sizes)
    assert str(refusal.value) == message


def test_if_empty_goes_without_sizes() -> None:
    with nothing_changes(), pytest.raises(CommandError, match="it goes without sizes"):
        call_command("seed", "--if-empty", "--members=1")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            Busy(),
            "Broken off (busy): what was added before is whole; run it again for the rest.",
        ),
        (
            IntegrityError("taken"),
            "Something else has written the same names meanwhile; try again. (taken)",
        ),
    ],
)
def test_what_the_database_refuses_is_told(error: Exception, message: str) -> None:
    with (
        nothing_changes(),
        mock.patch("ecommerce.seeding.bulk.insert_members", side_effect=error),
        pytest.raises(CommandError) as refusal,
    ):
        _seed(members=1)
    assert str(refusal.value) == message


# --- Breaking off, repeating, and the shop at work ----------------------------------------------


@small_batches
@pytest.mark.parametrize("last_step", ["_write_deliveries", "_write_wallets", "_write_daily_sales"])
def test_a_run_that_breaks_off_leaves_whole_batches(
    last_step: str, member: User, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = count(1)
    step: Callable[..., None] = getattr(sales, last_step)

    def breaking(*args: Any) -> None:
        step(*args)
        if next(calls) == 3:
            raise RuntimeError("the power is gone")

    monkeypatch.setattr(sales, last_step, breaking)
    with pytest.raises(RuntimeError, match="the power is gone"):
        _seed(orders=20)
    assert Order.objects.count() == 8
    assert_sound()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("kind", ["members", "products", "coupons", "orders"])
def test_a_batch_is_added_once_though_the_answer_of_its_commit_is_lost(
    kind: str, happened: bool, member: User, product: Product, coupon: Coupon
) -> None:
    before = _counts()
    with lost_commits(happened=happened):
        _seed(**{kind: 5})
    assert _counts() == before | {kind: before[kind] + 5}
    assert_sound()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "runs", [[{}], [{"members": 5, "products": 5, "coupons": 4, "orders": 20}] * 2]
)
def test_the_same_random_seed_makes_the_same_rows(runs: list[dict[str, int]]) -> None:
    shops = []
    for random_seed in (7, 7, 8):
        call_command("flush", interactive=False)
        with time_machine.travel(NOON, tick=False):
            for sizes in runs:
                _seed(**sizes, random_seed=random_seed)
        shop = shop_state()
        for member in shop["User"]:
            del member["password"]  # salted
        shops.append(shop)
    assert shops[0] == shops[1] != shops[2]


@pytest.mark.django_db(transaction=True)
@small_batches
def test_the_shop_sells_while_it_is_seeded(
    member: User, product: Product, make_product: Callable[..., Product]
) -> None:
    other = make_product(stock=10)
    buy = order(member, (product.pk, 1), (other.pk, 1))
    answers = send_at_once([lambda: _seed(orders=40), *[buy] * 10])
    assert [summary(answer) for answer in answers[1:]] == ["201"] * 10
    assert Order.objects.count() == 50
    assert list(Product.objects.values_list("stock", flat=True)) == [0, 0]
    assert Wallet.objects.get().balance >= 100_000 - 10 * 2_000
    assert_sound()


@pytest.mark.parametrize("watched", [True, False])
def test_a_bar_is_drawn_for_people_only(
    watched: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
    _seed(products=3)
    assert ("products" in capsys.readouterr().err) == watched
