"""The settings, as an operator sets them: from the environment, in a process of their own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ecommerce.environment import PROXY_SECONDS, RULES

ROOT = Path(__file__).resolve().parents[2]
KEY = "k3y-for-tests-only-0123456789-0123456789-0123456789-äöü"
NOTHING_SET = {"PATH": os.environ["PATH"], "READ_DOT_ENV": "0", "PYTHONWARNINGS": "ignore"}


def run(*arguments, cwd=ROOT, **environment):
    """Run Python in an environment with nothing but a key and these variables set, if not None."""
    variables = NOTHING_SET | {"SECRET_KEY": KEY} | environment
    return subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        cwd=cwd,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings_with(*names, **environment):
    """The values that these settings have in such an environment."""
    code = (
        "import json, sys; from ecommerce import settings;"
        "print(json.dumps([getattr(settings, name) for name in sys.argv[1:]], default=str))"
    )
    process = run("-c", code, *names, **environment)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_it_refuses_to_start_and_says_what_is_missing(key):
    process = run("manage.py", "check", SECRET_KEY=key)

    assert process.returncode == 1
    assert process.stderr == "SECRET_KEY is not set: `make env` writes one into .env.\n"


RATE = "it must be a number of requests per s, min, hour or day: 60/min."
ORIGIN = "it must be an origin: https://shop.example."
TRUTH = "it must be one of 1, true, yes, on, 0, false, no, off."
DATABASE = "it must be sqlite:///PATH or mysql://USER:PASSWORD@HOST:PORT/NAME."

STATIC = "it must be a folder for nothing else, without code or .env in or below it."
IN_A_FILE = "it must be sqlite:///PATH of a file: memory is not shared."
NO_OPTION = (
    "DATABASE_URL has an option that is none; ssl_mode is one, which may be"
    " DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY."
)


WRONG = [
    ("WORKERS=0", "WORKERS is '0'; it must be a whole number from 1 up."),
    ("WORKERS=abc", "WORKERS is 'abc'; it must be a whole number from 1 up."),
    ("WORKERS=1_000", "WORKERS is '1_000'; it must be a whole number from 1 up."),
    ("WORKERS=+5", "WORKERS is '+5'; it must be a whole number from 1 up."),
    ("WORKERS=２", "WORKERS is '２'; it must be a whole number from 1 up."),
    ("THREADS=-1", "THREADS is '-1'; it must be a whole number from 1 up."),
    ("NUM_PROXIES=-1", "NUM_PROXIES is '-1'; it must be a whole number from 0 up."),
    ("CHARGE_MAX=1e3", "CHARGE_MAX is '1e3'; it must be a whole number from 1 up."),
    (
        "LOW_STOCK=" + "9" * 40,
        f"LOW_STOCK is '{'9' * 40}'; it must be a whole number from 0 up.",
    ),
    (
        "GROUP_COMMIT_WAIT_SECONDS=nan",
        "GROUP_COMMIT_WAIT_SECONDS is 'nan'; it must be a number from 0.1 up.",
    ),
    ("WORKERS=1001", "WORKERS is '1001'; it must be a whole number from 1 to 1000."),
    ("COMMITTERS=100000", "COMMITTERS is '100000'; it must be a whole number from 2 to 1000."),
    ("COMMITTERS=1", "COMMITTERS is '1'; it must be a whole number from 2 up."),
    ("HASHES_AT_ONCE=0", "HASHES_AT_ONCE is '0'; it must be a whole number from 1 up."),
    ("HASH_WAIT_SECONDS=0", "HASH_WAIT_SECONDS is '0'; it must be a number from 0.1 up."),
    ("ADMIN_IDLE_HOURS=0", "ADMIN_IDLE_HOURS is '0'; it must be a whole number from 1 up."),
    (
        "WRITE_THREADS=99999999999999",
        "WRITE_THREADS is '99999999999999'; it must be a whole number from 1 to 1000.",
    ),
    (
        "FAILOVER_SECONDS=99999999",
        "FAILOVER_SECONDS is '99999999'; it must be a number from 0 to 1000000.",
    ),
    ("FAILOVER_SECONDS=-1", "FAILOVER_SECONDS is '-1'; it must be a number from 0 up."),
    (
        "REFRESH_TOKEN_DAYS=100000000000",
        "REFRESH_TOKEN_DAYS is '100000000000'; it must be a whole number from 1 to 10000.",
    ),
    (
        "REQUEST_TIMEOUT_SECONDS=61",
        "REQUEST_TIMEOUT_SECONDS is '61'; it must be a whole number from 1 to 60.",
    ),
    ("COSTLY_READS_SHARE=1.5", "COSTLY_READS_SHARE is '1.5'; it must be a number from 0 to 1."),
    ("HSTS_SECONDS=-1", "HSTS_SECONDS is '-1'; it must be a whole number from 0 up."),
    (
        "DATABASE_TIMEOUT_SECONDS=soon",
        "DATABASE_TIMEOUT_SECONDS is 'soon'; it must be a whole number from 0 up.",
    ),
    ("THROTTLE_ANON=sixty", f"THROTTLE_ANON is 'sixty'; {RATE}"),
    ("THROTTLE_MEMBER=0/min", f"THROTTLE_MEMBER is '0/min'; {RATE}"),
    ("HTTPS=maybe", f"HTTPS is 'maybe'; {TRUTH}"),
    ("DEBUG=2", f"DEBUG is '2'; {TRUTH}"),
    (
        "ALLOWED_HOSTS=shop.example,https://www.shop.example/",
        "ALLOWED_HOSTS is 'https://www.shop.example/';"
        " it must be a host's name or address, without scheme, port or path.",
    ),
    (
        "CSRF_TRUSTED_ORIGINS=shop.example",
        "CSRF_TRUSTED_ORIGINS is 'shop.example'; it must be an origin: https://shop.example.",
    ),
    *(
        (f"CORS_ALLOWED_ORIGINS={text}", f"CORS_ALLOWED_ORIGINS is '{text}'; {ORIGIN}")
        for text in (
            "*",
            "https://*.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:65536",
            "https://Shop.example",
        )
    ),
    (
        "CSRF_TRUSTED_ORIGINS=https://shop.example:443",
        f"CSRF_TRUSTED_ORIGINS is 'https://shop.example:443'; {ORIGIN}",
    ),
    (
        "EVENT_SINK=webhooks",
        "EVENT_SINK is 'webhooks';"
        " it must be the dotted path of a class: events.webhooks.Webhooks.",
    ),
    (
        "LOG_LEVEL=loud",
        "LOG_LEVEL is 'loud'; it must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
    ),
    (
        "METRICS_TOKEN=secret",
        "METRICS_TOKEN is wrong; it must be 16 or more letters, digits, and . _ ~ + / = -.",
    ),
    (
        "METRICS_ALLOWED=10.0.0.0/8,intranet",
        "METRICS_ALLOWED is 'intranet'; it must be an address or a network: 10.0.0.0/8.",
    ),
    ("LOG_FORMAT=xml", "LOG_FORMAT is 'xml'; it must be json or text."),
    ("DATABASE_CA=/nothing", "DATABASE_CA is '/nothing'; it must be a file of certificates."),
    *(
        (f"STATIC_ROOT={folder}", f"STATIC_ROOT is '{folder}'; {STATIC}")
        for folder in (
            *(ROOT, ROOT.parent, "/", f"{ROOT}/docs/..", ".", f"{ROOT}/ecommerce", f"{ROOT}/users"),
            *(f"{ROOT}/.git", f"{ROOT}/manage.py"),
        )
    ),
    *(
        (f"DATABASE_URL={url}", f"DATABASE_URL is '{url}'; {IN_A_FILE}")
        for url in ("sqlite:///:memory:", "sqlite://:memory:", "sqlite:///file::memory:")
    ),
    *(
        (f"DATABASE_URL=mysql://shop:secret@db/shop?{options}", NO_OPTION)
        for options in ("foo=bar", "ssl_mode=NOPE", "ssl_mode=REQUIRED&passwd=secret", "x")
    ),
    (
        "DATABASE_URL=mysql:/shop:secret@db/shop",
        f"DATABASE_URL is 'mysql:…@db/shop'; {DATABASE}",
    ),
    ("DATABASE_URL=shop:secret@db/shop", f"DATABASE_URL is 'shop:…@db/shop'; {DATABASE}"),
    *(
        (f"DATABASE_URL=mysql://s:pw@{rest}", f"DATABASE_URL is 'mysql://s:…@{rest}'; {DATABASE}")
        for rest in ("db/shop/", "db/shop/x", " db /shop", "::1/shop", "[::1/shop", "/shop")
    ),
    ("DATABASE_URL=garbage", f"DATABASE_URL is 'garbage'; {DATABASE}"),
    ("DATABASE_URL=sqlite://", f"DATABASE_URL is 'sqlite://'; {DATABASE}"),
    (
        "DATABASE_URL=postgres://shop:secret@db/shop",
        f"DATABASE_URL is 'postgres://shop:…@db/shop'; {DATABASE}",
    ),
    (
        "DATABASE_URL=mysql://shop:secret@db:port/shop",
        f"DATABASE_URL is 'mysql://shop:…@db:port/shop'; {DATABASE}",
    ),
    ("DATABASE_URL=mysql://shop:secret@db", f"DATABASE_URL is 'mysql://shop:…@db'; {DATABASE}"),
    ("DATABASE_URL=mysql://shop:s/e:c@r@db", f"DATABASE_URL is 'mysql://shop:…@db'; {DATABASE}"),
]


MYSQL = "DATABASE_URL=mysql://shop:secret@db/shop"
THE_PROXY = (
    "all waiting together, a lock's as often as it is tried, must be less than the 120 s that a"
    " proxy waits."
)
CONTRADICTIONS = [
    (
        ["CHARGE_MAX=2000", "BALANCE_MAX=1999"],
        "CHARGE_MAX is '2000' and BALANCE_MAX is '1999';"
        " no charge can be more than a wallet may hold.",
    ),
    (
        ["BALANCE_MAX=1999"],
        "CHARGE_MAX is 10000000 (its default) and BALANCE_MAX is '1999';"
        " no charge can be more than a wallet may hold.",
    ),
    (
        ["ACCESS_TOKEN_MINUTES=2881", "REFRESH_TOKEN_DAYS=2"],
        "ACCESS_TOKEN_MINUTES is '2881' and REFRESH_TOKEN_DAYS is '2';"
        " an access token must not outlive the refresh token that came with it.",
    ),
    (
        ["REFRESH_TOKEN_DAYS=8", "SESSION_DAYS=7"],
        "REFRESH_TOKEN_DAYS is '8' and SESSION_DAYS is '7';"
        " a refresh token must not outlive its session.",
    ),
    (
        ["ADMIN_IDLE_HOURS=25", "ADMIN_SESSION_DAYS=1"],
        "ADMIN_IDLE_HOURS is '25' and ADMIN_SESSION_DAYS is '1';"
        " nobody can be idle for longer than signed in.",
    ),
    (
        ["MAX_BODY_BYTES=2000001", "MAX_IMPORT_BYTES=2000000"],
        "MAX_BODY_BYTES is '2000001' and MAX_IMPORT_BYTES is '2000000';"
        " the import page must take what every path takes.",
    ),
    (
        ["REQUEST_TIMEOUT_SECONDS=20", "IMPORT_TIMEOUT_SECONDS=19"],
        "REQUEST_TIMEOUT_SECONDS is '20' and IMPORT_TIMEOUT_SECONDS is '19';"
        " an import must have the time that every request has.",
    ),
    *(
        (
            [f"{name}=4", "DATABASE_TIMEOUT_SECONDS=4", MYSQL],
            f"{name} is '4', DATABASE_TIMEOUT_SECONDS is '4' and DATABASE_URL is 'mysql://shop:…"
            f"@db/shop'; {name} must be less, or the connection is given up first.",
        )
        for name in ("LOCK_TIMEOUT_SECONDS", "COSTLY_READ_SECONDS", "ADMIN_LIST_SECONDS")
    ),
    (
        ["BEHIND_PROXY=1", "NUM_PROXIES=1", "LOCK_TIMEOUT_SECONDS=14", "TRANSACTION_ATTEMPTS=7"],
        "BEHIND_PROXY is '1', QUEUE_SECONDS is 5.0 (its default), GROUP_COMMIT_WAIT_SECONDS is 5.0"
        " (its default), LOCK_TIMEOUT_SECONDS is '14', TRANSACTION_ATTEMPTS is '7' and"
        f" FAILOVER_SECONDS is 12.0 (its default); {THE_PROXY}",
    ),
    (
        ["BEHIND_PROXY=on"],
        "BEHIND_PROXY is 'on' and NUM_PROXIES is 0 (its default); NUM_PROXIES must be how many"
        " proxies write X-Forwarded-For, or all clients would have the proxy's address.",
    ),
    (
        ["DATABASE_CA=manage.py"],
        "DATABASE_CA is 'manage.py' and DATABASE_URL is not set;"
        " only the way to MySQL can be encrypted.",
    ),
    (
        ["DATABASE_REPLICA_URL=sqlite:////srv/shop.sqlite3", MYSQL],
        "DATABASE_REPLICA_URL is 'sqlite:////srv/shop.sqlite3' and DATABASE_URL is"
        " 'mysql://shop:…@db/shop';"
        " a secondary has the rows of the primary, and so is of its kind.",
    ),
    (
        ["TEST_SQLITE=/srv/shop.sqlite3", "DATABASE_URL=sqlite:////srv/shop.sqlite3"],
        "TEST_SQLITE is '/srv/shop.sqlite3' and DATABASE_URL is 'sqlite:////srv/shop.sqlite3';"
        " tests must not have the shop's own database.",
    ),
    (
        ["STATIC_ROOT=/srv", "DATABASE_URL=sqlite:////srv/shop.sqlite3"],
        "STATIC_ROOT is '/srv' and DATABASE_URL is 'sqlite:////srv/shop.sqlite3';"
        " the database must not be among the files that everybody is served.",
    ),
    (
        ["STATIC_ROOT=/srv", "DATABASE_REPLICA_URL=sqlite:////srv/shop.sqlite3"],
        "STATIC_ROOT is '/srv' and DATABASE_REPLICA_URL is 'sqlite:////srv/shop.sqlite3';"
        " the database must not be among the files that everybody is served.",
    ),
    *(
        (
            [f"DATABASE_URL=sqlite:///{file}"],
            f"DATABASE_URL is 'sqlite:///{file}'; the file, db.sqlite3 beside manage.py where none"
            " is named, is no database of SQLite's.",
        )
        for file in (ROOT / "manage.py", ROOT)
    ),
    (
        [f"DATABASE_REPLICA_URL=sqlite:///{ROOT}/manage.py"],
        f"DATABASE_REPLICA_URL is 'sqlite:///{ROOT}/manage.py';"
        " the file is no database of SQLite's.",
    ),
]
AT_THE_BOUND = [
    ["CHARGE_MAX=2000", "BALANCE_MAX=2000"],
    ["ACCESS_TOKEN_MINUTES=2880", "REFRESH_TOKEN_DAYS=2"],
    ["REFRESH_TOKEN_DAYS=7", "SESSION_DAYS=7"],
    ["ADMIN_IDLE_HOURS=24", "ADMIN_SESSION_DAYS=1"],
    ["MAX_BODY_BYTES=2000000", "MAX_IMPORT_BYTES=2000000"],
    ["REQUEST_TIMEOUT_SECONDS=20", "IMPORT_TIMEOUT_SECONDS=20"],
    ["LOCK_TIMEOUT_SECONDS=9", "COSTLY_READ_SECONDS=9.9", "ADMIN_LIST_SECONDS=9.9", MYSQL],
    ["LOCK_TIMEOUT_SECONDS=30", "ADMIN_LIST_SECONDS=60", "DATABASE_TIMEOUT_SECONDS=0", MYSQL],
    ["LOCK_TIMEOUT_SECONDS=30"],  # SQLite's statements have no such end
    ["BEHIND_PROXY=1", "NUM_PROXIES=1", "LOCK_TIMEOUT_SECONDS=97", "TRANSACTION_ATTEMPTS=1"],
    ["LOCK_TIMEOUT_SECONDS=200"],  # nobody in front gives up
    ["NUM_PROXIES=1"],  # a warning of check --deploy's
    ["DATABASE_CA=manage.py", MYSQL],
    ["TEST_SQLITE=/srv/test.sqlite3", "DATABASE_URL=sqlite:////srv/shop.sqlite3"],
    ["STATIC_ROOT=/srv/static", "DATABASE_URL=sqlite:////srv/static.sqlite3"],
    [f"STATIC_ROOT={ROOT}/staticfiles"],
    [f"STATIC_ROOT={ROOT}/ecommerce/static", MYSQL],
    [f"{MYSQL}?ssl_mode=REQUIRED"],
    # The recipes of docs/operations.md and docs/cluster.md, beside those of CI and Compose.
    ["HTTPS=1", "BEHIND_PROXY=1", "NUM_PROXIES=1", "ALLOWED_HOSTS=shop.example"],
    ["NUM_PROXIES=2", "BEHIND_PROXY=1", "SERVERS=2", MYSQL],
    ["SERVERS=3", "DATABASE_CA=manage.py", MYSQL, "BEHIND_PROXY=1", "NUM_PROXIES=1"],
    ["HSTS_SECONDS=300"],
    ["WORKERS= 05 ", "DEBUG=True", "PIN_WORKERS=No", "ALLOWED_HOSTS= a.example , b.example,"],
    *([f"DATABASE_URL=mysql://{rest}/shop"] for rest in ("s:a%25 b@[::1]:3307", "s:a@b#c%@db")),
]


def test_a_wrong_setting_stops_the_start_with_one_sentence():
    setting, complaint = WRONG[0]
    name, _, value = setting.partition("=")

    process = run("manage.py", "check", **{name: value})

    assert (process.returncode, process.stderr) == (1, complaint + "\n")


def test_a_sink_that_is_none_stops_the_start_and_so_not_only_the_relay():
    process = run("manage.py", "check", EVENT_SINK="no.such.Class")

    told = "EVENT_SINK is 'no.such.Class'; it can't be imported: No module named 'no'.\n"
    assert (process.returncode, process.stderr) == (1, told)


def told_of(*environments):
    """What a start says with each of these settings; nothing where it starts."""
    code = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
from ecommerce import settings
told = []
before = dict(os.environ)
for variables in json.loads(sys.argv[1]):
    os.environ |= dict(one.split("=", 1) for one in variables)
    try:
        importlib.reload(settings)
        told.append("")
    except ImproperlyConfigured as error:
        told.append(str(error))
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
print(json.dumps(told))
"""
    process = run("-c", code, json.dumps(environments))
    return json.loads(process.stdout or "null") or process.stderr


