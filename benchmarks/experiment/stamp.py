"""When and where a request came in, as headers of its answer."""

import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

ARRIVED = "Experiment-Arrived-Ns"
PROCESS = "Experiment-Process"


class StampArrival:
    """The outermost middleware: what it does first is the first that Python does for a request.

    `time.monotonic_ns()` is CLOCK_MONOTONIC on Linux, one clock for all processes of a machine.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        arrived = time.monotonic_ns()
        response = self._get_response(request)
        response[ARRIVED] = str(arrived)
        response[PROCESS] = str(os.getpid())
        return response
