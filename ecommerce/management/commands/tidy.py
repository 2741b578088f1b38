"""`manage.py tidy`: what is old goes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError
from ecommerce.tidying import tidy


class Command(BaseCommand):
    help = (
        "Remove old sessions, expired tokens, wrong passwords, audits and sent forms, in bounded "
        "batches, also while the shop is selling."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for removed in tidy():
                self.stdout.write(f"{removed.count:>9,} {removed.what}")
        except DomainError as error:
            raise CommandError(f"{error.items[0].code}: run it again.") from error
