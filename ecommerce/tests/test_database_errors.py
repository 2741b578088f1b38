"""What an error of the database means: try again, the connection is gone, no service, or a bug."""

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError

from common.db.database_errors import (
    is_connection_lost,
    is_turned_away,
    is_unavailable,
    may_be_retried,
)

TRY_AGAIN = [
    OperationalError(1213, "Deadlock found when trying to get lock"),
    OperationalError(1205, "Lock wait timeout exceeded"),
    OperationalError(1020, "Record has changed since last read in table"),
    OperationalError(3572, "Statement aborted because lock(s) could not be acquired"),
    OperationalError("database is locked"),
    OperationalError("database table is locked: users_wallet"),
]
LOST = [
    OperationalError(2006, "Server has gone away"),
    OperationalError(2013, "Lost connection to server during query"),
    OperationalError(2055, "Lost connection to server, system error: 104"),
    OperationalError(1053, "Server shutdown in progress"),
    OperationalError(1927, "Connection was killed"),
    OperationalError(4031, "The client was disconnected by the server"),
    InterfaceError(0, ""),
]
TURNED_AWAY = [
    OperationalError(1180, "Got error 149 during COMMIT"),
    OperationalError(1290, "The server is running with the --super-read-only option"),
    OperationalError(1317, "Query execution was interrupted"),
    OperationalError(1836, "Running in read-only mode"),
    OperationalError(3032, "The server is currently in offline mode"),
    OperationalError(3100, "Error on observer while running replication hook 'before_commit'."),
    OperationalError(3101, "Plugin instructed the server to rollback the current transaction."),
    OperationalError(3796, "group_replication_consistency cannot be used on the current state"),
    OperationalError(3797, "Error while waiting for group transactions commit"),
    OperationalError(3798, "Error while waiting for transactions to commit"),
    OperationalError(3799, "The Group Replication plugin is stopping"),
]
REFUSED = [
    OperationalError(1040, "Too many connections"),
    OperationalError(1203, "User has already more than max_user_connections"),
    OperationalError(2002, "Can't connect to server through socket"),
    OperationalError(2003, "Can't connect to server on 'db'"),
    OperationalError(2005, "Unknown server host 'db'"),
    OperationalError("unable to open database file"),
    OperationalError("disk I/O error"),
    OperationalError("database or disk is full"),
]
BUGS = [
    IntegrityError(1062, "Duplicate entry"),
    DataError(1406, "Data too long for column"),
    OperationalError(1054, "Unknown column"),
    OperationalError("no such table: shop"),
    OperationalError(),
]


@pytest.mark.parametrize(
    "error",
    [*TRY_AGAIN, *LOST, *TURNED_AWAY, *REFUSED, *BUGS, ValueError("2006"), OSError(2006)],
)
def test_an_error_means_one_thing(error):
    assert may_be_retried(error) == (error in TRY_AGAIN)
    assert is_connection_lost(error) == (error in LOST)
    assert is_turned_away(error) == (error in LOST + TURNED_AWAY)
    assert is_unavailable(error) == (error in LOST + TURNED_AWAY + REFUSED)
