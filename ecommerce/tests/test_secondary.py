"""Reads that may be a moment old go to a secondary, while it is known to be near.

The secondary is another database with a copy of the rows: what is changed after `copy` shows who
answered. It is brought near by hand, so that nobody is timed.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.db import secondary
from common.db.secondary import ALIAS, read_near
from common.models import Beat
from conftest import client_of
from coupons.models import Coupon
from ecommerce.audit import run_audit
from products.models import Category, Product
from stats.models import DailyProductSales
from users.models import Wallet

pytestmark = pytest.mark.django_db(transaction=True)


class Replica:
    """The secondary, and the clock by which it is near or far."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def copy(self) -> None:
        """Let it have what the primary has."""
        if connection.vendor == "sqlite":
            with sqlite3.connect(connections.settings[ALIAS]["NAME"]) as target:
                connection.connection.backup(target)
            target.close()
            return
        mine, its = (connections.settings[alias]["NAME"] for alias in ("default", ALIAS))
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS {its}")
            cursor.execute("SET foreign_key_checks = 0")
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {its}.{table} LIKE {mine}.{table}")
                cursor.execute(f"SELECT 1 FROM {its}.{table} UNION SELECT 2 FROM {mine}.{table}")  # noqa: S608  our names
                if cursor.fetchone():
                    cursor.execute(f"DELETE FROM {its}.{table}")  # noqa: S608
                    cursor.execute(f"INSERT INTO {its}.{table} SELECT * FROM {mine}.{table}")  # noqa: S608
            cursor.execute("SET foreign_key_checks = 1")

    def come_near(self) -> None:
        """Let the process count, and the secondary have all that there is."""
        secondary.heart.beat()
        self.copy()
        secondary._servers.clear()  # it is asked at once

    def statements(self) -> CaptureQueriesContext:
        return CaptureQueriesContext(connections[ALIAS])


@pytest.fixture
def replica(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replica]:
    own = connections.settings["default"]
    name = tmp_path / "replica.sqlite3" if connection.vendor == "sqlite" else f"{own['NAME']}_2"
    connections.settings[ALIAS] = {**own, "NAME": str(name)}
    connections[ALIAS] = connections.create_connection(ALIAS)
    connections[ALIAS].alias = "default"  # whose tests may ask it, says Django
    replica = Replica()
    monkeypatch.setattr(secondary, "clock", lambda: replica.now)
    monkeypatch.setattr(secondary.Heart, "want", lambda heart: None)
    secondary.forget()
    connection.ensure_connection()
    replica.copy()
    try:
        yield replica
    finally:
        connections[ALIAS].close()
        del connections[ALIAS], connections.settings[ALIAS]
        secondary.forget()


@pytest.fixture
def shop(product: Product, coupon: Coupon) -> None:
    """One of each, of which the secondary has the name that it was made with."""
    category = Category.objects.create(name="old", slug="kitchen")
    Product.objects.update(category=category, name="old")
    Coupon.objects.update(name="old")


def rename() -> None:
    for model in (Product, Coupon, Category):
        model._default_manager.update(name="new")


PUBLIC = ["products/", "products/{product}/", "categories/", "coupons/", "coupons/{coupon}/"]


def read(path: str, user: Any = None, **headers: str) -> Any:
    ids = {"product": Product.objects.get().pk, "coupon": Coupon.objects.get().pk}
    return client_of(user).get(f"/api/v1/{path.format(**ids)}", **headers)


def told(answer: Any) -> str:
    text = answer.content.decode()
    assert answer.status_code == 200, text
    return "old" if '"name":"old"' in text else "new"


@pytest.mark.parametrize("path", PUBLIC)
def test_anyone_is_answered_by_a_secondary_that_is_near(path, replica, shop):
    replica.come_near()
    rename()

    assert told(read(path)) == "old"


@pytest.mark.parametrize("path", PUBLIC)
def test_who_may_have_changed_something_is_answered_by_the_primary(path, replica, shop, member):
    replica.come_near()
    rename()

    assert told(read(path, member)) == "new"
    assert told(read(path, HTTP_COOKIE="sessionid=staff")) == "new"


def test_a_members_own_data_is_the_primarys(replica, client, member):
    replica.come_near()
    Wallet.objects.filter(user=member).update(balance=F("balance") + 1)

    answer = client.get("/api/v1/users/me/balance/")

    assert answer.json()["balance"] == 100_001


def test_what_sells_best_is_asked_of_a_secondary(replica, product, settings):
    settings.BEST_SELLERS_MEMORY_SECONDS = 0
    DailyProductSales.objects.create(
        product=product, day=timezone.localdate(), quantity=1, revenue=7
    )
    replica.come_near()
    DailyProductSales.objects.update(revenue=8)

    answer = client_of().get("/api/v1/stats/top-products/")

    assert [row["revenue"] for row in answer.json()["results"]] == [7]


# --- Near and far -------------------------------------------------------------------------------


def test_one_that_is_not_known_to_be_near_is_left_out(replica, shop):
    assert told(read("products/")) == "old"  # of the primary
    rename()
    assert told(read("products/")) == "new"


def test_one_that_lags_is_left_out_until_it_is_near_again(replica, shop, settings):
    replica.come_near()
    rename()
    replica.now += settings.REPLICA_LAG_SECONDS - 0.1
    assert told(read("products/")) == "old"

    secondary.heart.beat()  # it does not follow
    replica.now += 0.1
    assert told(read("products/")) == "new"

    replica.come_near()
    Product.objects.update(name="newer")
    assert '"name":"new"' in read("products/").content.decode()


