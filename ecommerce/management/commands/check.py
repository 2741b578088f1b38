"""Django's `check`, which asks the database, too, when it is about a deployment."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import check
from django.db import OperationalError, connections

DATABASE = "default"


class Command(check.Command):
    def handle(self, *app_labels: Any, **options: Any) -> None:
        if options["deploy"] and not options["databases"]:
            try:
                connections[DATABASE].ensure_connection()
            except OperationalError as error:
                raise CommandError(f"The database can't be asked: {error.args[-1]}") from error
            options["databases"] = [DATABASE]
        super().handle(*app_labels, **options)
