"""`make backup` and `make restore` on SQLite, and their order on a Compose that only seems to be
there; .ci/compose does the same on MySQL."""

import fcntl
import gzip
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_on(file, *command, **environment):
    """Run a command of the checkout on a database in a file."""
    variables = {
        "PATH": os.environ["PATH"],
        "READ_DOT_ENV": "0",
        "SECRET_KEY": "k3y-for-tests-only-0123456789-0123456789-0123456789",
        "DATABASE_URL": f"sqlite:///{file}",
        "TO": str(file.parent / "backups"),
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.run(  # noqa: S603
        command,
        cwd=ROOT,
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    file = tmp_path_factory.mktemp("migrated") / "shop.sqlite3"
    done = run_on(file, sys.executable, "manage.py", "migrate", "-v0")
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture
def shop(tmp_path, migrated):
    """A folder for a database and its copies, and a way to run the scripts on them."""
    file = shutil.copy(migrated, tmp_path / "shop.sqlite3")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\nexit 1\n")  # no engine answers
    (programs / "docker").chmod(0o755)
    (programs / "docker-compose").symlink_to("docker")
    return file, partial(run_on, file, PATH=f"{programs}:{os.environ['PATH']}")


def names(file):
    with sqlite3.connect(file) as connection:
        return [
            name for (name,) in connection.execute("SELECT name FROM products_category ORDER BY id")
        ]


def next_id(file):
    connection = sqlite3.connect(file)
    made = connection.execute("INSERT INTO products_category (name, slug) VALUES ('a', 'a')")
    connection.close()  # and undo it
    return made.lastrowid


def write(file, name):
    connection = sqlite3.connect(file)
    connection.execute("INSERT INTO products_category (name, slug) VALUES (?, ?)", (name, name))
    connection.commit()
    return connection


def test_what_is_backed_up_while_it_is_in_use_comes_back(shop):
    file, run = shop
    using = write(file, "주방용품")  # in the write-ahead log, and open

    made = run("scripts/backup")

    assert made.returncode == 0, made.stderr
    copy = made.stdout.strip()
    assert made.stderr == f"A copy of {file}:\n"
    assert re.fullmatch(r".*/backups/\d{8}T\d{6}Z\.sqlite3", copy)
    assert Path(copy).stat().st_mode & 0o777 == 0o600
    write(file, "later").close()
    using.close()

    restored = run("scripts/restore", copy)

    assert restored.returncode == 0, restored.stderr
    assert "No violations." in restored.stdout
    assert names(file) == ["주방용품"]
    assert next_id(file) == 3  # not 2, which clients know as another's
    assert file.stat().st_mode & 0o777 == 0o600
    (kept,) = file.parent.glob("*.before")
    assert names(kept) == ["주방용품", "later"]


def test_nothing_is_restored_while_the_shop_runs(shop):
    file, run = shop
    copy = run("scripts/backup").stdout.strip()
    using = write(file, "later")
    using.execute("PRAGMA journal_mode=WAL")

    refused = run("scripts/restore", copy)

    assert refused.returncode == 1
    assert "Is the shop still running?" in refused.stderr
    using.close()
    assert names(file) == ["later"]


@pytest.mark.parametrize("content", [b"", b"not a database", None])
def test_what_is_no_copy_is_refused_and_nothing_changes(shop, tmp_path, content):
    file, run = shop
    write(file, "kept").close()
    wrong = tmp_path / "wrong.sqlite3"
    if content is not None:
        wrong.write_bytes(content)

    refused = run("scripts/restore", str(wrong))

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert names(file) == ["kept"]


def test_a_wrong_setting_is_told_in_a_sentence(shop, tmp_path):
    refused = shop[1]("scripts/backup", WORKERS="abc")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "WORKERS is 'abc'; it must be a whole number from 1 up.\n"
    assert leftovers(tmp_path / "backups") == []


def test_without_a_file_it_says_what_it_needs(shop):
    refused = shop[1]("scripts/restore", "")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "FILE=… names no file; make backup writes into backups/.\n"


def leftovers(folder):
    return [file.name for file in folder.iterdir() if not file.name.startswith(".")]


def with_room_for(blocks, *command):
    """The command on a disk where no file may get larger than so many kilobytes."""
    return "bash", "-c", f'ulimit -f {blocks}; exec "$@"', "_", *command


def test_a_backup_without_room_is_told_and_leaves_nothing(shop, tmp_path):
    refused = shop[1](*with_room_for(64, "scripts/backup"))

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "can't be copied to" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert leftovers(tmp_path / "backups") == []


@pytest.mark.parametrize("of", [{"OF": "compose"}, {"DATABASE_SERVICE": "db1"}, {"RESTORES": "1"}])
def test_where_composes_database_is_meant_no_other_is_copied(shop, tmp_path, of):
    refused = shop[1]("scripts/backup", **of)

    told = "Compose's database does not run, or Docker can't be asked: there is no copy.\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", told)
    assert leftovers(tmp_path / "backups") == []


def test_a_backup_of_what_is_no_shop_is_told_and_leaves_nothing(shop, tmp_path):
    file, run = shop
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE users_wallet")

    refused = run("scripts/backup")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"A copy of {file}:\n")
    assert refused.stderr.endswith(".part is not sound: no such table: users_wallet.\n")
    assert leftovers(tmp_path / "backups") == []


