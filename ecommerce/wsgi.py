"""The WSGI application that granian serves."""

import os
import signal
import sys

from django.core.wsgi import get_wsgi_application

from ecommerce.common.chunked_bodies import MeasureChunkedBodies


def _heed_sigterm_while_loading() -> None:
    """Let a SIGTERM end this process as long as it serves nobody.

    granian (2.8) forks its workers with the main process's handler, which only notes the signal,
    and sets theirs when the application is loaded. A worker that was told to stop before that
    (the server is stopped soon after it was started, or after a worker was replaced) would begin
    to serve all the same, and be killed with requests in hand when the time to stop is over.
    """
    inherited = signal.getsignal(signal.SIGTERM)
    main_process = getattr(inherited, "__self__", None)
    if not type(main_process).__module__.startswith("granian."):
        return  # another server's, or nobody's: none of our business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if getattr(main_process, "interrupt_signal", False):  # it came between the fork and here
        sys.exit(0)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
_heed_sigterm_while_loading()
application = MeasureChunkedBodies(get_wsgi_application())
