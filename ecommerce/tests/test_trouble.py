"""What stops a command is told in a sentence: which setting, what was found there, what to do."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest
from django.core.management import get_commands
from django.db import OperationalError, connection
from django.db.utils import ConnectionHandler

from common.errors import Busy, OutcomeUnknown
from ecommerce.tests.starts import ROOT, run
from ecommerce.trouble import TROUBLES, in_a_sentence, sentence_of

EVERY_COMMAND = """
import json, sys
from django.core.management import execute_from_command_line
from ecommerce.trouble import in_a_sentence
ends = []
for line in sys.argv[1:]:
    try:
        with in_a_sentence():
            execute_from_command_line(["manage.py", *line.split()])
        ends.append(0)
    except SystemExit as end:
        ends.append(end.code)
print(json.dumps(ends))
"""
TABLES = "its tables are not those of this version"
COMMANDS = [
    *("audit --skip-checks", "seed --skip-checks --members=1", "tidy --skip-checks"),
    *("relay --skip-checks", "check --deploy", "migrate --skip-checks"),
    *("axes_reset_username minji --skip-checks", "createsuperuser --skip-checks"),
]


def test_every_command_tells_that_the_database_is_away():
    ours = {name for name, app in get_commands().items() if app in ("ecommerce", "events")}
    assert ours <= {line.split()[0] for line in COMMANDS}
    url = "mysql://shop:s3cret@127.0.0.1:1/shop"  # a port that nobody has

    process = run(
        *("-c", EVERY_COMMAND, *COMMANDS),
        DATABASE_URL=url,
        DJANGO_SETTINGS_MODULE="ecommerce.settings",
    )

    (printed,) = process.stdout.splitlines()
    for told in json.loads(printed):
        assert told.startswith(
            f"DATABASE_URL is '{url.replace('s3cret', '…')}';"
            " no database answers there, or no longer (200"
        )
        assert told.endswith("): start it, or correct host and port.")
    assert process.stderr == ""


def test_a_command_ends_with_the_sentence_and_without_a_traceback(tmp_path):
    url = f"sqlite:///{tmp_path}/nothing/shop.sqlite3"

    process = run("manage.py", "tidy", DATABASE_URL=url)

    assert (process.returncode, process.stdout, process.stderr) == (
        1,
        "",
        f"DATABASE_URL is '{url}'; the file can't be opened (unable to open database file):"
        " its folder must be there, and both must be yours to write.\n",
    )


@pytest.mark.parametrize("command", ["audit", "relay"])
def test_a_command_ends_so_where_there_are_no_tables_and_says_nothing_before(tmp_path, command):
    url = f"sqlite:///{tmp_path}/shop.sqlite3"

    process = run("manage.py", command, DATABASE_URL=url)

    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.endswith(f"{TABLES} ({process.stderr.split(' (')[1]}")
    assert process.stderr.endswith("): run manage.py migrate.\n")


@pytest.mark.parametrize(
    ("target", "told"),
    [("| true", "Broken pipe"), (">/dev/full", "No space left on device"), (">&-", "")],
)
def test_output_that_can_not_be_written_is_told_in_a_sentence(target, told):
    lines = "with in_a_sentence(): [print('x' * 99) for _ in range(9_999)]"
    code = f"from ecommerce.trouble import in_a_sentence\n{lines}"
    piped = f'set -o pipefail; "$0" -c "$1" {target}'

    process = subprocess.run(  # noqa: S603
        ["bash", "-c", piped, sys.executable, code],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    sentence = f"What it prints can't be written ({told}).\n" if told else ""
    assert (process.returncode, process.stderr) == (int(told != ""), sentence)


# --- Each kind, as the database itself says it ----------------------------------------------------


@contextmanager
def another_connection(**changes):
    """One to the tests' database, with some of its settings changed."""
    other = ConnectionHandler({"default": {**connection.settings_dict, **changes}})["default"]
    try:
        yield other
    finally:
        other.close()


