"""The whole of the harness is judged: a real run, and then a database that lies about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.faults.books import read_books_through
from benchmarks.faults.checker import Verdict, check
from benchmarks.faults.clients import Load
from benchmarks.faults.conftest import CLIENTS, DATABASES, Running
from benchmarks.faults.records import Intent, Kind
from benchmarks.faults.shop import Shop
from benchmarks.faults.trial import await_first_successes
from benchmarks.stack import Kind as DatabaseKind


@dataclass(slots=True)
class Run:
    """A run without a fault, and a connection to tamper with its database."""

    connection: Any
    shop: Shop
    intents: list[Intent]
    told: dict[str, int]
    """Ids of a coupon that was not used, an order and a charge under keys, by kind."""

    def verdict(self) -> Verdict:
        return check(self.intents, read_books_through(self.connection, self.shop), self.shop)


@pytest.fixture(scope="module")
def run(start: Callable[[DatabaseKind], Running]) -> Iterator[Run]:
    running = start(DATABASES[-1])  # type: ignore[arg-type]
    shop = running.take_shop()
    load = Load(running.server.port, shop, clients=CLIENTS)
    load.start()
    await_first_successes(load, running.server)
    load.stop()
    used = {(intent.body or {}).get("coupon") for intent in load.intents}
    told = {
        str(intent.kind): pk
        for intent in load.intents
        if intent.may_be_repeated and intent.kind is not Kind.READ and intent.successes
        if (pk := intent.successes[0].body["id"]) not in used or intent.kind is not Kind.COUPON
    }
    connection = running.db.connect()
    yield Run(connection, shop, load.intents, told)
    connection.close()


def test_a_run_without_a_fault_is_clean(run: Run) -> None:
    assert run.verdict() == Verdict()
    assert not any(one.was_turned_away for intent in run.intents for one in intent.attempts)


@pytest.mark.parametrize(
    ("found_as", "tampering"),
    [
        ("lost", "DELETE FROM coupons_issuedcoupon WHERE id = {coupon}"),
        ("lost", "UPDATE orders_order SET number = 'ORD-0' WHERE id = {order}"),
        (
            "lost",
            "UPDATE orders_orderitem SET quantity = 999, line_total = 999 * unit_price"
            " WHERE order_id = {order}",
        ),
        ("lost", "UPDATE users_wallettransaction SET reference = 'CHG-0' WHERE id = {charge}"),
        (
            "doubled",
            "INSERT INTO users_wallettransaction"
            " (wallet_id, kind, amount, balance_after, reference, reason, created_at)"
            " SELECT wallet_id, kind, amount, balance_after, 'CHG-0', reason, created_at"
            " FROM users_wallettransaction WHERE id = {charge}",
        ),
        ("over_issued", "UPDATE coupons_coupon SET issued_quantity = 0 WHERE issued_quantity > 0"),
        ("untrue", "UPDATE users_wallettransaction SET amount = 999999 WHERE id = {charge}"),
    ],
)
def test_tampering_with_the_database_is_found(run: Run, found_as: str, tampering: str) -> None:
    cursor = run.connection.cursor()
    cursor.execute("BEGIN")
    try:
        cursor.execute(tampering.format(**run.told))

        verdict = run.verdict()
    finally:
        cursor.execute("ROLLBACK")
    assert getattr(verdict, found_as), str(verdict)
    assert run.verdict().is_clean
