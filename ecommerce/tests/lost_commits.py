"""Commits whose answer never comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

LOST_CONNECTION = OperationalError(2013, "Lost connection to MySQL server during query")


@contextmanager
def lost_commits(
    *, happened: bool, times: int = 1, error: OperationalError = LOST_CONNECTION
) -> Iterator[None]:
    """Lose the answers of the next commits, which the server carried out (`happened`) or not.

    The same is reported in either case: the caller cannot tell them apart.
    """
    commit = BaseDatabaseWrapper._commit
    left = times

    def commit_and_lose_the_answer(self: BaseDatabaseWrapper) -> None:
        nonlocal left
        if left == 0:
            commit(self)
            return
        left -= 1
        if happened:
            commit(self)
        raise error

    with mock.patch.object(BaseDatabaseWrapper, "_commit", commit_and_lose_the_answer):
        yield
    assert left == 0, "fewer commits were tried than answers were to be lost"
