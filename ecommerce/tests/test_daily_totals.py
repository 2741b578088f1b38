"""The sums of days that are over."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from unittest import mock

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ecommerce.backoffice.daily_totals import close_days, paid_by_day
from ecommerce.models import ClosedDay
from ecommerce.tests.expectations import database_refuses
from orders.models import Order
from orders.services import DraftLine, OrderDraft, place_order
from products.models import Product
from users.models import User

DAY = date(2026, 11, 20)
MIDNIGHT_AFTER = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # in Seoul


@pytest.fixture
def order_at(member: User, product: Product) -> Callable[[datetime], Order]:
    def place(moment: datetime) -> Order:
        with time_machine.travel(moment, tick=False):
            lines = (DraftLine(product.pk, 1),)
            return place_order(OrderDraft(user_id=member.pk, lines=lines)).value

    return place


def closed() -> list[tuple[date, int, int]]:
    return list(ClosedDay.objects.order_by("day").values_list("day", "orders", "total"))


@pytest.mark.parametrize(("minutes", "is_closed"), [(59, False), (60, True)])
def test_a_day_is_closed_an_hour_after_it_is_over(
    order_at: Callable[[datetime], Order], minutes: int, is_closed: bool
) -> None:
    order_at(MIDNIGHT_AFTER - timedelta(microseconds=1))
    order_at(MIDNIGHT_AFTER)
    with time_machine.travel(MIDNIGHT_AFTER + timedelta(minutes=minutes), tick=False):
        assert close_days() == is_closed
    assert closed() == ([(DAY, 1, 1_000)] if is_closed else [])


def test_closing_again_adds_the_days_since(order_at: Callable[[datetime], Order]) -> None:
    order_at(MIDNIGHT_AFTER - timedelta(days=3))
    with time_machine.travel(MIDNIGHT_AFTER, tick=False):
        assert close_days() == 1
        assert close_days() == 0
    order_at(MIDNIGHT_AFTER)
    with time_machine.travel(MIDNIGHT_AFTER + timedelta(days=2), tick=False):
        assert close_days() == 1
        assert paid_by_day([DAY - timedelta(2), DAY, DAY + timedelta(1)]) == {
            DAY - timedelta(2): (1, 1_000),
            DAY + timedelta(1): (1, 1_000),
        }


def test_one_query_tells_all_days(order_at: Callable[[datetime], Order]) -> None:
    order_at(MIDNIGHT_AFTER)
    with CaptureQueriesContext(connection) as queries:
        paid_by_day([DAY + timedelta(days) for days in range(28)])
    assert len(queries) == 1


def test_the_database_keeps_one_sum_of_a_day(db: None) -> None:
    ClosedDay.objects.create(day=DAY, orders=1, total=1)
    with database_refuses("day"):
        ClosedDay.objects.create(day=DAY, orders=1, total=1)


def test_orders_that_are_seeded_into_days_that_were_closed_are_counted(db: None) -> None:
    sizes = {"members": 3, "products": 3, "orders": 120}  # some on nearly each of 30 days
    call_command("seed", **sizes, verbosity=0)
    first = closed()
    with mock.patch("ecommerce.management.commands.seed.close_days"):
        call_command("seed", orders=40, verbosity=0)
    days = [timezone.localdate() - timedelta(days) for days in range(31)]
    told = paid_by_day(days)
    paid = Order.objects.filter(status="paid")
    assert {day: count for day, (count, _won) in told.items() if count} == {
        day: paid.filter(day=day).count() for day in days if paid.filter(day=day).exists()
    }
    call_command("seed", orders=40, verbosity=0)
    assert len(closed()) >= len(first) > 20
    assert sum(orders for _day, orders, _total in closed()) == (
        Order.objects.filter(day__lt=timezone.localdate()).count()
    )
    call_command("audit")