def test_without_room_for_a_copy_of_what_is_there_nothing_is_restored(shop):
    file, run = shop
    copy = run("scripts/backup").stdout.strip()
    write(file, "later").close()

    refused = run(*with_room_for(64, "scripts/restore", copy))

    assert refused.returncode == 1
    assert refused.stderr.endswith("Nothing was changed.\n")
    assert refused.stderr.count("\n") == 1
    assert names(file) == ["later"]
    assert list(file.parent.glob("*.before*")) == []


def test_backups_of_one_second_have_names_of_their_own(shop, tmp_path):
    file, run = shop
    with ThreadPoolExecutor(3) as pool:
        made = [done.result() for done in [pool.submit(run, "scripts/backup") for _ in "abc"]]

    assert [one.stderr for one in made] == [f"A copy of {file}:\n"] * 3
    assert len({one.stdout for one in made}) == 3
    assert len(leftovers(tmp_path / "backups")) == 3


def test_the_database_itself_is_no_copy(shop):
    file, run = shop
    write(file, "kept").close()

    refused = run("scripts/restore", str(file))

    assert refused.returncode == 1
    assert refused.stderr == f"{file} is the shop's database itself, not a copy of it.\n"
    assert names(file) == ["kept"]


def test_sqlite_goes_to_no_moment(shop):
    file, run = shop
    copy = run("scripts/backup").stdout.strip()
    write(file, "later").close()

    refused = run("scripts/restore", copy, UNTIL="2026-11-26 10:00:00")

    assert refused.returncode == 1
    assert refused.stderr == "UNTIL needs the binary log of MySQL; a SQLite file has none.\n"
    assert names(file) == ["later"]


def test_a_second_restore_is_told_of_the_first(shop, tmp_path):
    file, run = shop
    copy = run("scripts/backup").stdout.strip()
    write(file, "later").close()
    with (tmp_path / "backups" / ".restoring").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        refused = run("scripts/restore", copy)
        half = run("scripts/backup")

    assert (refused.returncode, refused.stderr) == (1, "Another restore is under way.\n")
    assert (half.returncode, half.stderr) == (1, "A restore is under way.\n")
    assert leftovers(tmp_path / "backups") == [Path(copy).name]
    assert names(file) == ["later"]


