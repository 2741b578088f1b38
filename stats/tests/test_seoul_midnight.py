"""The shop's day is Seoul's, whatever the clock of the server or of the database."""

import time
from datetime import UTC, date, datetime

import pytest

from stats.models import DailyProductSales

URL = "/api/v1/stats/top-products/"
BEFORE_MIDNIGHT = datetime(2026, 11, 23, 14, 59, 59, tzinfo=UTC)  # 23:59:59 in Seoul
AFTER_MIDNIGHT = datetime(2026, 11, 23, 15, 0, 1, tzinfo=UTC)  # 00:00:01 of the 24th

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(BEFORE_MIDNIGHT, tick=False)]


@pytest.fixture(params=["UTC", "Asia/Seoul", "America/Los_Angeles"], autouse=True)
def _process_time_zone(request, monkeypatch):
    with monkeypatch.context() as environment:
        environment.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


def days():
    """Day and pieces of each row, oldest first."""
    rows = DailyProductSales.objects.order_by("day")
    return list(rows.values_list("day", "quantity"))


def test_a_sale_counts_in_the_day_that_it_is_in_seoul(product, sell, time_machine):
    before = sell((product, 2))
    time_machine.move_to(AFTER_MIDNIGHT)
    after = sell((product, 3))

    assert before["created_at"] == "2026-11-23T23:59:59+09:00"
    assert after["created_at"] == "2026-11-24T00:00:01+09:00"
    assert days() == [(date(2026, 11, 23), 2), (date(2026, 11, 24), 3)]


@pytest.mark.parametrize(
    ("moment", "since", "until", "sold_today"),
    [
        (BEFORE_MIDNIGHT, "2026-11-21", "2026-11-23", 2),
        (BEFORE_MIDNIGHT.replace(microsecond=999_999), "2026-11-21", "2026-11-23", 2),
        (datetime(2026, 11, 23, 15, 0, tzinfo=UTC), "2026-11-22", "2026-11-24", None),
        (AFTER_MIDNIGHT, "2026-11-22", "2026-11-24", None),
    ],
)
def test_today_begins_at_midnight_in_seoul(
    api, product, sell, time_machine, moment, since, until, sold_today
):
    sell((product, 2))
    time_machine.move_to(moment)

    three_days = api.get(URL).json()
    today = api.get(URL, {"days": 1}).json()

    assert (three_days["since"], three_days["until"]) == (since, until)
    assert [row["quantity"] for row in three_days["results"]] == [2]
    assert (today["since"], today["until"]) == (until, until)
    assert [row["quantity"] for row in today["results"]] == ([sold_today] if sold_today else [])


def test_a_sale_of_before_midnight_leaves_its_own_day_when_cancelled_after(
    api, product, sell, cancel, time_machine
):
    order = sell((product, 2))
    time_machine.move_to(AFTER_MIDNIGHT)
    sell((product, 3))

    cancel(order)

    assert days() == [(date(2026, 11, 23), 0), (date(2026, 11, 24), 3)]
    assert [row["quantity"] for row in api.get(URL).json()["results"]] == [3]