def test_each_wrong_setting_is_told_with_what_it_may_be():
    told = told_of(*([setting] for setting, _ in WRONG))

    assert told == [complaint for _, complaint in WRONG]


def test_settings_that_contradict_each_other_are_told_with_what_each_says():
    told = told_of(*(settings for settings, _ in CONTRADICTIONS))

    assert told == [complaint for _, complaint in CONTRADICTIONS]
    assert {text.split("; ", 1)[1] for text in told} == {f"{rule.words}." for rule in RULES}


def test_what_does_not_quite_contradict_starts_and_so_does_every_recipe():
    assert told_of(*AT_THE_BOUND) == [""] * len(AT_THE_BOUND)


def test_the_proxy_waits_as_long_as_is_counted_on():
    text = (ROOT / "deploy" / "proxy" / "haproxy.cfg").read_text()

    assert f"timeout server {PROXY_SECONDS}s\n" in text


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            {"ADMIN_ALLOWED": "10.0.0.0/8,intranet"},
            "ADMIN_ALLOWED is 'intranet'; it must be an address or a network: 10.0.0.0/8.\n",
        ),
        (
            {"CONNECTIONS_PER_ADDRESS": "many"},
            "CONNECTIONS_PER_ADDRESS is 'many'; it must be a whole number from 1 up.\n",
        ),
        *(
            ({name: text}, f"{name} is '{text}'; it must be an address or a network: 10.0.0.0/8.\n")
            for name in ("ADMIN_ALLOWED", "METRICS_ALLOWED")
            for text in ("bad", "/", ",", " ", "*")
        ),
        (
            {"CONNECTIONS_PER_ADDRESS": "9" * 20},
            f"CONNECTIONS_PER_ADDRESS is '{'9' * 20}'; it must be a whole number from 1 to"
            " 999999999.\n",
        ),
        *(
            (
                {"TLS_CERTIFICATE": "shop.pem", "CERTIFICATE_FILE": file},
                "TLS_CERTIFICATE is 'shop.pem'; it must be a PEM file with a certificate and its"
                " key, readable by the image's user.\n",
            )
            for file in ("/nothing", "/usr")
        ),
        ({"ADMIN_ALLOWED": "10.0.0.0/8, 2001:db8::/32"}, ""),
        ({"TLS_CERTIFICATE": "shop.pem", "CERTIFICATE_FILE": "/bin/true"}, ""),
        ({}, ""),
    ],
)
def test_the_proxy_tells_what_it_reads_itself(tmp_path, setting, told):
    (tmp_path / "haproxy").symlink_to("/bin/true")
    defaults = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CONNECTIONS_PER_ADDRESS": "200"}

    process = subprocess.run(  # noqa: S603
        [ROOT / "deploy" / "proxy" / "start"],
        env=defaults | setting,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (process.returncode, process.stderr) == (int(told != ""), told)


# --- .env ---------------------------------------------------------------------------------------


NO_LINE = "Line 2 of .env is not NAME=value, which has no space before the value."


@pytest.fixture
def dot_env(tmp_path):
    """What a start says with such a `.env`, in a checkout of its own."""
    for name in ("__init__", "environment", "logs", "settings"):
        copy = tmp_path / "ecommerce" / f"{name}.py"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "ecommerce" / f"{name}.py", copy)
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "deploy" / "cluster").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "cluster" / "compose.yml", tmp_path / "deploy" / "cluster")
    code = """
from django.core.exceptions import ImproperlyConfigured
try:
    from ecommerce import settings
    print(settings.WORKERS)
except ImproperlyConfigured as error:
    print(error)
"""

    def start(text):
        if isinstance(text, bytes):
            (tmp_path / ".env").write_bytes(text)
        elif text is None:
            (tmp_path / ".env").mkdir()
        else:
            (tmp_path / ".env").write_text(text)
        process = run("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path), READ_DOT_ENV=None)
        return process.stdout + process.stderr

    return start


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "THROTLE_ANON=9/s",
            ".env sets THROTLE_ANON, which is no setting. Is THROTTLE_ANON meant?",
        ),
        ("POST=80", ".env sets POST, which is no setting."),
        ("PORT=0", "PORT is '0'; it must be a whole number from 1 up."),
        ("RELAY=maybe", f"RELAY is 'maybe'; {TRUTH}"),
        ("WORKERS = 4", NO_LINE),
        (" WORKERS=4", NO_LINE),
        ("s3cret", NO_LINE),
    ],
)
def test_a_name_that_is_none_in_dot_env_stops_the_start(dot_env, line, told):
    assert dot_env(f"WORKERS=3\n{line}\n") == f"{told}\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# 상점\nWORKERS=3\n".encode("cp949"), ".env is not in UTF-8."),
        ("WORKERS=3\n".encode("utf-16"), ".env is not in UTF-8."),
        ("WORKERS=3\n".encode("utf-8-sig"), "3"),
        (b"SECRET_KEY_FALLBACKS=\r\nexport WORKERS=3\r\n", "3"),
        (b"WORKERS=3 \t", "3"),
        (b"WORKERS='3' ", "3"),
        (b'WORKERS="3" # "three"', "3"),
        (b"WORKERS=3 # three", "3"),
        (b"WORKERS=3#three", "WORKERS is '3#three'; it must be a whole number from 1 up."),
        (b'WORKERS="3', "WORKERS is '\"3'; it must be a whole number from 1 up."),
        (b"\nWORKERS=\0", NO_LINE),
        (None, ".env can't be read (Is a directory); READ_DOT_ENV=0 does without it."),
    ],
)
def test_a_dot_env_of_another_kind_is_read_or_told_in_a_sentence(dot_env, content, told):
    assert dot_env(content) == f"{told}\n"


