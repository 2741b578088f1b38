"""Django's `migrate`, which ends between two migrations when it is told to end.

MySQL changes its tables outside of transactions: a migration that was cut off in the middle can
neither be gone on with nor be begun anew.
"""

import signal
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.commands import migrate

TOLD_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(migrate.Command):
    is_told_to_end = False

    def handle(self, *args: Any, **options: Any) -> None:
        if threading.current_thread() is not threading.main_thread():  # others get no signals
            super().handle(*args, **options)
            return
        before = {number: signal.signal(number, self._be_told) for number in TOLD_TO_END}
        try:
            super().handle(*args, **options)
            self._end_if_told()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def migration_progress_callback(self, action: str, *args: Any, **options: Any) -> None:
        super().migration_progress_callback(action, *args, **options)
        if action in ("apply_success", "unapply_success"):
            self._end_if_told()

    def _be_told(self, number: int, frame: FrameType | None) -> None:
        if self.is_told_to_end:
            raise KeyboardInterrupt
        self.is_told_to_end = True
        with suppress(OSError):  # the terminal may be gone
            self.stderr.write("Ends after the migration under way; Ctrl-C again cuts it off.")

    def _end_if_told(self) -> None:
        if self.is_told_to_end:
            raise KeyboardInterrupt
