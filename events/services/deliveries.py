"""Which event is sent to whom next, and what is made of the answer.

A lane is what one endpoint is told about one object: its events are sent one after another, and
the next only when the one before is delivered or set aside. Of a lane's pending deliveries the
first alone is due at some time; the others wait for it. All that is written about an endpoint's
deliveries is written under the lock of the endpoint.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from common.db.rows import save_fields, save_new
from common.db.transactions import discard_transaction, run_transaction
from events.errors import NotPending
from events.models import ANSWER_MAX_BYTES, TROUBLE_MAX, Delivery, Endpoint, Event

LEASE = timedelta(seconds=60)
"""How long a relay has what it has taken for itself; then it is taken to be gone."""
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=8)
PAUSE_GROWS_BY = 4
GIVEN_UP_AFTER = timedelta(days=3)
ENDPOINT_PAUSE_MAX = timedelta(seconds=60)
LANE_MAX = 100
"""How many events of one object are taken at once."""

PENDING, DELIVERED, SET_ASIDE = Delivery.State
NOTED = (
    *("state", "due_at", "attempts", "tried_since", "tried_at"),
    *("status", "trouble", "answer"),
)
"""What an attempt writes of a delivery."""
HEALTH = ("position", "failures", "failing_since", "paused_until", "switched_off_at")
"""What a relay writes of an endpoint."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt."""

    is_good: bool
    status: int | None = None
    """The HTTP status, if there was an answer."""
    text: str = ""
    trouble: str = ""
    """Why there was none, or why it is no good one."""
    again_after: float = 0.0
    """How long it asks not to be told again (seconds)."""

    @property
    def pause(self) -> timedelta:
        """That, as far as it is followed."""
        return timedelta(seconds=min(self.again_after, LONGEST_PAUSE.total_seconds()))


@dataclass(frozen=True, slots=True)
class Lane:
    """Events of one object that are to be sent to one endpoint, one after another."""

    endpoint: Endpoint
    deliveries: Sequence[Delivery]


@dataclass(slots=True)
class Sent:
    """What became of a lane: an answer for each of its deliveries that was tried, in order."""

    lane: Lane
    answers: list[Answer] = field(default_factory=list)


def endpoints_with_work(now: datetime) -> list[int]:
    """The ids of the endpoints that something could be sent to at this moment."""
    newest = Event.objects.order_by("-pk").values("pk")[:1]
    due = Delivery.objects.filter(endpoint=OuterRef("pk"), due_at__lte=now)
    free = Q(paused_until=None) | Q(paused_until__lte=now)
    news = Q(position__lt=Coalesce(Subquery(newest), 0))
    found = Endpoint.objects.told().filter(free, news | Exists(due))
    return list(found.order_by("pk").values_list("pk", flat=True))


def exchange(*, endpoint_id: int, sent: Sequence[Sent], most: int) -> list[Lane] | None:
    """Write down what became of lanes of an endpoint, and take up to `most` others to be sent.

    What is taken is the caller's for `LEASE`. Returns None, and has written nothing, when another
    relay has the endpoint at this moment.

    Raises:
        Busy, Unavailable, OutcomeUnknown: as `run_transaction`. What was taken is another's to take
            when the lease is over.
    """

    def work() -> list[Lane] | None:
        free = Endpoint.objects.select_for_update(skip_locked=True)
        endpoint = free.filter(pk=endpoint_id).first()
        if endpoint is None:
            discard_transaction()
            return None
        now = timezone.now()
        _write_down(endpoint, sent, now)
        lanes = _take(endpoint, most, now)
        save_fields([endpoint], HEALTH)
        return lanes

    return run_transaction(work)


# --- What became of it ----------------------------------------------------------------------------


def _write_down(endpoint: Endpoint, sent: Sequence[Sent], now: datetime) -> None:
    if not sent:
        return
    for one in sent:
        if not one.answers:  # given back: it was not even tried
            first = one.lane.deliveries[0]
            ours = Delivery.objects.filter(pk=first.pk, state=PENDING, due_at=first.due_at)
            ours.update(due_at=now)
    answers = {
        delivery.pk: answer
        for one in sent
        for delivery, answer in zip(one.lane.deliveries, one.answers, strict=False)
    }
    # Those that are still to be told of: another relay may have delivered what took too long here.
    pending = Delivery.objects.filter(pk__in=answers, state=PENDING)
    tried = list(pending.defer("answer"))
    for delivery in tried:
        _note(delivery, answers[delivery.pk], now)
    save_fields(tried, NOTED)
    _note_health(endpoint, answers.values(), tried, now)
    _let_next_ones_go(endpoint, {one.lane.deliveries[0].about for one in sent}, now)


