"""Timing a connection's statements leaves what others do with it as it is."""

import pytest
from django.db import connection

from common.db import timing


@pytest.mark.django_db(transaction=True)
def test_a_wrapper_within_which_the_connection_is_made_goes_when_it_should():
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append(sql)
        return execute(sql, params, many, context)

    connection.close()
    connection.execute_wrappers.clear()
    with connection.execute_wrapper(wrapper), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with timing.spending() as spent, connection.cursor() as cursor:
        cursor.execute("SELECT 2")

    assert "SELECT 1" in seen
    assert "SELECT 2" not in seen
    assert wrapper not in connection.execute_wrappers
    assert spent.database > 0