def test_a_copy_that_can_not_be_used_is_followed_by_the_way_back(shop):
    file, run = shop
    copy = Path(run("scripts/backup").stdout.strip())
    write(file, "later").close()
    with sqlite3.connect(copy) as connection:
        connection.execute("DROP TABLE orders_order")
        connection.execute("DELETE FROM django_migrations WHERE app = 'users'")

    failed = run("scripts/restore", str(copy))

    (kept,) = file.parent.glob("*.before")
    assert failed.returncode != 0
    assert failed.stderr.splitlines()[-1] == f"  make restore FILE={kept}"
    back = run("scripts/restore", str(kept))
    assert back.returncode == 0, back.stderr
    assert names(file) == ["later"]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (b"SQLite format 3\0" + b"x" * 8176, "file is not a database. Nothing was changed.\n"),
        (b"x" * 8192, "is no database of SQLite's.\n"),
    ],
)
def test_a_broken_database_makes_room_for_its_copy(shop, broken, told):
    file, run = shop
    write(file, "kept").close()
    copy = run("scripts/backup").stdout.strip()
    file.write_bytes(broken)

    refused = run("scripts/restore", copy)

    assert refused.returncode == 1
    assert refused.stderr.endswith(told)
    assert file.read_bytes() == broken
    file.rename(file.with_suffix(".broken"))
    restored = run("scripts/restore", copy)
    assert restored.returncode == 0, restored.stderr
    assert names(file) == ["kept"]


ENGINE = r"""#!/bin/bash
# Compose, as far as the scripts ask it.
call="$*"
echo "${call//$'\n'/ }" >>"$CALLS"
case $call in
    'compose ps -q db') echo container ;;
    inspect*) echo true ;;
    *'command -v mariadbd') exit 1 ;;
    *' root mysqldump '*) cat "$DUMP" && exit "${DUMPS:-0}" ;;
    *'UTC_TIMESTAMP()') echo "${PAST:-1}" ;;
    *"table_schema = 'shop'"*) cat "$IDS" 2>/dev/null ||
            printf 'users_user\t51\nproducts_product\t4\n'
        printf 'users_user\t50\nproducts_product\t12345678901\norders_order\t2\n' >"$IDS" ;;
    *' shop mysql --force shop') cat >"$IDS.moved" ;;
    *'SHOW BINARY LOGS') printf 'binlog.000001\t157\tNo\n' ;;
    *'run --rm migrate') [ -z "${KILLED:-}" ] || { kill -TERM "$PPID"; echo on >&2; } ;;
    *' shop mysql shop') cat >/dev/null && exit "${LOADS:-0}" ;;
    *'manage.py audit') exit "${AUDITS:-0}" ;;
esac
"""
DUMP = """-- MySQL dump
-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000001', SOURCE_LOG_POS=157;
CREATE TABLE `django_migrations` (
CREATE TABLE `users_user` (
CREATE TABLE `users_wallet` (
INSERT INTO `users_wallet` VALUES (1,'한국어');
-- Dump completed on 2026-11-26 10:00:00
"""
STOP = "compose stop app1 app2 relay"
START = "compose up -d --no-deps --no-build app1 app2 relay"


@pytest.fixture
def composed(shop, tmp_path):
    """A way to run the scripts where Compose's database seems to run, and what was asked of it."""
    engine = tmp_path / "bin" / "docker"
    engine.write_text(ENGINE)
    calls, dump, ids = (tmp_path / name for name in ("calls", "dump", "ids"))
    dump.write_text(DUMP)

    def run(*command, **environment):
        calls.write_text("")
        done = shop[1](*command, CALLS=str(calls), DUMP=str(dump), IDS=str(ids), **environment)
        return done, calls.read_text().splitlines()

    return run


@pytest.fixture
def copy(composed):
    made, _ = composed("scripts/backup")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def refused_untouched(done, calls, sentence):
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == sentence
    assert not any(
        word in call for call in calls for word in (" stop ", "DROP ", "shop mysql shop")
    )


def test_compose_restores_between_stop_and_start(composed, copy):
    done, calls = composed("scripts/restore", copy, UNTIL=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}")

    assert (done.returncode, done.stderr) == (0, "")
    (logs,) = (call for call in calls if " root mysqlbinlog " in call)
    assert logs.endswith(" /var/lib/mysql/binlog.000001")
    assert "--start-position=157" in logs
    order = [next(n for n, call in enumerate(calls) if word in call) for word in RESTORES]
    assert order == sorted(order)
    assert calls[-1] == START
    assert done.stdout.endswith(" until /health/ready says so.\n")


