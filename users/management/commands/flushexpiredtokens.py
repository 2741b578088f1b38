"""Removes sessions whose last refresh token has expired."""

from typing import Any

from django.core.management.base import BaseCommand

from users.services.tokens import remove_dead_sessions


class Command(BaseCommand):
    help = "Removes sessions whose last refresh token has expired, in bounded batches."

    def handle(self, *args: Any, **options: Any) -> None:
        count, more = 0, True
        while more:
            removed = remove_dead_sessions()
            count, more = count + removed.count, removed.more
        self.stdout.write(f"{count} sessions removed.")
