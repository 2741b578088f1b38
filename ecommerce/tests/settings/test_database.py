"""The database that a setting names, and how it is asked."""

import shutil

from ecommerce.tests.starts import ROOT, run, settings_with


def database_with(**environment):
    ((database, options),) = [
        (one["default"], one["default"]["OPTIONS"])
        for one in settings_with("DATABASES", **environment)
    ]
    return database, options


def test_sqlite_in_the_checkout_is_the_default():
    database, options = database_with()

    assert database["ENGINE"] == "common.db.sqlite"
    assert database["NAME"] == str(ROOT / "db.sqlite3")
    assert options["transaction_mode"] == "IMMEDIATE"
    assert options["timeout"] == 3
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]


def test_an_sqlite_file_may_be_named():
    database, _ = database_with(DATABASE_URL="sqlite:////srv/shop/data.sqlite3")

    assert database["NAME"] == "/srv/shop/data.sqlite3"


def test_the_path_of_an_sqlite_file_is_a_path(tmp_path):
    folder = "C# 50% what? a%20b;c&d=상점"
    named, _ = database_with(DATABASE_URL=f"sqlite:///{tmp_path}/{folder}/db.sqlite3")
    assert named["NAME"] == f"{tmp_path}/{folder}/db.sqlite3"

    copy = tmp_path / folder / "ecommerce"
    copy.mkdir(parents=True)
    for module in ("__init__", "environment", "logs", "settings"):
        shutil.copy(ROOT / "ecommerce" / f"{module}.py", copy)
    code = "from ecommerce import settings; print(settings.DATABASES['default']['NAME'])"
    process = run("-c", code, PYTHONPATH=str(copy.parent), cwd=copy.parent)
    assert process.stdout == f"{copy.parent}/db.sqlite3\n", process.stderr


def test_a_relative_path_begins_beside_manage_py_wherever_a_command_is_run(tmp_path):
    paths = {
        "DATABASE_URL": "sqlite:///data/shop.sqlite3",
        "STATIC_ROOT": "public",
        "TEST_SQLITE": "data/test.sqlite3",
        "PYTHONPATH": str(ROOT),
    }

    databases, static = settings_with("DATABASES", "STATIC_ROOT", cwd=tmp_path, **paths)

    assert databases["default"]["NAME"] == f"{ROOT}/data/shop.sqlite3"
    assert databases["default"]["TEST"] == {"NAME": f"{ROOT}/data/test.sqlite3"}
    assert static == f"{ROOT}/public"


def test_mysql_is_named_by_its_address():
    url = "mysql://shop:p%40ss%2Fword@db.example:3307/shop_db"

    database, options = database_with(DATABASE_URL=url, LOCK_TIMEOUT_SECONDS="5")

    keys = ["ENGINE", "USER", "PASSWORD", "HOST", "PORT", "NAME", "CONN_HEALTH_CHECKS"]
    assert [database[key] for key in keys] == [
        "common.db.mysql",
        "shop",
        "p@ss/word",
        "db.example",
        3307,
        "shop_db",
        True,
    ]
    assert options["charset"] == "utf8mb4"
    assert options["isolation_level"] == "read committed"
    assert "innodb_lock_wait_timeout=5" in options["init_command"]
    assert "STRICT_TRANS_TABLES" in options["init_command"]


def test_mysql_must_show_who_it_is_where_authorities_are_named(tmp_path):
    url = "mysql://shop:pw@db.example/shop"
    authorities = tmp_path / "ca.pem"
    authorities.write_text("")

    _, named = database_with(DATABASE_URL=url, DATABASE_CA=str(authorities))
    _, unnamed = database_with(DATABASE_URL=url)

    assert (named["ssl_mode"], named["ssl"]) == ("VERIFY_IDENTITY", {"ca": str(authorities)})
    assert not unnamed.keys() & {"ssl_mode", "ssl"}


def test_a_secondary_is_given_up_sooner_than_the_primary():
    primary, secondary = "mysql://shop:pw@db.example/shop", "mysql://shop:pw@reads.example/shop"

    ((databases, lag),) = [
        settings_with(
            *("DATABASES", "REPLICA_LAG_SECONDS"),
            DATABASE_URL=primary,
            DATABASE_REPLICA_URL=secondary,
        )
    ]

    assert databases["replica"]["HOST"] == "reads.example"
    options = databases["replica"]["OPTIONS"]
    assert [options[name] for name in ("connect_timeout", "read_timeout")] == [1, 3]
    assert databases["default"]["OPTIONS"]["read_timeout"] == 10
    assert lag == 2.0


def test_a_server_waits_ten_seconds_for_the_database_and_a_command_for_ever():
    url = "mysql://shop:pw@db.example/shop"

    _, options = database_with(DATABASE_URL=url)
    command = run("manage.py", "diffsettings", DATABASE_URL=url)

    assert (options["read_timeout"], options["write_timeout"]) == (10, 10)
    assert "connect_timeout" in command.stdout, command.stderr
    assert "read_timeout" not in command.stdout


def test_no_migration_is_missing(tmp_path):
    url = f"sqlite:///{tmp_path}/empty.sqlite3"

    process = run("manage.py", "makemigrations", "--check", "--dry-run", DATABASE_URL=url)

    assert (process.returncode, process.stdout) == (0, "No changes detected\n"), process.stderr


def test_a_database_in_a_file_is_its_owners_alone_whoever_makes_it(tmp_path):
    code = """
import os, django; django.setup()
from django.db import connection
os.umask(0o022)
connection.cursor().execute("CREATE TABLE a (b)")
for name in sorted(os.listdir(".")):
    print(name, oct(os.stat(name).st_mode & 0o777))
"""
    variables = {"DJANGO_SETTINGS_MODULE": "ecommerce.settings", "PYTHONPATH": str(ROOT)}
    url = f"sqlite:///{tmp_path}/shop.sqlite3"

    process = run("-c", code, cwd=tmp_path, DATABASE_URL=url, **variables)

    names = [f"shop.sqlite3{end}" for end in ("", "-shm", "-wal")]
    assert process.stdout.split("\n") == [*(f"{name} 0o600" for name in names), ""]