RESTORES = (
    "mysqldump",
    STOP,
    "DROP DATABASE",
    " shop mysql shop",
    "mysqlbinlog",
    "run --rm migrate",
    " shop mysql --force shop",
)


def test_compose_gives_no_id_again_that_was_given_since_the_copy(composed, copy, tmp_path):
    composed("scripts/restore", copy)

    moved = (tmp_path / "ids.moved").read_text().splitlines()
    assert sorted(moved) == [
        "ALTER TABLE `orders_order` AUTO_INCREMENT=2;",
        "ALTER TABLE `products_product` AUTO_INCREMENT=12345678901;",
        "ALTER TABLE `users_user` AUTO_INCREMENT=51;",
    ]


def test_compose_changes_nothing_without_a_copy_of_what_is_there(composed, copy, tmp_path):
    done, calls = composed("scripts/restore", copy, DUMPS="1")

    refused_untouched(done, calls, "Nothing was changed: what is there now could not be copied.")
    assert leftovers(tmp_path / "backups") == [Path(copy).name]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("CREATE TABLE wp_posts(id int);\n-- Dump completed\n", "no such table: django_migrations"),
        (DUMP.replace("users_user", "users"), "no such table: users_user"),
        (DUMP.rpartition("--")[0], "it is not whole"),
        (None, "it is not whole"),
    ],
)
def test_compose_refuses_what_is_no_copy_of_the_shop(composed, tmp_path, content, problem):
    wrong = tmp_path / "wrong.sql.gz"
    wrong.write_bytes(gzip.compress(content.encode()) if content else b"no gzip")

    done, calls = composed("scripts/restore", str(wrong))

    refused_untouched(done, calls, f"{wrong} is not sound: {problem}.")
    assert not any("mysqldump" in call for call in calls)


@pytest.mark.parametrize(
    ("until", "past", "problem"),
    [
        ("yesterday", "1", "; it must be a moment like '2026-11-26 10:00:00' (UTC)."),
        ("2026-11-26", "1", "; it must be a moment like '2026-11-26 10:00:00' (UTC)."),
        ("2026-02-30 10:00:00", "NULL", "; there is no such moment."),
        ("2999-01-01 00:00:00", "0", ", and that is still to come (UTC)."),
    ],
)
def test_compose_refuses_a_moment_that_is_none(composed, copy, until, past, problem):
    done, calls = composed("scripts/restore", copy, UNTIL=until, PAST=past)

    refused_untouched(done, calls, f"UNTIL is '{until}'{problem}")


def test_compose_refuses_a_moment_before_the_copy(composed, copy):
    made = datetime.strptime(Path(copy).name, "%Y%m%dT%H%M%SZ.sql.gz").replace(tzinfo=UTC)
    until = f"{made - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}"

    done, calls = composed("scripts/restore", copy, UNTIL=until)

    when = f"{made:%Y-%m-%d %H:%M:%S}"
    refused_untouched(
        done, calls, f"UNTIL is '{until}', before the copy was made ({when}): take an older copy."
    )


def test_compose_refuses_a_moment_that_no_log_reaches(composed, tmp_path):
    old = tmp_path / "old.sql.gz"
    old.write_bytes(gzip.compress(DUMP.replace("binlog.000001", "binlog.000000").encode()))

    done, calls = composed("scripts/restore", str(old), UNTIL="2026-11-26 10:00:00")

    refused_untouched(done, calls, f"The binary logs since {old} (binlog.000000) are gone.")


@pytest.mark.parametrize("fails", ["LOADS", "AUDITS", "KILLED"])
def test_compose_tells_the_way_back_and_leaves_the_servers_stopped(composed, copy, fails):
    done, calls = composed("scripts/restore", copy, **{fails: "1"})

    kept = done.stdout.splitlines()[0].removeprefix("What is there now: ")
    assert Path(kept).exists()
    assert done.returncode != 0
    assert done.stderr.splitlines()[-2:] == [
        "The restore broke off; app1, app2 and relay are stopped. "
        "Back to what was there before it:",
        f"  make restore FILE={kept}",
    ]
    assert STOP in calls
    assert START not in calls
