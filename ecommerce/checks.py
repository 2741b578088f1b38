"""System checks that need the database; `migrate` runs them before every start."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections


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
        each = settings.CONNECTIONS_PER_WORKER
        wanted = settings.WORKERS * each
        if wanted > granted - 10:
            messages.append(
                CheckWarning(
                    f"{settings.WORKERS} workers with {each} threads each may open {wanted}"
                    f" connections; the database grants {granted}.",
                    hint=(
                        "Lower WORKERS, THREADS, WRITE_THREADS or STAFF_THREADS,"
                        " or raise max_connections on the server."
                    ),
                    id="ecommerce.W001",
                )
            )
    return messages
