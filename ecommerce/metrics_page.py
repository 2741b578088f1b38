"""`/metrics`, for Prometheus: what all processes of this server counted, what the database knows.

Behind the front it is answered by a thread that does nothing else, so that it says how the shop is
also when no other thread is free; the database is asked by the thread of the health probe.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from hmac import compare_digest
from ipaddress import ip_address, ip_network
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Metric,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from common import metrics
from common.http.client_address import client_address
from common.http.deferred import page_later, waits_elsewhere
from ecommerce.health import probe
from ecommerce.models import AuditRun
from events.services import waiting_for_a_place, waiting_for_delivery
from events.services.waiting import COUNTED_MAX

RENDER_SECONDS = 5.0
DATABASE_SECONDS = 0.5
"""What the database has not said by then is left out."""

_renderer = ThreadPoolExecutor(1, "metrics")


@csrf_exempt
def metrics_page(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format, for who may read it; for all others there is no such page."""
    if not may_read(request):
        raise Http404
    return _answer(request)


@require_safe
def _answer(request: HttpRequest) -> HttpResponse:
    if not waits_elsewhere(request):
        return _page(_render(_read_database()))
    return page_later(_renderer.submit(_collect), _page, failed=_failed, within=RENDER_SECONDS)


def may_read(request: HttpRequest) -> bool:
    """Whether the request has the token, or comes from an address that is allowed."""
    token = settings.METRICS_TOKEN
    sent = request.headers.get("Authorization", "")
    if token and compare_digest(sent.encode(), f"Bearer {token}".encode()):
        return True
    address = client_address(request)
    if not address or not settings.METRICS_ALLOWED:
        return False
    networks = map(ip_network, settings.METRICS_ALLOWED)
    return any(ip_address(address) in network for network in networks)


def _page(text: bytes) -> HttpResponse:
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _failed(error: Exception) -> HttpResponse:
    return HttpResponse(f"{type(error).__name__}\n", status=503, content_type="text/plain")


# --- What was counted -----------------------------------------------------------------------------


def _collect() -> bytes:
    asked: Future[list[Metric]] = probe.submit(_read_database)
    try:
        known = asked.result(DATABASE_SECONDS)
    except Late:
        asked.cancel()
        known = [_answers(False)]
    return _render(known)


def _render(known: list[Metric]) -> bytes:
    registry = REGISTRY
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        _forget_the_dead(Path(folder))
        known = [*known, _ended_processes(Path(folder))]
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        metrics.sample()
    return generate_latest(registry) + generate_latest(_Known(known))


class _Known(CollectorRegistry):
    """Metrics that are known already."""

    def __init__(self, known: list[Metric]) -> None:
        super().__init__()
        self._known = known

    def collect(self) -> Iterator[Metric]:
        return iter(self._known)


def _forget_the_dead(folder: Path) -> None:
    """What a process held that has ended, it holds no more; what it counted stays counted."""
    for file in folder.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _lives(pid):
            with suppress(FileNotFoundError):  # another process was quicker
                mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]


def _ended_processes(folder: Path) -> Metric:
    """How many processes of this server have ended: they left what they counted."""
    ended = sum(
        not _lives(int(file.stem.rpartition("_")[2])) for file in folder.glob("counter_*.db")
    )
    return GaugeMetricFamily("shop_processes_ended", "Processes of the server that ended.", ended)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- What the database knows ----------------------------------------------------------------------


def _read_database() -> list[Metric]:
    """The last audit and the events that wait; that alone which says it, when it is down."""
    try:
        return [*_last_audit(), *_events_waiting(), _answers(True)]
    except DatabaseError:
        return [_answers(False)]


def _answers(in_time: bool) -> Metric:
    return GaugeMetricFamily(
        "shop_database_answers", "1: the database answered the last question in time.", in_time
    )


def _last_audit() -> list[Metric]:
    last = AuditRun.objects.order_by("-id").values_list("started_at", "violation_count").first()
    if last is None:
        return []
    started_at, violations = last
    return [
        GaugeMetricFamily("shop_audit_violations", "What the last audit found.", violations),
        GaugeMetricFamily(
            "shop_audit_timestamp_seconds", "When the last audit began.", started_at.timestamp()
        ),
    ]


def _events_waiting() -> list[Metric]:
    number = GaugeMetricFamily(
        "shop_events_waiting", f"Events that wait, {COUNTED_MAX} at most.", labels=["stage"]
    )
    age = GaugeMetricFamily(
        "shop_events_oldest_seconds",
        "How long ago the oldest event that waits happened; 0: none waits.",
        labels=["stage"],
    )
    now = timezone.now()
    for stage, waiting in (("place", waiting_for_a_place()), ("delivery", waiting_for_delivery())):
        seconds = (now - waiting.since).total_seconds() if waiting.since else 0.0
        number.add_metric([stage], waiting.number)
        age.add_metric([stage], max(0.0, seconds))
    return [number, age]
