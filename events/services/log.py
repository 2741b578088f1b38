"""The log of events: each gets its place once it is committed, and none is ever put before one.

The ids of a table are given when rows are inserted, not when they are committed: who remembers
the highest id that it saw misses a lower one that is committed later. So a deed writes its events
into a table that nobody reads by position (`Outgoing`), and from there they are moved into the log
(`Event`) by one at a time, who holds the `Turn`. docs/adr/0042-events.md has the reasons.
"""

from datetime import datetime
from itertools import takewhile

from common.db.rows import save_new
from common.db.transactions import discard_transaction, run_transaction
from events.errors import EventsGone
from events.models import Delivery, Endpoint, Event, Outgoing, Turn

MOVED_AT_ONCE = 500
REMOVED_AT_ONCE = 1_000


def take_in() -> int:
    """Give committed events their places in the log; returns how many, 0 also if another does it.

    Raises:
        Busy, Unavailable, OutcomeUnknown: as `run_transaction`; nothing is lost.
    """

    def work() -> int:
        # With the turn in hand: what another one moved is committed, and is not seen here again.
        if _take_turn() is None:
            discard_transaction()
            return 0
        rows = list(Outgoing.objects.order_by("pk")[:MOVED_AT_ONCE])
        save_new(
            [
                Event(kind=one.kind, about=one.about, data=one.data, occurred_at=one.occurred_at)
                for one in rows
            ]
        )
        Outgoing.objects.filter(pk__in=[one.pk for one in rows]).delete()
        return len(rows)

    return run_transaction(work) if Outgoing.objects.exists() else 0


def _take_turn() -> Turn | None:
    turn = Turn.objects.select_for_update(skip_locked=True).filter(pk=1).first()
    if turn is None and not Turn.objects.filter(pk=1).exists():
        Turn.objects.bulk_create([Turn(pk=1)], ignore_conflicts=True)
        turn = Turn.objects.select_for_update(skip_locked=True).filter(pk=1).first()
    return turn


def latest_position() -> int:
    """The id of the newest event of the log."""
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def read_log(*, after: int, most: int) -> list[Event]:
    """The first events after the one with the id `after`, oldest first.

    Whatever is committed by now is in the log, or will come after what is returned.

    Raises:
        EventsGone: events after that one are removed by now; 0 begins with the oldest there is.
    """
    while take_in() == MOVED_AT_ONCE:
        pass
    events = list(Event.objects.filter(pk__gt=after).order_by("pk")[:most])
    # Asked after the events were read: what is removed meanwhile is missed by nobody unawares.
    removed = Turn.objects.filter(pk=1, removed_until__gt=after).exists() if after else False
    if removed:
        raise EventsGone
    return events


def remove_old_events(*, before: datetime) -> int:
    """Remove events from before a moment, and their deliveries; returns how many, a batch at most.

    One that is still to be delivered, or to be looked at for an endpoint, stays, and so do all
    after it.
    """

    def work() -> int:
        turn = _take_turn()
        if turn is None:
            discard_transaction()
            return 0
        oldest = Event.objects.order_by("pk").values_list("pk", "occurred_at")[:REMOVED_AT_ONCE]
        needed = _first_needed()
        old = takewhile(
            lambda event: event[1] < before and (needed is None or event[0] < needed), oldest
        )
        ids = [pk for pk, _occurred_at in old]
        if not ids:
            discard_transaction()
            return 0
        Delivery.objects.filter(event__in=ids).delete()
        Event.objects.filter(pk__in=ids).delete()
        turn.removed_until = ids[-1]
        turn.save(update_fields=["removed_until"])
        return len(ids)

    return run_transaction(work)


def _first_needed() -> int | None:
    """The id of the first event that somebody is still to be told of, if there may be one."""
    pending = Delivery.objects.filter(state=Delivery.State.PENDING, endpoint__is_active=True)
    first = pending.order_by("pk").values_list("event_id", flat=True).first()
    # Also those who can't be told at the moment: events are kept for them.
    listening = Endpoint.objects.listening().exclude(url="").order_by("position")
    behind = listening.values_list("position", flat=True).first()
    needed = [*([first] if first else []), *([behind + 1] if behind is not None else [])]
    return min(needed, default=None)
