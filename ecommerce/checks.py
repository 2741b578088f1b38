"""System checks of the shop; `migrate` runs those that need the database before every start."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections

from ecommerce.health import PROBE_THREADS
from users.hashing import FINISHERS


def connections_per_worker() -> int:
    """How many threads of a process ask the database, each by a connection of its own."""
    pools = (
        *(settings.THREADS, settings.SEARCH_THREADS, settings.WRITE_THREADS),
        settings.ACCOUNT_THREADS,
        *(settings.STAFF_THREADS, settings.COMMITTERS, FINISHERS, PROBE_THREADS),
    )
    return sum(pools)


@register(Tags.security)
def check_client_addresses(**kwargs: Any) -> list[CheckMessage]:
    """Refuse to take a proxy's own address for every client's.

    Whoever gives a wrong password five times would lock the name for everybody behind the proxy.
    """
    if not settings.BEHIND_PROXY or settings.NUM_PROXIES:
        return []
    return [
        Error(
            "BEHIND_PROXY is set and NUM_PROXIES is 0: all clients would have the proxy's address.",
            hint="Set NUM_PROXIES to how many proxies write X-Forwarded-For in front of the shop.",
            id="ecommerce.E001",
        )
    ]


@register(Tags.database)
def check_connection_budget(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn when the server's threads may want more connections than MySQL or MariaDB grants.

    Each thread keeps one connection. A few more are left for operators.
    """
    messages: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@max_connections")
            (granted,) = cursor.fetchone()
        each = connections_per_worker()
        wanted = settings.WORKERS * each
        if wanted > granted - 10:
            messages.append(
                CheckWarning(
                    f"{settings.WORKERS} workers with {each} threads each may open {wanted}"
                    f" connections; the database grants {granted}.",
                    hint=(
                        "Lower WORKERS or one of the numbers of threads (docs/operations.md),"
                        " or raise max_connections on the server."
                    ),
                    id="ecommerce.W001",
                )
            )
    return messages
