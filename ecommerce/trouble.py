"""What stops a command and is its operator's to mend: one sentence, and no traceback.

It says which setting, what was found there, and what to do. A bug keeps its traceback, and so does
everything with `--traceback`.
"""

import errno
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError
from django.db import Error as DatabaseError

from common.db.database_errors import TURNED_AWAY_CODES
from common.errors import DomainError
from ecommerce.environment import DATABASE_FILE

INTERRUPTED = 130
"""The exit code, as shells have it."""


class Trouble(NamedTuple):
    """A kind of errors: by MySQL's codes, or by how SQLite's texts begin."""

    codes: Collection[int]
    texts: tuple[str, ...]
    found: str
    remedy: str


TROUBLES = (
    Trouble(
        (1053, 1927, 2002, 2003, 2005, 2006, 2012, 2013, 2055),
        (),
        "no database answers there, or no longer",
        "start it, or correct host and port",
    ),
    Trouble(
        (1045, 1251, 1698, 2059, 2061),
        (),
        "it refuses the user or the password",
        "correct them, or create the user",
    ),
    Trouble(
        (1044, 1142, 1227),
        (),
        "the user has no right to this",
        "GRANT ALL ON the database TO the user, or correct its name",
    ),
    Trouble(
        (1049,),
        (),
        "there is no database of that name",
        "CREATE DATABASE … CHARACTER SET utf8mb4, or correct the name",
    ),
    Trouble((2026,), (), "no encrypted connection can be made", "correct DATABASE_CA or ssl_mode"),
    Trouble(
        (1040, 1203, 1226),
        (),
        "it takes no more connections",
        "end some of them, or raise max_connections",
    ),
    Trouble(
        TURNED_AWAY_CODES, (), "it takes no writes", "name the one that does, or let it take them"
    ),
    Trouble(
        (3, 1021, 1114),
        ("database or disk is full", "disk i/o error"),
        "it can't write to its disk",
        "make room there",
    ),
    Trouble(
        (1020, 1205, 1213, 3572),
        ("database is locked", "database table is locked"),
        "somebody else holds what is needed",
        "run this again, or end who holds it",
    ),
    Trouble(
        (1054, 1146),
        ("no such table", "no such column"),
        "its tables are not those of this version",
        "run manage.py migrate",
    ),
    Trouble(
        (),
        ("unable to open database file",),
        "the file can't be opened",
        "its folder must be there, and both must be yours to write",
    ),
    Trouble(
        (),
        ("attempt to write a readonly database",),
        "the file can't be written to",
        "it and its folder must be yours to write",
    ),
    Trouble(
        (),
        ("file is not a database", "database disk image is malformed"),
        "the file is damaged, or no database",
        "put a copy in its place by make restore FILE=…, or name another",
    ),
)


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Raises SystemExit with the sentence, where what is inside can't be done."""
    if sys.stdout is None:  # closed by a shell's >&-
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  for as long as there is one
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC) or "--traceback" in sys.argv:
            raise
        # Python would fail once more at its end, with what it has not written yet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"What it prints can't be written ({error.strerror}).")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(str(error))
    except (DatabaseError, DomainError) as error:
        if "--traceback" in sys.argv or not (sentence := sentence_of(error)):
            raise
        sys.exit(sentence)


def sentence_of(error: BaseException) -> str:
    """What an error of the database, or what it led to, is for an operator; nothing of a bug."""
    while not isinstance(error, DatabaseError):
        if error.__cause__ is None:
            return ""
        error = error.__cause__
    words = ": ".join(map(str, error.args))
    code = error.args[0] if error.args else None
    for trouble in TROUBLES:
        if code in trouble.codes or words.lower().startswith(trouble.texts):
            return f"{_where()}; {trouble.found} ({words}): {trouble.remedy}."
    return ""


def _where() -> str:
    from ecommerce.settings import env  # noqa: PLC0415  they may be what is wrong

    said = env.said("DATABASE_URL")
    return said if env.values["DATABASE_URL"] else f"{said}, so {DATABASE_FILE} is it"