def test_a_folder_with_keys_in_it_is_served_to_nobody(tmp_path):
    (tmp_path / ".env").write_text("KEY=s3cret")

    (told,) = told_of([f"STATIC_ROOT={tmp_path}"])

    assert told == f"STATIC_ROOT is '{tmp_path}'; {STATIC}"


def test_every_documented_name_may_be_in_dot_env(dot_env):
    text = (ROOT / "docs" / "operations.md").read_text()
    tables = [part for part in text.split("\n\n") if part.startswith("| variable |")]
    firsts = re.findall(r"^\| (`.*?) \|", "\n".join(tables), re.MULTILINE)
    names = re.findall(r"`([A-Z_]+)`", "".join(firsts))
    fresh = run("scripts/new_env.py")
    lines = [f"{name}=" for name in names if name != "WORKERS"]

    told = dot_env("\n".join([fresh.stdout, *lines, "export WORKERS=3", "COMPOSE_PROJECT_NAME=x"]))

    assert len(lines) > 80
    assert told == "3\n"


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"SECRET_KEY": "k" * 31}, "SECRET_KEY"),
        ({"SECRET_KEY": "ㅋ" * 31}, "SECRET_KEY"),
        ({"SECRET_KEY_FALLBACKS": "k" * 31}, "SECRET_KEY_FALLBACKS"),
        ({"SECRET_KEY_FALLBACKS": f"{'k' * 32},short"}, "SECRET_KEY_FALLBACKS"),
    ],
)
def test_with_a_key_that_can_be_guessed_it_refuses_to_start(environment, name):
    process = run("manage.py", "check", **environment)

    assert process.returncode == 1
    last = process.stderr.strip().splitlines()[-1]
    assert f"{name} has a key shorter than 32 characters" in last


