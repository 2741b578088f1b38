"""Settings that contradict each other, and those that only nearly do."""

from ecommerce.environment import PROXY_SECONDS, RULES
from ecommerce.tests.starts import ROOT, told_of

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


def test_settings_that_contradict_each_other_are_told_with_what_each_says():
    told = told_of(*(settings for settings, _ in CONTRADICTIONS))

    assert told == [complaint for _, complaint in CONTRADICTIONS]
    assert {text.split("; ", 1)[1] for text in told} == {f"{rule.words}." for rule in RULES}


def test_what_does_not_quite_contradict_starts_and_so_does_every_recipe():
    assert told_of(*AT_THE_BOUND) == [""] * len(AT_THE_BOUND)


def test_the_proxy_waits_as_long_as_is_counted_on():
    text = (ROOT / "deploy" / "proxy" / "haproxy.cfg").read_text()

    assert f"timeout server {PROXY_SECONDS}s\n" in text
