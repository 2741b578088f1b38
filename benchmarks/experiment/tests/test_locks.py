"""What the locks that docs/concurrency.md speaks of do to others."""

from threading import Thread

import pytest
from django.db import connection, connections

from benchmarks.experiment.queueing import WAITERS, granted_order
from benchmarks.experiment.tables import new_goods, own_tables, read_back


def read_in_another_thread(goods):
    seen = []

    def read():
        try:
            seen.append(read_back(goods))
        finally:
            connections.close_all()

    reader = Thread(target=read)
    reader.start()
    reader.join(20)
    return seen


@pytest.mark.django_db(transaction=True)
def test_who_only_reads_does_not_wait_for_a_row_that_is_locked():
    with own_tables(members=0):
        goods = new_goods(30)
        locks_rows = connection.features.has_select_for_update
        with connection.cursor() as cursor:
            cursor.execute("BEGIN" if locks_rows else "BEGIN IMMEDIATE")
            if locks_rows:
                cursor.execute("SELECT 1 FROM experiment_goods WHERE id = %s FOR UPDATE", [goods])
            cursor.execute("UPDATE experiment_goods SET taken = 7 WHERE id = %s", [goods])
            seen_meanwhile = read_in_another_thread(goods)
            cursor.execute("COMMIT")
        assert seen_meanwhile == [(0, [])]
        assert read_back(goods) == (7, [])


@pytest.mark.django_db(transaction=True)
def test_a_row_is_granted_in_the_order_in_which_it_was_asked_for():
    if not connection.features.has_select_for_update:
        pytest.skip("SQLite has no row locks: its waiters poll, in no order")
    with own_tables(members=0):
        assert granted_order() == list(range(WAITERS))


@pytest.mark.django_db(transaction=True)
def test_on_mysql_who_makes_others_wait_is_served_first():
    if not connection.features.has_select_for_update:
        pytest.skip("SQLite has no row locks: its waiters poll, in no order")
    with own_tables(members=0):
        order = granted_order(last_has_dependents=True)
    in_line = list(range(WAITERS - 1))
    last = WAITERS - 1
    expected = [*in_line, last] if connection.mysql_is_mariadb else [last, *in_line]
    assert order == expected
