"""What the orders of each day come to, and for how long that is remembered."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ecommerce.backoffice.daily_totals import paid_by_day
from orders.models import Order
from orders.services import DraftLine, OrderDraft, place_order
from products.models import Product
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order_on(member: User, product: Product) -> Callable[[date], Order]:
    def place(day: date) -> Order:
        lines = (DraftLine(product.pk, 1),)
        order = place_order(OrderDraft(user_id=member.pk, lines=lines)).value
        Order.objects.filter(pk=order.pk).update(day=day)
        return order

    return place


def cancel(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status="cancelled", cancelled_at=timezone.now())


@pytest.fixture
def today() -> date:
    return timezone.localdate()


def test_paid_orders_are_counted_and_summed_day_by_day(order_on, today):
    orders = [order_on(today - timedelta(back)) for back in (0, 3, 3, 3, 9)]
    cancel(orders[1])

    assert paid_by_day([today, today - timedelta(3), today - timedelta(4)]) == {
        today: (1, 1_000),
        today - timedelta(3): (2, 2_000),
    }


def test_days_that_are_over_are_asked_for_once_in_a_while(order_on, today):
    days = [today - timedelta(back) for back in range(28)]
    order_on(days[5])
    first = paid_by_day(days)
    with CaptureQueriesContext(connection) as queries:
        assert paid_by_day(days) == first == {days[5]: (1, 1_000)}
    assert len(queries) == 1  # for today


def test_today_is_never_late(order_on, today):
    assert paid_by_day([today]) == {}
    order_on(today)
    assert paid_by_day([today]) == {today: (1, 1_000)}


def test_with_no_memory_each_asks(order_on, today, settings):
    settings.DASHBOARD_MEMORY_SECONDS = 0
    order = order_on(today - timedelta(1))
    assert paid_by_day([today - timedelta(1)]) == {today - timedelta(1): (1, 1_000)}
    cancel(order)
    assert paid_by_day([today - timedelta(1)]) == {}
