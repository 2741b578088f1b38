"""Two questions that a supervisor asks: does the process answer, and can it work?

Behind the front both are answered by its loop, which nobody can keep waiting; the database is asked
by a thread that does nothing else.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from common.http.deferred import page_later, waits_elsewhere

T = TypeVar("T")

PROBE_THREADS = 1
READY_SECONDS = 2.0
"""A database that needs longer to say one is taken for down."""


class Probe:
    """Asks the database, in a thread of its own: once for all who want to know meanwhile."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(PROBE_THREADS, "probe")
        self._lock = Lock()
        self._asked: Future[bool] | None = None

    def ask(self) -> "Future[bool]":
        """Whether the database answers; the future may take as long as the database's timeouts."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = self.submit(database_answers)
            return self._asked

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """What `work` returns, which asks the database and doesn't take long."""

        def with_connection() -> T:
            close_old_connections()  # it may have been cut since it was last used
            return work()

        return self._thread.submit(with_connection)


probe = Probe()


@csrf_exempt
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all; the database is not asked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """200 when requests can be served; 503 with what is down when not."""
    if not waits_elsewhere(request):
        return _readiness(database_answers())
    return page_later(
        probe.ask(), _readiness, failed=lambda error: _readiness(False), within=READY_SECONDS
    )


def database_answers() -> bool:
    """Whether this thread's connection, or a new one, can be used, for writing too.

    A primary that stepped down answers, but is read-only.
    """
    try:
        with connection.cursor() as cursor:
            is_server = connection.vendor == "mysql"
            cursor.execute("SELECT @@global.read_only" if is_server else "SELECT 0")
            (is_read_only,) = cursor.fetchone()
    except DatabaseError:
        is_read_only = True
    if is_read_only:
        connection.close()
    return not is_read_only


def _readiness(answers: bool) -> HttpResponse:
    if answers:
        return JsonResponse({"status": "ok", "down": []})
    return JsonResponse({"status": "unavailable", "down": ["database"]}, status=503)
