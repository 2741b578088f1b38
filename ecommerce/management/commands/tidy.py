"""`manage.py tidy`: what is old goes."""

from typing import Any

from django.core.management.base import BaseCommand

from ecommerce.tidying import tidy


class Command(BaseCommand):
    help = (
        "Remove old sessions, expired tokens, wrong passwords, audits and sent forms, in bounded "
        "batches, also while the shop is selling."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        for removed in tidy():
            self.stdout.write(f"{removed.count:>9,} {removed.what}")
