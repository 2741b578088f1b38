"""Django's `check`, which asks the database, too, when it is about a deployment."""

from typing import Any

from django.core.management.commands import check
from django.db import connections

DATABASE = "default"


class Command(check.Command):
    def handle(self, *app_labels: Any, **options: Any) -> None:
        if options["deploy"] and not options["databases"]:
            connections[DATABASE].ensure_connection()
            options["databases"] = [DATABASE]
        super().handle(*app_labels, **options)
