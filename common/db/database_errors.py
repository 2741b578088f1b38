"""What a database error means: try again, the connection is gone, or a bug.

Numbers: MySQL's error reference (server 1000-1999 and 3000-4999, client 2000-2999) and MariaDB's
(1020, 1927); SQLite has texts only.
"""

from django.db import DatabaseError, InterfaceError, OperationalError

TRY_AGAIN_CODES = frozenset(
    {
        1020,  # MariaDB: record has changed since last read (snapshot isolation)
        1205,  # lock wait timeout exceeded
        1213,  # deadlock found
        3572,  # NOWAIT was set and the row is locked
    }
)
TRY_AGAIN_TEXTS = ("database is locked", "database table is locked")

OUT_OF_TIME_CODES = frozenset(
    {
        188,  # a full-text search was ended while it collected what it found, or has found too much
        1969,  # MariaDB: max_statement_time exceeded
        3024,  # MySQL: maximum statement execution time exceeded
    }
)
OUT_OF_TIME_TEXT = "interrupted"

LOST_CODES = frozenset(
    {
        1053,  # server shutdown in progress
        1927,  # MariaDB: connection was killed
        2006,  # server has gone away
        2013,  # lost connection during query; also a read timeout
        2055,  # lost connection, with the system's error
        4031,  # disconnected by the server because of inactivity
    }
)
TURNED_AWAY_CODES = frozenset(  # a server that was written to, and is no more: another is, or soon
    {
        1180,  # error during COMMIT
        1290,  # the server is read-only
        1317,  # the query was interrupted: a server that steps down ends what runs
        1836,  # the server is in read-only mode
        3032,  # the server is in offline mode
        3100,  # a replication hook failed: the commit of a primary that is cut off from its group
        3101,  # the group had the transaction rolled back at its commit
        3796,  # group_replication_consistency cannot be had in the member's state
        3797,  # the same: what the group has still to apply did not come in time
        3798,  # the same, of what the others have still to apply
        3799,  # group replication is stopping
    }
)
REFUSED_CODES = frozenset(
    {
        1040,  # too many connections
        1203,  # the user has too many connections
        1226,  # the user has exceeded a resource
        2002,  # cannot connect through the socket
        2003,  # cannot connect to the host
        2005,  # unknown host
        2012,  # error in the handshake
    }
)
REFUSED_TEXTS = ("unable to open database file", "disk i/o error", "database or disk is full")


def _code(error: BaseException) -> int | None:
    code = error.args[0] if error.args else None
    return code if isinstance(code, int) else None


def may_be_retried(error: BaseException) -> bool:
    """A deadlock or a lock that could not be had in time: rolled back, worth another try."""
    if not isinstance(error, OperationalError):
        return False
    return _code(error) in TRY_AGAIN_CODES or str(error).lower().startswith(TRY_AGAIN_TEXTS)


def retry_cause(error: BaseException | None) -> str:
    """Why a transaction runs again, in a word."""
    if error is None or not may_be_retried(error):
        return "connection_lost" if error is None or is_connection_lost(error) else "turned_away"
    return {1213: "deadlock", 1020: "snapshot"}.get(_code(error) or 0, "lock_timeout")


def is_out_of_time(error: BaseException) -> bool:
    """A statement took longer than it was given; it has done nothing, and its locks remain."""
    if not isinstance(error, DatabaseError):
        return False
    return _code(error) in OUT_OF_TIME_CODES or str(error) == OUT_OF_TIME_TEXT


def is_connection_lost(error: BaseException) -> bool:
    """An established connection broke; what the server did last is not known from here."""
    if isinstance(error, InterfaceError):
        return True
    return isinstance(error, OperationalError) and _code(error) in LOST_CODES


def is_turned_away(error: BaseException) -> bool:
    """The connection is of no use for writing any more; a new one may lead to who takes writes.

    Before the COMMIT nothing is written. From it on, what became of it is not known: a primary
    that was cut off says that it failed, and need not be believed.
    """
    if is_connection_lost(error):
        return True
    return isinstance(error, DatabaseError) and _code(error) in TURNED_AWAY_CODES


def is_unavailable(error: BaseException) -> bool:
    """The database cannot serve at all at the moment."""
    if is_turned_away(error):
        return True
    if not isinstance(error, DatabaseError):
        return False
    return _code(error) in REFUSED_CODES or str(error).lower().startswith(REFUSED_TEXTS)
