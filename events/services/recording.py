"""Writing down what happens, in the transaction in which it happens, for whoever listens."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from common.db.rows import save_values
from common.errors import Busy
from common.remembered import Remembered
from events.models import Endpoint, Kind, Outgoing

Facts = Iterable[tuple[str, dict[str, Any] | str]]
"""Of each event what it is about ("order:12"), and what it says, or that as JSON already."""

FIELDS = ("kind", "about", "data", "occurred_at")
"""Of an outgoing event."""


def record(happened: Mapping[Kind, Facts]) -> None:
    """Write down what happened, if somebody listens. Needs an open transaction.

    One statement, however many events, and none when nobody listens; then their facts aren't even
    looked at. The rows that the events are about must be locked, and this comes last: so events
    about one thing are written in the order in which they happened.
    """
    heard = kinds_heard()
    if heard.isdisjoint(happened):
        return
    moment = Outgoing._meta.get_field("occurred_at").get_db_prep_save(timezone.now(), connection)
    rows = [
        (kind.value, about, data if isinstance(data, str) else as_json(data), moment)
        for kind, facts in happened.items()
        if kind in heard
        for about, data in facts
    ]
    save_values(Outgoing, FIELDS, rows)


def kinds_heard() -> frozenset[str]:
    """The kinds of events that somebody listens to, as of `EVENTS_MEMORY_SECONDS` ago."""
    try:
        return _kinds_heard(None)
    except Busy:  # another asks, and takes long, and nothing new enough is known; others wait
        return _ask_who_listens(None)


def forget_who_listens() -> None:
    """Ask the database again: who listens was changed, in this process."""
    _kinds_heard.forget()


def _ask_who_listens(key: None) -> frozenset[str]:
    lists = Endpoint.objects.listening().order_by().values_list("kinds", flat=True)
    return frozenset(kind for kinds in lists for kind in kinds)


_kinds_heard: Remembered[None, frozenset[str]] = Remembered(
    # Half of it: while one asks anew, others are told the last answer for as long again.
    _ask_who_listens,
    seconds=lambda: settings.EVENTS_MEMORY_SECONDS / 2,
    also_inside=True,
)


def as_json(data: dict[str, Any]) -> str:
    """As the API writes it: moments are of the shop's time zone."""
    return _encode(data)


@lru_cache(maxsize=256)  # what is written together is of few moments
def _local(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"an event can't say {value!r}")
    return timezone.localtime(value).isoformat()


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_local).encode