def found_by(statements=("SELECT 1",), **changes):
    """What is told of the error that these statements end in."""

    def execute_all():
        with in_a_sentence(), other.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    with another_connection(**changes) as other, pytest.raises(SystemExit) as end:
        execute_all()
    where, _, told = end.value.code.partition("; ")
    assert where.startswith("DATABASE_URL is ")
    return told.split(" (")[0]


def of_a_server():
    yield found_by(PORT=1), "no database answers there, or no longer"
    yield found_by(PASSWORD="not this one"), "it refuses the user or the password"
    yield found_by(NAME="nowhere"), "there is no database of that name"
    yield found_by(["SELECT 1 FROM no_such"]), TABLES
    yield found_by(["SELECT no_such FROM users_user"]), TABLES


def of_a_file(folder):
    file = folder / "shop.sqlite3"
    with closing(sqlite3.connect(file)) as there:
        there.execute("CREATE TABLE a (b)")
    damaged = folder / "damaged.sqlite3"
    damaged.write_bytes(file.read_bytes()[:100] + b"\xff" * 8_000)
    none = folder / "none.sqlite3"
    none.write_bytes(b"%PDF" * 1_000)

    yield found_by(NAME=str(folder / "no" / "such")), "the file can't be opened"
    yield found_by(NAME=str(folder)), "the file can't be opened"
    yield found_by(NAME=f"file:{file}?mode=ro"), "the file can't be written to"
    for one in (damaged, none):
        yield found_by(NAME=str(one)), "the file is damaged, or no database"
    yield found_by(["SELECT 1 FROM no_such"], NAME=str(file)), TABLES
    yield found_by(["SELECT no_such FROM a"], NAME=str(file)), TABLES
    full = ["PRAGMA max_page_count=1", "CREATE TABLE b (c)"]
    yield found_by(full, NAME=str(file)), "it can't write to its disk"
    options = {**connection.settings_dict["OPTIONS"], "timeout": 0}
    with closing(sqlite3.connect(file)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        held = found_by(["INSERT INTO a VALUES (1)"], NAME=str(file), OPTIONS=options)
    yield held, "somebody else holds what is needed"


@pytest.mark.django_db
def test_each_kind_is_told_as_what_it_is(tmp_path):
    kinds = of_a_file(tmp_path) if connection.vendor == "sqlite" else of_a_server()

    for told, wanted in kinds:
        assert told == wanted


@pytest.mark.parametrize(
    ("number", "found"),
    [
        (2005, "no database answers there, or no longer"),
        (2026, "no encrypted connection can be made"),
        (1044, "the user has no right to this"),
        (1040, "it takes no more connections"),
        (1290, "it takes no writes"),
        (1114, "it can't write to its disk"),
        (1205, "somebody else holds what is needed"),
    ],
)
def test_what_takes_another_server_to_see_is_known_by_its_number(number, found):
    sentence = sentence_of(OperationalError(number, "as it says it"))

    assert f"; {found} ({number}: as it says it): " in sentence
    assert sentence.endswith(".")


def test_no_number_means_two_things():
    numbers = [number for trouble in TROUBLES for number in trouble.codes]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("refusal", [Busy, OutcomeUnknown])
def test_what_a_service_made_of_it_is_told_by_its_cause(refusal):
    error = refusal()
    error.__cause__ = RuntimeError()
    error.__cause__.__cause__ = OperationalError(1205, "Lock wait timeout exceeded")

    with pytest.raises(SystemExit, match="somebody else holds what is needed"), in_a_sentence():
        raise error


@pytest.mark.parametrize("error", [Busy(), OperationalError(), OperationalError(1060, "twice")])
def test_a_bug_keeps_its_traceback(error):
    with pytest.raises(type(error)), in_a_sentence():
        raise error


def test_who_asks_for_the_traceback_gets_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", "audit", "--traceback"])

    with pytest.raises(OperationalError), in_a_sentence():
        raise OperationalError(2003, "Can't connect")


def test_a_ctrl_c_ends_a_command_as_shells_have_it():
    with pytest.raises(SystemExit) as end, in_a_sentence():
        raise KeyboardInterrupt

    assert end.value.code == 130