def test_a_key_of_32_characters_is_enough_and_earlier_ones_are_kept():
    names = ["SECRET_KEY", "SECRET_KEY_FALLBACKS"]
    keys = {"SECRET_KEY": "k" * 32, "SECRET_KEY_FALLBACKS": f"{'a' * 32},{'b' * 40}"}
    assert settings_with(*names, **keys) == ["k" * 32, ["a" * 32, "b" * 40]]
    assert settings_with(*names)[1] == []


def test_everything_else_has_a_safe_default():
    names = ["DEBUG", "ALLOWED_HOSTS", "CHARGE_MAX", "BALANCE_MAX", "TRANSACTION_ATTEMPTS"]
    names += [
        "LOCK_TIMEOUT_SECONDS",
        "WORKERS",
        "THREADS",
        "STAFF_THREADS",
        "SECURE_SSL_REDIRECT",
        "TIME_ZONE",
    ]

    assert settings_with(*names) == [
        False,
        ["127.0.0.1", "localhost", "[::1]"],
        10_000_000,
        1_000_000_000,
        3,
        3,
        2,
        8,
        4,
        False,
        "Asia/Seoul",
    ]


def test_what_is_set_is_used():
    names = ["DEBUG", "CHARGE_MAX", "BALANCE_MAX", "DATA_UPLOAD_MAX_MEMORY_SIZE", "WORKERS"]
    environment = {
        "DEBUG": "true",
        "CHARGE_MAX": "5",
        "BALANCE_MAX": "6",
        "MAX_BODY_BYTES": "7",
        "WORKERS": "8",
    }

    assert settings_with(*names, **environment) == [True, 5, 6, 7, 8]


