"""`make backup` and `make restore` on SQLite; .ci/compose does the same on MySQL."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
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
    assert re.fullmatch(r".*/backups/\d{8}T\d{6}Z\.sqlite3", copy)
    assert Path(copy).stat().st_mode & 0o777 == 0o600
    write(file, "later").close()
    using.close()

    restored = run("scripts/restore", copy)

    assert restored.returncode == 0, restored.stderr
    assert "No violations." in restored.stdout
    assert names(file) == ["주방용품"]
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
    assert list((tmp_path / "backups").iterdir()) == []


def test_without_a_file_it_says_what_it_needs(shop):
    refused = shop[1]("scripts/restore", "")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "FILE=… names no file; make backup writes into backups/.\n"