def _note(delivery: Delivery, answer: Answer, now: datetime) -> None:
    delivery.attempts += 1
    delivery.tried_since = delivery.tried_since or now
    delivery.tried_at = now
    delivery.status = answer.status
    delivery.trouble = _keepable(answer.trouble)[:TROUBLE_MAX]
    delivery.answer = _keepable(answer.text)[:ANSWER_MAX_BYTES]
    given_up_at = delivery.tried_since + GIVEN_UP_AFTER
    if answer.is_good:
        delivery.state, delivery.due_at = DELIVERED, None
    elif now >= given_up_at:
        delivery.state, delivery.due_at = SET_ASIDE, None
    else:
        pause = max(pause_after(delivery.attempts), answer.pause)
        delivery.due_at = min(now + pause, given_up_at)


def _keepable(text: str) -> str:
    """What a database keeps of a text from outside, which may be anything."""
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts that failed: 5 s, 20 s, 80 s, …, 8 h."""
    # The exponent is bounded: a power without end is no time at all.
    growth: int = PAUSE_GROWS_BY ** min(attempts - 1, 10)
    return min(FIRST_PAUSE * growth, LONGEST_PAUSE)


def _note_health(
    endpoint: Endpoint, answers: Collection[Answer], tried: Iterable[Delivery], now: datetime
) -> None:
    if any(answer.is_good for answer in answers):
        endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None
        return
    if not answers:
        return
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    pause = timedelta(seconds=2 ** min(endpoint.failures - 1, 10))
    asked = max(answer.pause for answer in answers)
    endpoint.paused_until = now + max(min(pause, ENDPOINT_PAUSE_MAX), asked)
    only_fails = now - endpoint.failing_since >= GIVEN_UP_AFTER and any(
        delivery.state == SET_ASIDE for delivery in tried
    )
    if only_fails or any(answer.status == HTTPStatus.GONE for answer in answers):
        endpoint.switched_off_at = now


def _let_next_ones_go(endpoint: Endpoint, abouts: Collection[str], now: datetime) -> None:
    """Make the first pending delivery of each lane due, where none is."""
    lanes = Delivery.objects.filter(endpoint=endpoint, state=PENDING, about__in=abouts)
    firsts = lanes.order_by().values("about").annotate(first=Min("pk"), due=Count("due_at"))
    waiting = [lane["first"] for lane in firsts if not lane["due"]]
    if waiting:
        Delivery.objects.filter(pk__in=waiting).update(due_at=now)


# --- What is sent next ----------------------------------------------------------------------------


def _take(endpoint: Endpoint, most: int, now: datetime) -> list[Lane]:
    paused = endpoint.paused_until is not None and endpoint.paused_until > now
    if not endpoint.is_active or endpoint.switched_off_at or not endpoint.url or paused:
        return []
    if endpoint.failures:
        most = min(most, 1)  # one is enough to find out whether it answers again
    lanes = _take_due(endpoint, most, now)
    lanes += _take_new(endpoint, most - len(lanes), now)
    return lanes


def _take_due(endpoint: Endpoint, most: int, now: datetime) -> list[Lane]:
    """The lanes whose time has come, those first that have waited longest."""
    due = Delivery.objects.filter(endpoint=endpoint, due_at__lte=now).order_by("due_at", "pk")
    firsts = list(_to_be_sent(due)[: max(most, 0)])
    if not firsts:
        return []
    for one in firsts:
        one.due_at = now + LEASE
    Delivery.objects.filter(pk__in=[one.pk for one in firsts]).update(due_at=now + LEASE)
    behind = Delivery.objects.filter(
        endpoint=endpoint, state=PENDING, about__in=[one.about for one in firsts], due_at=None
    )
    followers = _to_be_sent(behind).order_by("pk")[:LANE_MAX]
    return _lanes(endpoint, [*firsts, *followers])


def _to_be_sent(deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    return deliveries.select_related("event").defer("answer")


def _take_new(endpoint: Endpoint, most: int, now: datetime) -> list[Lane]:
    """The next events of the log: those whose lanes are free are sent, the others wait in them."""
    if most <= 0:
        return []
    events = list(Event.objects.filter(pk__gt=endpoint.position).order_by("pk")[:most])
    if not events:
        return []
    endpoint.position = events[-1].pk
    since = endpoint.listens_since
    events = [
        event
        for event in events
        if event.kind in endpoint.kinds and (since is None or event.occurred_at >= since)
    ]
    abouts = {event.about for event in events}
    lanes = Delivery.objects.filter(endpoint=endpoint, state=PENDING, about__in=abouts)
    taken = set(lanes.order_by().values_list("about", flat=True).distinct()) if abouts else set()
    begun = set(taken)
    deliveries = []
    for event in events:
        delivery = Delivery(endpoint=endpoint, event=event, about=event.about)
        if event.about not in begun:
            delivery.due_at = now + LEASE
            begun.add(event.about)
        deliveries.append(delivery)
    save_new(deliveries)
    return _lanes(endpoint, [one for one in deliveries if one.about not in taken])


def _lanes(endpoint: Endpoint, deliveries: Iterable[Delivery]) -> list[Lane]:
    by_object: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        by_object[delivery.about].append(delivery)
    return [
        Lane(endpoint, sorted(lane, key=lambda one: one.pk)[:LANE_MAX])
        for lane in by_object.values()
    ]


# --- By hand --------------------------------------------------------------------------------------


def send_again(*, delivery_ids: Collection[int]) -> int:
    """Have deliveries sent now: those that are done with once more, others without their pause.

    What may be under way in their lanes goes first, and what waits for a pause goes with them.
    Their objects' later events may have been delivered before: this once, the order is not kept.
    Returns how many there are.

    Raises:
        Delivery.DoesNotExist: there is none of them.
    """

    def work() -> int:
        deliveries = _locked(delivery_ids)
        done = [one for one in deliveries if not one.is_pending]
        for one in done:
            one.state, one.attempts, one.tried_since = PENDING, 0, None
        save_fields(done, ["state", "attempts", "tried_since"])
        abouts: dict[Endpoint, set[str]] = defaultdict(set)
        for one in deliveries:
            abouts[one.endpoint].add(one.about)
        now = timezone.now()
        for endpoint, lanes in abouts.items():
            later = Delivery.objects.filter(endpoint=endpoint, about__in=lanes)
            later.filter(due_at__gt=now + LEASE).update(due_at=None)
            _let_next_ones_go(endpoint, lanes, now)
        Endpoint.objects.filter(pk__in=[one.pk for one in abouts]).update(paused_until=None)
        return len(deliveries)

    def find_again() -> int | None:
        deliveries, later = _locked(delivery_ids), timezone.now() + LEASE
        is_sent = all(one.is_pending and (one.due_at or later) <= later for one in deliveries)
        return len(deliveries) if is_sent else None

    return run_transaction(work, find_again=find_again)


def give_another_chance(endpoint: Endpoint) -> None:
    """Begin anew with what failed at an endpoint. Needs an open transaction that has it locked."""
    failed = Delivery.objects.filter(endpoint=endpoint, state=PENDING, attempts__gt=0)
    failed.update(attempts=0, tried_since=None)
    failed = Delivery.objects.filter(endpoint=endpoint, due_at__isnull=False)
    failed.update(due_at=timezone.now())


def set_aside(*, delivery_id: int) -> Delivery:
    """Give up one delivery that is still to be made; what waits for it in its lane goes on.

    Raises:
        NotPending: it is delivered, or set aside already.
        Delivery.DoesNotExist: there is no such delivery.
    """

    def work() -> Delivery:
        (delivery,) = _locked([delivery_id])
        if not delivery.is_pending:
            raise NotPending
        delivery.state, delivery.due_at = SET_ASIDE, None
        save_fields([delivery], ["state", "due_at"])
        _let_next_ones_go(delivery.endpoint, [delivery.about], timezone.now())
        return delivery

    def find_again() -> Delivery | None:
        (delivery,) = _locked([delivery_id])
        return delivery if delivery.state == SET_ASIDE else None

    return run_transaction(work, find_again=find_again)


def _locked(delivery_ids: Collection[int]) -> list[Delivery]:
    """Deliveries, read under the locks of their endpoints. Needs an open transaction."""
    among = Delivery.objects.filter(pk__in=delivery_ids)
    endpoints = set(among.values_list("endpoint", flat=True))
    list(Endpoint.objects.select_for_update().filter(pk__in=endpoints).order_by("pk"))
    found = list(among.select_related("endpoint").order_by("pk"))
    if not found:
        raise Delivery.DoesNotExist
    return found
