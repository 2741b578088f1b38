"""Copy the SQLite database that DATABASE_URL names, or put a copy in its place.

    python -m scripts.sqlite_copy backup FILE
    python -m scripts.sqlite_copy restore FILE
    python -m scripts.sqlite_copy ids FILE         give no id again that was given there

By SQLite's own backup: what is still in its write-ahead log is in the copy, and the shop may sell
meanwhile. To restore, nobody may have the database open for writing.
"""

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

BUSY_SECONDS = 5.0
# Without them a file is not the shop's, as for scripts/restore.
TABLES = ("django_migrations", "users_user", "users_wallet")


def main(act: str, file: str) -> str:
    """Returns why it can't be done, or nothing."""
    os.umask(0o077)
    os.environ["DJANGO_SETTINGS_MODULE"] = "ecommerce.settings"
    from django.conf import settings  # noqa: PLC0415  it needs the line before
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    try:
        database = settings.DATABASES["default"]
    except ImproperlyConfigured as error:
        return str(error)
    if "sqlite" not in database["ENGINE"]:
        return "DATABASE_URL names a MySQL: mysqldump copies it (docs/operations.md)."
    place = Path(database["NAME"])
    return ACTS[act](place, Path(file))


def _back_up(place: Path, file: Path) -> str:
    if problem := _copy(place, file):
        return problem
    print(f"A copy of {place}:", file=sys.stderr)
    return _unsound(file, "immutable=1")  # which leaves no file beside it


def _restore(place: Path, file: Path) -> str:
    if place.exists() and place.samefile(file):
        return f"{file} is the shop's database itself, not a copy of it."
    if problem := _unsound(file):
        return problem
    if place.exists():
        kept = place.with_name(f"{place.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.before")
        if problem := _copy(place, kept):
            kept.unlink(missing_ok=True)
            return f"{problem} Nothing was changed."
        print(f"What was there: {kept}")
    return _copy(file, place)


def _copy(source: Path, target: Path) -> str:
    if not source.exists():
        return f"There is no {source}."
    try:
        with (
            closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as old,
            closing(sqlite3.connect(target, timeout=BUSY_SECONDS)) as new,
        ):
            new.execute("PRAGMA journal_mode=DELETE")  # refused while anybody else has it open
            old.backup(new)
    except sqlite3.DatabaseError as error:
        question = " Is the shop still running?" if "locked" in str(error) else ""
        return f"{source} can't be copied to {target}: {error}.{question}"
    target.chmod(0o600)
    return ""


def _move_ids(place: Path, kept: Path) -> str:
    """Go on from the ids that were given before: they stand in tokens, and with clients."""
    with closing(sqlite3.connect(place, timeout=BUSY_SECONDS, uri=True)) as shop:
        shop.execute("ATTACH ? AS kept", [f"{kept.resolve().as_uri()}?immutable=1"])
        shop.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, coalesce((SELECT was.seq"
            " FROM kept.sqlite_sequence was WHERE was.name = sqlite_sequence.name), 0))"
        )
        shop.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM kept.sqlite_sequence"
            " WHERE name NOT IN (SELECT name FROM main.sqlite_sequence)"
        )
        shop.commit()
    return ""


def _unsound(file: Path, how: str = "mode=ro") -> str:
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?{how}", uri=True)) as copy:
            for table in TABLES:  # an empty file is sound, too
                copy.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608
            (verdict,) = copy.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    return "" if verdict == "ok" else f"{file} is not sound: {verdict}."


ACTS = {"backup": _back_up, "restore": _restore, "ids": _move_ids}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) or 0)
