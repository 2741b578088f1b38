"""`manage.py check --deploy` knows the shop's own mistakes."""

import pytest
from django.contrib.auth.hashers import make_password
from django.core.checks import ERROR, WARNING, Tags, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from ecommerce.seeding import demo

LOCAL = ["127.0.0.1", "localhost", "[::1]"]
CLEAN = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["shop.example", *LOCAL],
    "BEHIND_PROXY": True,
    "NUM_PROXIES": 1,
    "WORKERS": 2,
    "SERVERS": 1,
    "SECRET_KEY": "k3y-for-tests-only-0123456789-0123456789-0123456789",
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 300,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
}


@pytest.fixture
def found(settings):
    """What is found with these settings, in a deployment or not, by its ids."""

    def check(*, deploy=True, rates=None, **changes):
        for name, value in (CLEAN | changes).items():
            setattr(settings, name, value)
        settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": rates or {}}
        messages = run_checks(tags=[Tags.security], include_deployment_checks=deploy)
        return [message.id for message in messages]

    return check


def test_a_good_deployment_is_clean(found):
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"BEHIND_PROXY": False}, ["ecommerce.W002", "ecommerce.W003"]),
        ({"BEHIND_PROXY": False, "NUM_PROXIES": 0}, ["ecommerce.W003"]),
        (
            {"BEHIND_PROXY": False, "SECURE_SSL_REDIRECT": False},
            ["ecommerce.W002", "security.W008"],
        ),
        ({"ALLOWED_HOSTS": LOCAL}, ["ecommerce.W004"]),
        ({"ALLOWED_HOSTS": ["app1", "app2", *LOCAL]}, ["ecommerce.W004"]),
        ({"ALLOWED_HOSTS": [".shop.example", "app1", *LOCAL]}, []),
        ({"ALLOWED_HOSTS": ["192.0.2.7", *LOCAL]}, []),
        ({"ALLOWED_HOSTS": ["[2001:db8::7]", *LOCAL]}, []),
        ({"ALLOWED_HOSTS": ["*", *LOCAL]}, []),
        ({"rates": {"anon": "60/min"}}, ["ecommerce.W005"]),
        ({"rates": {"anon": "60/min"}, "WORKERS": 1}, []),
        ({"rates": {"anon": "60/min"}, "WORKERS": 1, "SERVERS": 2}, ["ecommerce.W005"]),
        ({"SECRET_KEY": "k3y-for-tests-only-0123456789-0123"}, ["security.W009"]),
        ({"SECRET_KEY": "k" * 60}, ["security.W009"]),
        ({"SECRET_KEY_FALLBACKS": ["k3y-for-tests-only-0123456789-0123"]}, ["security.W025"]),
    ],
)
def test_a_mistake_is_found_and_only_in_a_deployment(found, changes, ids):
    assert sorted(found(**changes)) == ids
    assert found(deploy=False, **changes) == []


def test_a_cache_that_processes_share_counts_for_all(found, settings):
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1"}}

    assert found(rates={"user": "600/min"}) == []


def test_the_throttle_says_what_it_comes_to(settings):
    settings.WORKERS, settings.SERVERS = 2, 2
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {
        "DEFAULT_THROTTLE_RATES": {"user": "600/min", "anon": "60/min"}
    }

    messages = run_checks(tags=[Tags.security], include_deployment_checks=True)

    (said,) = [message.msg for message in messages if message.id == "ecommerce.W005"]
    assert said.startswith("Throttles (60/min, 600/min) are counted in each of 4 processes")
    assert "4 times as often" in said


# --- The database ---------------------------------------------------------------------------------


@pytest.fixture
def demo_account(make_member):
    return make_member(username="demo2", password=demo.DEMO_PASSWORD)


def in_the_database(**options):
    return run_checks(
        tags=[Tags.database], databases=["default"], include_deployment_checks=True, **options
    )


@pytest.mark.django_db
def test_demo_accounts_are_refused_in_a_deployment(make_member, demo_account):
    make_member(username="admin", password=demo.ADMIN_PASSWORD, is_staff=True)

    (found,) = [one for one in in_the_database() if one.id == "ecommerce.E002"]

    assert found.level == ERROR
    assert found.msg == "Everybody knows the passwords of admin, demo2."
    assert run_checks(tags=[Tags.database], databases=["default"]) == [
        one for one in in_the_database() if one.id != "ecommerce.E002"
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changes", [{"is_active": False}, {"password": make_password("another-pass-2026")}]
)
def test_an_account_of_that_name_is_well_when_nobody_gets_in(demo_account, changes):
    for name, value in changes.items():
        setattr(demo_account, name, value)
    demo_account.save()

    assert "ecommerce.E002" not in [one.id for one in in_the_database()]


@pytest.mark.django_db
@pytest.mark.parametrize("character_set", ["utf8mb4", "latin1"])
def test_a_database_that_can_not_hold_every_character_is_refused(character_set):
    connection = connections["default"]
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:  # as MariaDB makes one that nobody told better
            cursor.execute(f"SET SESSION character_set_database = {character_set}")
    wanted = [f"has the character set {character_set}, not utf8mb4."]
    if connection.vendor == "sqlite" or character_set == "utf8mb4":
        wanted = []

    found = run_checks(tags=[Tags.database], databases=["default"])

    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION character_set_database = utf8mb4")
    told = [one.msg for one in found if one.id == "ecommerce.E003"]
    assert [text.split(" ", 3)[3] for text in told] == wanted


@pytest.mark.django_db
def test_a_database_of_a_newer_version_is_warned_of():
    def told():
        found = run_checks(tags=[Tags.database], databases=["default"])
        return [one.msg for one in found if one.id == "ecommerce.W006"]

    assert told() == []
    recorder = MigrationRecorder(connections["default"])
    recorder.record_applied("users", "9999_later")
    recorder.record_applied("gone", "0001_initial")  # of an app that was here once

    (text,) = told()

    assert text.endswith(" was migrated by a newer version: users.9999_later.")


@pytest.mark.django_db
def test_the_command_asks_the_database_of_a_deployment_unasked(demo_account):
    with pytest.raises(SystemCheckError, match="Everybody knows the passwords of demo2"):
        call_command("check", deploy=True)

    call_command("check")


@pytest.mark.django_db
def test_a_database_that_is_not_migrated_yet_has_no_accounts(monkeypatch):
    monkeypatch.setattr(connections["default"].introspection, "table_names", lambda *_: [])

    assert [one for one in in_the_database() if one.level > WARNING] == []