def test_it_is_asked_once_a_second_how_far_it_is(replica, shop):
    replica.come_near()
    with replica.statements() as sent:
        for _ in range(5):
            read("coupons/")
        replica.now += 1.0
        read("coupons/")

    asked = [one for one in sent.captured_queries if Beat._meta.db_table in one["sql"]]
    assert len(asked) == 2


def test_behind_one_address_each_server_is_known_by_itself(replica, shop, monkeypatch):
    replica.come_near()
    rename()
    assert told(read("products/")) == "old"

    secondary.heart.beat()
    monkeypatch.setattr(connections[ALIAS], "server", 77, raising=False)
    replica.now += 2.0
    assert told(read("products/")) == "new"


def lost(*args: Any, **kwargs: Any) -> None:
    raise OperationalError(2013, "Lost connection to MySQL server during query")


def test_one_that_cannot_be_reached_is_left_out_for_a_second(replica, shop):
    replica.come_near()
    connections[ALIAS].close()
    rename()
    with mock.patch.object(connections[ALIAS], "connect", side_effect=lost) as connect:
        assert [told(read("products/")) for _ in range(3)] == ["new"] * 3
        assert connect.call_count == 1
        replica.now += 1.0
        assert told(read("products/")) == "new"
        assert connect.call_count == 2
    replica.now += 1.0
    replica.come_near()
    Product.objects.update(name="newer")
    assert '"name":"new"' in read("products/").content.decode()


def test_one_that_dies_while_it_is_read_leaves_no_trace_in_the_answer(replica, shop):
    replica.come_near()
    read("products/")  # it has been asked how far it is
    rename()
    with connections[ALIAS].execute_wrapper(lost):
        assert told(read("products/")) == "new"
    assert told(read("products/")) == "new"  # left out for a second


def test_an_error_of_the_reads_own_is_raised_and_not_tried_elsewhere(replica, shop):
    replica.come_near()
    calls = []

    def broken() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        read_near(broken)
    assert len(calls) == 1
    assert connections["default"].alias == "default"


def test_within_a_transaction_it_is_the_transactions_own(replica, shop):
    replica.come_near()
    with transaction.atomic():
        rename()
        assert told(read("products/")) == "new"


def test_when_the_primary_is_gone_nothing_is_known_to_be_near_for_long(replica, shop):
    replica.come_near()
    gone = mock.patch.object(secondary, "run_transaction", side_effect=lost)
    with gone, pytest.raises(OperationalError):
        secondary.heart.beat()
    replica.now += 2.0
    assert not secondary._is_near()


def end_of_the_hearts_thread() -> None:
    for thread in threading.enumerate():
        if thread.name == "heart":
            thread.join(20)


def test_the_process_counts_by_itself_while_anybody_reads_so(monkeypatch):
    heart, beats = secondary.Heart(), []
    now = [0.0]

    def beat() -> None:
        beats.append(now[0])
        now[0] += secondary.WANTED_SECONDS / 3

    monkeypatch.setattr(secondary, "clock", lambda: now[0])
    monkeypatch.setattr(heart, "beat", beat)
    monkeypatch.setattr(secondary, "BEAT_SECONDS", 0)
    heart.want()
    end_of_the_hearts_thread()
    assert len(beats) == 3

    heart.want()
    end_of_the_hearts_thread()
    assert len(beats) == 6


# --- Who has an answer already ------------------------------------------------------------------


@pytest.mark.parametrize("path", PUBLIC)
def test_who_has_the_newer_answer_is_not_given_the_older(path, replica, shop, member):
    replica.come_near()
    rename()
    newer = read(path, member)
    assert told(newer) == "new"

    again = read(path, HTTP_IF_NONE_MATCH=newer["ETag"])

    assert (again.status_code, again["ETag"]) == (304, newer["ETag"])


def test_who_has_what_the_secondary_has_hears_that_it_is_unchanged(replica, shop):
    replica.come_near()
    tag = read("products/", HTTP_IF_NONE_MATCH='"none"')["ETag"]
    with replica.statements() as sent:
        again = read("products/", HTTP_IF_NONE_MATCH=tag)

    assert again.status_code == 304
    assert len(sent.captured_queries) > 1


# --- Staff, and the audit -----------------------------------------------------------------------


@pytest.fixture
def staff(make_member: Callable[..., Any]) -> Any:
    user = make_member(username="boss", is_staff=True, is_superuser=True)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return client


def test_exports_are_read_of_a_secondary(replica, shop, staff):
    replica.come_near()
    rename()

    answer = staff.get("/admin/products/product/export_csv/")

    text = b"".join(answer.streaming_content).decode()
    assert "old" in text
    assert "new" not in text


SUMMED = ("orders_order", "users_user", "stats_dailyproductsales")


def test_the_dashboards_sums_are_asked_of_a_secondary(replica, shop, staff):
    replica.come_near()
    with replica.statements() as sent:
        assert staff.get("/admin/").status_code == 200

    asked = " ".join(one["sql"] for one in sent.captured_queries)
    assert [f"FROM {connection.ops.quote_name(table)}" in asked for table in SUMMED] == [True] * 3


def test_the_audit_looks_at_a_secondary_that_came_near(replica, shop, member):
    replica.come_near()
    Wallet.objects.filter(user=member).update(balance=F("balance") + 1)  # the secondary is sound
    with mock.patch("ecommerce.audit.run.come_near"):
        assert run_audit().is_clean

    secondary._left_out_until = replica.now + 1
    with mock.patch("ecommerce.audit.run.come_near"):
        assert not run_audit().is_clean


def test_without_the_setting_nothing_is_asked_besides(shop):
    assert not secondary.has_secondary()
    with CaptureQueriesContext(connection) as sent:
        client_of().get("/api/v1/categories/")
    assert len(sent.captured_queries) == 1
    assert not Beat.objects.exists()
