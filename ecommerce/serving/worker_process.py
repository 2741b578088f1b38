"""What one of granian's worker processes does for itself, before and after it has loaded the shop.

Another server's processes are left alone: each function is for a worker of granian's.
"""

import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver

ALLOCATIONS_BETWEEN_COLLECTIONS = 10_000
"""Python's own number is 700: several collections for each request."""

_held: list[socket.socket] = []
"""What this process holds for as long as it lives."""


def granians_main_process() -> object | None:
    """The main process's server object, if this is a worker that granian has just forked.

    granian (2.8) forks its workers with the main process's handler of SIGTERM, a method of it.
    """
    inherited = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return inherited if type(inherited).__module__.startswith("granian.") else None


def heed_sigterm_while_loading(main_process: object) -> None:
    """Let a SIGTERM end this process as long as it serves nobody.

    The inherited handler only notes the signal, and granian sets the worker's own when the
    application is loaded. A worker that was told to stop before that (the server is stopped soon
    after it was started, or after a worker was replaced) would begin to serve all the same, and be
    killed with requests in hand when the time to stop is over.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if getattr(main_process, "interrupt_signal", False):  # it came between the fork and here
        sys.exit(0)


def leave_the_application_out_of_collections() -> None:
    """Collect garbage among what requests make, not in the whole application each time.

    A collection of everything holds all threads up for 50 ms and more.
    """
    _ = get_resolver().url_patterns  # loads the views, as the first request would
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_BETWEEN_COLLECTIONS, 10, 10)


def keep_to_a_core() -> None:
    """Stay on one core, if the workers can be dealt out evenly: as many as cores, or a multiple.

    The threads of a process take turns anyway, by the interpreter's lock. On one core they find
    its caches as the last one left them, and none has to be woken on another core. `PIN_WORKERS=0`
    leaves all to the system.
    """
    if not settings.PIN_WORKERS:
        return
    with suppress(AttributeError, OSError):  # not Linux, or not allowed here
        # A thread that is woken waits until the one that runs is done, and doesn't cut in.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        cores = sorted(os.sched_getaffinity(0))
        if settings.WORKERS % len(cores) == 0:
            place = _take_a_place()
            # Else those that it replaces still live (a SIGHUP): nobody knows which core they leave.
            if place < settings.WORKERS:
                os.sched_setaffinity(0, {cores[place % len(cores)]})


def cut_off_who_does_not_read(seconds: float) -> None:
    """Let the system close a connection whose client takes nothing of its answer for so long.

    granian has no such limit. A connection has it from the socket that it came in on, and granian
    shows that to nobody: it is one of the files that this process has open.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return  # not Linux
    for file in Path("/proc/self/fd").iterdir():
        try:
            opened = socket.socket(fileno=int(file.name))
        except OSError:
            continue  # no socket
        try:
            if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                milliseconds = round(seconds * 1_000)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
        except OSError:
            pass  # not of TCP
        finally:
            opened.detach()  # it is not ours to close: its number may be another file's by then


def _take_a_place() -> int:
    """The first number that no other worker of this server has. It is free when we are gone."""
    place = 0
    while True:
        name = f"\0ecommerce-worker-{os.getppid()}-{place}"  # in no folder: abstract, of Linux
        holder = socket.socket(socket.AF_UNIX)
        try:
            holder.bind(name)
        except OSError:
            holder.close()
            place += 1
            if place >= settings.WORKERS * 2:  # not for want of a place, then
                raise
        else:
            _held.append(holder)
            return place