def test_other_hosts_are_added_to_the_machine_itself():
    (hosts,) = settings_with("ALLOWED_HOSTS", ALLOWED_HOSTS="shop.example,www.shop.example")

    assert hosts == ["shop.example", "www.shop.example", "127.0.0.1", "localhost", "[::1]"]


@pytest.mark.parametrize("interface", ["rsgi", "wsgi"])
def test_a_server_can_load_the_application(interface):
    process = run("-c", f"from ecommerce.{interface} import application")

    assert (process.returncode, process.stderr) == (0, "")


# --- The database -------------------------------------------------------------------------------


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


# --- Safety -------------------------------------------------------------------------------------


def test_with_https_behind_a_proxy_the_deployment_check_is_clean(tmp_path):
    process = run(
        *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        HTTPS="1",
        BEHIND_PROXY="1",
        NUM_PROXIES="1",
        ALLOWED_HOSTS="shop.example",
        DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3",
    )

    assert process.returncode == 0, process.stderr
    assert "no issues" in process.stdout + process.stderr


def test_with_https_pages_are_sent_there_the_api_refuses_and_probes_are_answered():
    code = """
import django
django.setup()
from django.test import Client
client = Client(SERVER_NAME="localhost")
paths = ["/", "/admin/login/", "/api/docs/", "/static/x.js", "/health/live"]
paths += ["/api/v1/nothing/", "/api/v1/products/", "/api/v1/orders/", "/api/schema/", "/api/"]
for path in paths:
    answer = client.get(path)
    print(answer.status_code, answer.get("Location") or answer.content.decode()[:72])
answer = client.post("/api/v1/auth/token/", {"username": "x", "password": "y"})
print(answer.status_code, answer.get("Location"), answer.json()["errors"][0]["code"])
print(client.get("/api/v1/nothing/", secure=True).status_code)
print(client.get("/metrics", headers={"Authorization": "Bearer only-for-tests-0123"}).status_code)
"""
    process = run(
        *("-c", code),
        HTTPS="1",
        METRICS_TOKEN="only-for-tests-0123",
        DJANGO_SETTINGS_MODULE="ecommerce.settings",
        LOG_LEVEL="ERROR",
    )

    refused = '403 {"type": "client_error", "errors": [{"code": "https_required", "detail":'
    assert process.stdout.splitlines() == [
        "301 https://localhost/",
        "301 https://localhost/admin/login/",
        "301 https://localhost/api/docs/",
        "301 https://localhost/static/x.js",
        '200 {"status": "ok"}',
        *[refused] * 5,
        "403 None https_required",
        "404",
        "200",
    ], process.stderr


