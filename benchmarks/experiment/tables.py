"""The experiment's own tables: one counter that everybody wants, and what is written beside it.

No unique constraint holds anything up here, and no foreign key locks anything: what a strategy
does must show. Plain SQL, so that each lock can be seen where it is taken.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SERIAL = {
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "mysql": "BIGINT PRIMARY KEY AUTO_INCREMENT",
}
TABLES = {
    # What everybody wants: a campaign's coupons, or a product's pieces; `taken` of `total`.
    "experiment_goods": "id {serial}, total BIGINT NOT NULL, taken BIGINT NOT NULL,"
    " version BIGINT NOT NULL",
    # What a request leaves behind: a coupon or an order, with the number it got.
    "experiment_taken": "id {serial}, goods BIGINT NOT NULL, member BIGINT NOT NULL,"
    " number BIGINT NOT NULL",
    # The same pieces as rows of their own, for who takes a row and no counter.
    "experiment_piece": "id {serial}, goods BIGINT NOT NULL, number BIGINT NOT NULL, member BIGINT",
    # An order also takes money from the member's own wallet, which nobody else wants.
    "experiment_wallet": "member BIGINT PRIMARY KEY, balance BIGINT NOT NULL",
}


INDEXES = ("CREATE INDEX experiment_piece_free ON experiment_piece (goods, member, number)",)


@contextmanager
def own_tables(members: int) -> Iterator[None]:
    """Make the tables, with a filled wallet for each of 0 … members - 1; drop them at the end."""
    with connection.cursor() as cursor:
        for name, columns in TABLES.items():
            cursor.execute(
                f"CREATE TABLE {name} ({columns.format(serial=SERIAL[connection.vendor])})"
            )
        for index in INDEXES:
            cursor.execute(index)
        cursor.executemany(
            "INSERT INTO experiment_wallet (member, balance) VALUES (%s, 1000000)",
            [[member] for member in range(members)],
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for name in TABLES:
                cursor.execute(f"DROP TABLE {name}")


def new_goods(total: int) -> int:
    """Put `total` pieces on sale; returns their id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO experiment_goods (total, taken, version) VALUES (%s, 0, 0)", [total]
        )
        assert cursor.lastrowid is not None
        return int(cursor.lastrowid)


def new_pieces(total: int) -> int:
    """Put `total` pieces on sale, each in a row of its own; returns the id of their goods."""
    goods = new_goods(total)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO experiment_piece (goods, number) VALUES (%s, %s)",
            [[goods, number] for number in range(1, total + 1)],
        )
    return goods


def read_back_pieces(goods: int) -> tuple[int, list[int]]:
    """How many pieces are taken, and their numbers: there is no counter to disagree with."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number FROM experiment_piece WHERE goods = %s AND member IS NOT NULL", [goods]
        )
        numbers = [number for (number,) in cursor.fetchall()]
    return len(numbers), numbers


def read_back(goods: int) -> tuple[int, list[int]]:
    """What the counter says is taken, and the number on each row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT taken FROM experiment_goods WHERE id = %s", [goods])
        (taken,) = cursor.fetchone()
        cursor.execute("SELECT number FROM experiment_taken WHERE goods = %s", [goods])
        return taken, [number for (number,) in cursor.fetchall()]
