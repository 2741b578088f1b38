"""`manage.py seed`: the demo shop, or rows by the thousand."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from common.errors import DomainError
from ecommerce.seeding import bulk, demo
from users.models import User

DEFAULT_RANDOM_SEED = 2026


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


class Command(BaseCommand):
    help = (
        "Without sizes, fill an empty database with the demo shop. With sizes, add that much beside"
        " what is there, dated back, as often as you like; --orders without --members or"
        " --products takes the members and products that are there, leaving their balances and"
        " stock no lower than they were."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name in ("members", "products", "coupons", "orders"):
            parser.add_argument(
                f"--{name}", type=_size, metavar="N", help=f"how many {name} to add"
            )
        parser.add_argument(
            "--random-seed",
            type=int,
            default=DEFAULT_RANDOM_SEED,
            metavar="N",
            help="the same seed makes the same rows on databases of the same history",
        )
        parser.add_argument(
            "--if-empty",
            action="store_true",
            help="make the demo shop, or do nothing if the database is not empty",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = {
            name: options[name]
            for name in ("members", "products", "coupons", "orders")
            if options[name] is not None
        }
        if sizes and options["if_empty"]:
            raise CommandError("--if-empty is about the demo shop: it goes without sizes.")
        connection.ensure_connection()
        try:
            if sizes:
                self._add(bulk.Sizes(**sizes), options["random_seed"])
            else:
                self._demo(options["random_seed"], if_empty=options["if_empty"])
        except DomainError as error:
            raise CommandError(
                f"Broken off ({error.items[0].code}): what was added before is whole;"
                " run it again for the rest."
            ) from error
        except IntegrityError as error:
            raise CommandError(
                f"Something else has written the same names meanwhile; try again. ({error})"
            ) from error

    def _demo(self, random_seed: int, *, if_empty: bool) -> None:
        try:
            with _progress() as progress:
                progress.add_task("demo shop", total=None)
                demo.seed_demo(random_seed)
        except demo.NotEmpty as error:
            if not if_empty:
                raise CommandError(
                    "The database is not empty: the demo shop needs one without members, products,"
                    " categories, coupons and orders. Sizes (see --help) add beside what is there."
                ) from error
            self.stdout.write("The database is not empty: left as it is.")
        if User.objects.filter(username=demo.DEMO_USERNAMES[0]).exists():
            self.stdout.write(
                f"Demo members: {', '.join(demo.DEMO_USERNAMES)}, password {demo.DEMO_PASSWORD}\n"
                f"Demo staff:   {demo.ADMIN_USERNAME}, password {demo.ADMIN_PASSWORD}"
            )

    def _add(self, sizes: bulk.Sizes, random_seed: int) -> None:
        started = monotonic()
        run = bulk.start_run(random_seed)
        try:
            steps = bulk.add_to_shop(run, sizes)
        except bulk.NothingToOrder as error:
            raise CommandError(str(error)) from error
        with _progress() as progress:
            for name, size, doing in steps:
                task = progress.add_task(name, total=size, visible=size > 0)
                for committed in doing:
                    progress.advance(task, committed)
        seconds = monotonic() - started
        self.stdout.write(
            f"Added {sizes.members:,} members, {sizes.products:,} products,"
            f" {sizes.coupons:,} coupons and {sizes.orders:,} orders of {run.lines:,} lines"
            f" in {seconds:.1f} s."
        )
        if sizes.members:
            self.stdout.write(f"The new members' password: {run.password}")


def _progress() -> Progress:
    """A bar for people who watch; nothing in a log."""
    return Progress(
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
