"""`manage.py relay`: brings events to those who listen."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from events.models import Endpoint
from events.relay import Relay
from events.sinks import make_sink


class Command(BaseCommand):
    help = (
        "Deliver events to the endpoints that staff set up in the admin, until SIGTERM or Ctrl-C. "
        "Several may run side by side."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        Endpoint.objects.first()  # later it waits for a database that is away, or lacks a table
        connection.close()  # it is asked in a thread of the relay's
        asyncio.run(_deliver())


async def _deliver() -> None:
    relay = Relay(make_sink())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, relay.stop)
    await relay.run()