SIGN_UP_THRICE = """
import django
django.setup()
from django.test import Client
client = Client(SERVER_NAME="localhost")
for _ in range(3):
    answer = client.post("/api/v1/auth/signup/", {}, content_type="application/json")
    print(answer.status_code, [error["code"] for error in answer.json()["errors"]][0])
print(answer.get("Retry-After"))
"""


@pytest.mark.parametrize(
    ("environment", "third", "retry"),
    [({}, "400 required", False), ({"THROTTLE_ANON": "2/hour"}, "429 throttled", True)],
)
def test_there_are_no_throttles_unless_they_are_set(environment, third, retry):
    process = run(
        "-c",
        SIGN_UP_THRICE,
        DJANGO_SETTINGS_MODULE="ecommerce.settings",
        LOG_LEVEL="ERROR",
        **environment,
    )

    *answers, seconds = process.stdout.splitlines()
    assert answers == ["400 required", "400 required", third], process.stderr
    assert seconds.isdigit() == retry


# --- What is printed ----------------------------------------------------------------------------


def test_the_log_goes_to_standard_output_as_one_json_line_per_request():
    code = """
import django
django.setup()
from django.test import Client
Client(SERVER_NAME="localhost").get("/health/live", headers={"X-Request-ID": "abc"})
Client(SERVER_NAME="localhost").get("/nothing")
"""
    process = run("-c", code, DJANGO_SETTINGS_MODULE="ecommerce.settings")

    lines = [json.loads(line) for line in process.stdout.splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/health/live", 200),
        ("/nothing", 404),
    ]
    assert lines[0]["request_id"] == "abc"
    assert process.stderr == ""


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
