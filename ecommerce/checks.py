"""System checks of the shop; `migrate` runs those that need the database before every start.

Those of a deployment are `manage.py check --deploy`'s alone, which asks the database, too.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from common.db.secondary import has_secondary
from ecommerce.health import PROBE_THREADS
from users.hashing import FINISHERS
from users.models import User

LOCAL_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
NAME_OF_OTHERS = re.compile(r"\*|.*[.:].*")
"""A host that others than this machine's and its containers' network may know, or any."""
IN_ONE_PROCESS = {
    "django.core.cache.backends.locmem.LocMemCache",
    "django.core.cache.backends.dummy.DummyCache",
}
"""Caches that other processes see nothing of."""


def connections_per_worker() -> int:
    """How many threads of a process ask the database, each by a connection of its own."""
    pools = (
        *(settings.THREADS, settings.SEARCH_THREADS, settings.WRITE_THREADS),
        settings.ACCOUNT_THREADS,
        *(settings.STAFF_THREADS, settings.COMMITTERS, FINISHERS, PROBE_THREADS),
        int(has_secondary()),  # its heart beats on the primary
    )
    return sum(pools)


@register(Tags.security, deploy=True)
def check_proxies(**kwargs: Any) -> list[CheckMessage]:
    """Warn of a proxy that is believed by halves, and of HTTPS that can't be seen."""
    messages: list[CheckMessage] = []
    if settings.NUM_PROXIES and not settings.BEHIND_PROXY:
        messages.append(
            CheckWarning(
                f"NUM_PROXIES is {settings.NUM_PROXIES} and BEHIND_PROXY is off: without a proxy"
                " in front, every client chooses the address that it is counted by.",
                hint="Set BEHIND_PROXY=1 where a proxy sets both headers, else NUM_PROXIES=0.",
                id="ecommerce.W002",
            )
        )
    if settings.SECURE_SSL_REDIRECT and not settings.BEHIND_PROXY:
        messages.append(
            CheckWarning(
                "HTTPS is on and BEHIND_PROXY is off: the server itself speaks plain HTTP, and"
                " would redirect or refuse every request.",
                hint="Put a proxy in front that speaks TLS, and set BEHIND_PROXY and NUM_PROXIES.",
                id="ecommerce.W003",
            )
        )
    return messages


@register(Tags.security, deploy=True)
def check_hosts(**kwargs: Any) -> list[CheckMessage]:
    """Warn when only this machine, or one container another, may call the shop by its name."""
    if any(map(NAME_OF_OTHERS.fullmatch, set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)):
        return []
    return [
        CheckWarning(
            "ALLOWED_HOSTS names no host that others know: whoever asks from elsewhere gets 400.",
            hint="Set ALLOWED_HOSTS to the shop's names, e.g. shop.example.",
            id="ecommerce.W004",
        )
    ]


@register(Tags.security, deploy=True)
def check_throttles(**kwargs: Any) -> list[CheckMessage]:
    """Warn when a throttle lets through as many times what it says as there are processes."""
    rates: dict[str, str] = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]  # type: ignore[assignment]
    cache = settings.CACHES["default"]["BACKEND"]
    processes = settings.SERVERS * settings.WORKERS
    if not rates or processes == 1 or cache not in IN_ONE_PROCESS:
        return []
    told = ", ".join(sorted(rates.values()))
    return [
        CheckWarning(
            f"Throttles ({told}) are counted in each of {processes} processes by itself: a client"
            f" may come {processes} times as often.",
            hint="Divide the rates by the number of processes, or throttle in the proxy.",
            id="ecommerce.W005",
        )
    ]


@register(Tags.database, deploy=True)
def check_demo_accounts(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse accounts whose passwords everybody can read."""
    from ecommerce.seeding import demo  # noqa: PLC0415  no server needs it

    passwords = dict.fromkeys(demo.DEMO_USERNAMES, demo.DEMO_PASSWORD)
    passwords[demo.ADMIN_USERNAME] = demo.ADMIN_PASSWORD
    messages: list[CheckMessage] = []
    for alias in databases or []:
        if User._meta.db_table not in connections[alias].introspection.table_names():
            continue
        accounts = User.objects.using(alias).filter(is_active=True, username__in=passwords)
        open_to_all = [
            name
            for name, encoded in accounts.order_by("username").values_list("username", "password")
            if check_password(passwords[name], encoded)
        ]
        if open_to_all:
            messages.append(
                Error(
                    f"Everybody knows the passwords of {', '.join(open_to_all)}.",
                    hint="Give them other passwords, or deactivate them; SEED_DEMO=0 makes none.",
                    id="ecommerce.E002",
                )
            )
    return messages


def _asked(databases: Sequence[str] | None, sql: str) -> Iterator[tuple[str, Any]]:
    """What each of these databases answers that is MySQL or MariaDB, by alias."""
    for alias in databases or []:
        if connections[alias].vendor == "mysql":
            with connections[alias].cursor() as cursor:
                cursor.execute(sql)
                yield alias, cursor.fetchone()[0]


@register(Tags.database)
def check_character_set(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a database whose new tables could not hold every character."""
    messages: list[CheckMessage] = []
    for alias, found in _asked(databases, "SELECT @@character_set_database"):
        if found != "utf8mb4":
            name = connections[alias].settings_dict["NAME"]
            messages.append(
                Error(
                    f"The database {name} has the character set {found}, not utf8mb4.",
                    hint=(
                        f"ALTER DATABASE {name} CHARACTER SET utf8mb4; and for each table that is"
                        " there: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4."
                    ),
                    id="ecommerce.E003",
                )
            )
    return messages


@register(Tags.database)
def check_version(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of a database that a newer version has migrated; what it needs, nobody here knows."""
    messages: list[CheckMessage] = []
    for alias in databases or []:
        loader = MigrationLoader(connections[alias])
        known = loader.disk_migrations.keys() | {
            replaced for one in loader.disk_migrations.values() for replaced in one.replaces
        }
        newer = sorted(
            ".".join(key)
            for key in loader.applied_migrations.keys() - known
            if key[0] in loader.migrated_apps
        )
        if newer:
            messages.append(
                CheckWarning(
                    f"The database {connections[alias].settings_dict['NAME']} was migrated by a"
                    f" newer version: {', '.join(newer)}.",
                    hint="Start that version, or see whether this one may work on its tables.",
                    id="ecommerce.W006",
                )
            )
    return messages


@register(Tags.database)
def check_connection_budget(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when the server's threads may want more connections than MySQL or MariaDB grants.

    Each thread keeps one connection. A few more are left for operators.
    """
    messages: list[CheckMessage] = []
    for _alias, granted in _asked(databases, "SELECT @@max_connections"):
        each = connections_per_worker()
        processes = settings.SERVERS * settings.WORKERS
        wanted = processes * each
        if wanted > granted - 10:
            messages.append(
                CheckWarning(
                    f"{processes} processes with {each} threads each may open {wanted}"
                    f" connections; the database grants {granted}.",
                    hint=(
                        "Lower WORKERS or one of the numbers of threads (docs/operations.md),"
                        " or raise max_connections on the server."
                    ),
                    id="ecommerce.W001",
                )
            )
    return messages
