"""Which event is sent next, and what is made of the answers; by the services, without a network."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from ecommerce.tests.held_rows import held
from ecommerce.tests.lost_commits import lost_commits
from events.errors import NotPending
from events.models import Delivery, Endpoint, Event
from events.services import (
    Answer,
    Sent,
    change_endpoint,
    endpoints_with_work,
    exchange,
    send_again,
    set_aside,
    switch_on_again,
    take_in,
)
from events.services.deliveries import LEASE, pause_after
from events.tests.conftest import make_event

pytestmark = pytest.mark.django_db(transaction=True)

URL = "https://warehouse.example/events"
GOOD = Answer(is_good=True, status=200)
BAD = Answer(is_good=False, status=500, trouble="Internal Server Error", text="oops")


@pytest.fixture
def endpoint(listen):
    return listen(url=URL)


def happen(*abouts, **fields):
    for about in abouts:
        make_event(about=about, **fields)
    take_in()


def take(endpoint, sent=(), most=64):
    """What is taken, as the objects of each lane with the numbers of the events."""
    return exchange(endpoint_id=endpoint.pk, sent=sent, most=most)


def shown(lanes):
    return [(lane.deliveries[0].about, len(lane.deliveries)) for lane in lanes]


def answered(lane, *answers):
    return Sent(lane, list(answers))


def states(endpoint):
    rows = Delivery.objects.filter(endpoint=endpoint).order_by("pk")
    return list(rows.values_list("about", "state", "attempts"))


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


# --- Lanes ----------------------------------------------------------------------------------------


def test_each_object_has_a_lane_and_its_events_keep_their_order(endpoint):
    happen("order:1", "order:2", "order:1")
    lanes = take(endpoint)

    assert shown(lanes) == [("order:1", 2), ("order:2", 1)]
    first = [delivery.event_id for delivery in lanes[0].deliveries]
    assert first == sorted(first)
    assert take(endpoint) == []


def test_what_comes_later_waits_for_what_is_under_way(endpoint):
    happen("order:1")
    (lane,) = take(endpoint)
    happen("order:1", "order:2")
    assert shown(take(endpoint)) == [("order:2", 1)]

    assert shown(take(endpoint, [answered(lane, GOOD)])) == [("order:1", 1)]
    assert states(endpoint) == [
        ("order:1", "delivered", 1),
        ("order:1", "pending", 0),
        ("order:2", "pending", 0),
    ]


def test_what_comes_later_waits_for_what_has_failed(endpoint, clock):
    happen("order:1", "order:1")
    (lane,) = take(endpoint)
    assert take(endpoint, [answered(lane, BAD)]) == []
    happen("order:1")
    clock.shift(4.9)
    assert take(endpoint) == []

    clock.shift(0.2)
    (lane,) = take(endpoint)
    events = Event.objects.order_by("pk").values_list("pk", flat=True)
    assert [one.event_id for one in lane.deliveries] == list(events)
    take(endpoint, [answered(lane, GOOD, GOOD, GOOD)])
    assert [state for _, state, _ in states(endpoint)] == ["delivered"] * 3


def test_a_lane_goes_on_where_it_stopped(endpoint):
    happen("order:1", "order:1", "order:1")
    (lane,) = take(endpoint)

    (rest,) = take(endpoint, [answered(lane, GOOD)])

    assert [one.pk for one in rest.deliveries] == [one.pk for one in lane.deliveries[1:]]


def test_what_failed_in_the_middle_of_a_lane_is_tried_next(endpoint, clock):
    happen("order:1", "order:1", "order:1")
    (lane,) = take(endpoint)
    assert take(endpoint, [answered(lane, GOOD, BAD)]) == []
    clock.shift(5)

    (rest,) = take(endpoint)
    assert [one.pk for one in rest.deliveries] == [one.pk for one in lane.deliveries[1:]]


def test_only_so_many_lanes_are_taken(endpoint):
    happen(*(f"order:{number}" for number in range(5)))
    assert shown(take(endpoint, most=2)) == [("order:0", 1), ("order:1", 1)]
    assert shown(take(endpoint, most=0)) == []
    assert shown(take(endpoint, most=9)) == [("order:2", 1), ("order:3", 1), ("order:4", 1)]


def test_kinds_that_nobody_wants_are_passed_over(listen):
    endpoint = listen("order.cancelled", url=URL)
    happen("order:1", "order:2")
    happen("order:1", kind="order.cancelled")

    assert shown(take(endpoint)) == [("order:1", 1)]
    assert Delivery.objects.count() == 1
    assert endpoints_with_work(timezone.now()) == []


def test_each_endpoint_is_told(endpoint, listen):
    other = listen(url=URL)
    happen("order:1")

    assert endpoints_with_work(timezone.now()) == [endpoint.pk, other.pk]
    assert shown(take(endpoint)) == shown(take(other)) == [("order:1", 1)]
    assert endpoints_with_work(timezone.now()) == []


def test_who_has_no_address_or_is_off_is_not_told(listen):
    feed, off = listen(), listen(url=URL, is_active=False)
    happen("order:1")

    assert endpoints_with_work(timezone.now()) == []
    assert take(feed) == take(off) == []
    assert not Delivery.objects.exists()


def test_who_is_new_or_switched_on_hears_from_then_on(listen):
    happen("order:1")
    endpoint = listen(url=URL)
    happen("order:2")
    change_endpoint(endpoint_id=endpoint.pk, is_active=False)
    happen("order:3")
    change_endpoint(endpoint_id=endpoint.pk, is_active=True)
    happen("order:4")

    assert shown(take(endpoint)) == [("order:4", 1)]


def test_what_no_relay_has_taken_in_yet_is_not_for_who_listens_later(listen):
    listen(url=URL)
    make_event(about="order:1")
    endpoint = listen(url=URL)
    make_event(about="order:2")
    change_endpoint(endpoint_id=endpoint.pk, is_active=False)
    make_event(about="order:3")
    change_endpoint(endpoint_id=endpoint.pk, is_active=True)
    make_event(about="order:4")
    take_in()

    assert shown(take(endpoint)) == [("order:4", 1)]


# --- Relays side by side --------------------------------------------------------------------------


def test_what_a_relay_has_is_no_other_ones_until_its_lease_is_over(endpoint, clock):
    happen("order:1", "order:1")
    take(endpoint)
    clock.shift(LEASE - timedelta(seconds=1))
    assert endpoints_with_work(timezone.now()) == []
    assert take(endpoint) == []

    clock.shift(2)
    assert endpoints_with_work(timezone.now()) == [endpoint.pk]
    assert shown(take(endpoint)) == [("order:1", 2)]


def test_a_relay_that_comes_late_with_its_answer_undoes_nothing(endpoint, clock):
    happen("order:1")
    (late,) = take(endpoint)
    clock.shift(LEASE)
    (lane,) = take(endpoint)
    take(endpoint, [answered(lane, GOOD)])

    take(endpoint, [answered(late, BAD)])
    assert states(endpoint) == [("order:1", "delivered", 1)]


def test_what_was_not_even_tried_is_given_back(endpoint):
    happen("order:1", "order:1")
    (lane,) = take(endpoint)

    assert shown(take(endpoint, [answered(lane)])) == [("order:1", 2)]
    assert states(endpoint) == [("order:1", "pending", 0)] * 2


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
def test_an_endpoint_that_another_relay_has_at_this_moment_is_passed_over(endpoint):
    happen("order:1")
    with held(Endpoint.objects.filter(pk=endpoint.pk)):
        assert take(endpoint) is None
    assert shown(take(endpoint)) == [("order:1", 1)]


def test_a_commit_whose_answer_is_lost_loses_nothing(endpoint, clock):
    happen("order:1")
    with lost_commits(happened=True):
        take(endpoint)
    clock.shift(LEASE)
    (lane,) = take(endpoint)
    with lost_commits(happened=True):
        take(endpoint, [answered(lane, GOOD)])

    assert states(endpoint) == [("order:1", "delivered", 1)]


@pytest.mark.parametrize("happened", [True, False])
def test_events_are_taken_in_once_whatever_becomes_of_the_commit(happened):
    make_event(about="order:1")
    with lost_commits(happened=happened):
        take_in()
    take_in()

    assert list(Event.objects.values_list("about", flat=True)) == ["order:1"]


# --- Failing --------------------------------------------------------------------------------------


def test_pauses_grow_from_seconds_to_eight_hours():
    assert [pause_after(n).total_seconds() for n in range(1, 11)] == [
        *(5, 20, 80, 320, 1_280, 5_120, 20_480, 28_800, 28_800, 28_800)
    ]
    assert pause_after(10**9) == timedelta(hours=8)


def test_an_attempt_is_written_down(endpoint, clock):
    happen("order:1")
    (lane,) = take(endpoint)
    take(endpoint, [answered(lane, BAD)])

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.trouble, delivery.answer) == (
        500,
        "Internal Server Error",
        "oops",
    )
    assert delivery.tried_since == delivery.tried_at == timezone.now()


def try_until_set_aside(endpoint, clock):
    """Let every attempt at order:1 fail, and all others succeed; when, in seconds, it was tried."""
    began, moments = timezone.now(), []
    of_it = Delivery.objects.filter(about="order:1")
    while not of_it.filter(state="set_aside").exists():
        assert len(moments) < 50
        happen(f"order:{len(moments) + 2}")
        sent = []
        for lane in take(endpoint):
            is_it = lane.deliveries[0].about == "order:1"
            sent.append(answered(lane, BAD if is_it else GOOD))
            moments += [(timezone.now() - began).total_seconds()] if is_it else []
        take(endpoint, sent, most=0)
        clock.move_to(of_it.filter(due_at__isnull=False).get().due_at)
    return moments


def test_a_delivery_is_tried_for_three_days_and_then_set_aside(endpoint, clock):
    happen("order:1", "order:1")
    moments = try_until_set_aside(endpoint, clock)

    assert moments[0] == 0
    assert moments[-1] == 3 * 24 * 3_600
    assert len(moments) == 17
    # What waited for it goes on.
    assert "order:1" in [lane.deliveries[0].about for lane in take(endpoint)]
    endpoint.refresh_from_db()
    assert endpoint.switched_off_at is None  # the others were delivered


def test_while_an_endpoint_fails_one_request_at_a_time_finds_out_whether_it_still_does(
    endpoint, clock
):
    happen(*(f"order:{number}" for number in range(10)))
    lanes = take(endpoint, most=3)
    assert take(endpoint, [answered(lane, BAD) for lane in lanes]) == []
    assert endpoints_with_work(timezone.now()) == []

    clock.shift(1)
    (probe,) = take(endpoint)
    assert take(endpoint, [answered(probe, BAD)]) == []
    clock.shift(1)
    assert take(endpoint) == []
    clock.shift(1)
    (probe,) = take(endpoint)

    assert len(take(endpoint, [answered(probe, GOOD)])) > 1
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.failing_since, endpoint.paused_until) == (0, None, None)


def fail_for(endpoint, clock, how_long):
    until = timezone.now() + how_long
    while timezone.now() < until:
        for lane in take(endpoint):
            take(endpoint, [answered(lane, BAD)])
        clock.shift(600)


def test_an_endpoint_that_only_fails_for_three_days_is_switched_off(endpoint, clock):
    happen("order:1", "order:2")
    fail_for(endpoint, clock, timedelta(days=2, hours=23))
    endpoint.refresh_from_db()
    assert endpoint.switched_off_at is None

    fail_for(endpoint, clock, timedelta(hours=2))
    endpoint.refresh_from_db()
    assert endpoint.switched_off_at is not None
    assert ("order:1", "set_aside") in [(about, state) for about, state, _ in states(endpoint)]
    happen("order:3")
    assert endpoints_with_work(timezone.now()) == []
    assert take(endpoint) == []


def test_an_endpoint_that_is_switched_on_again_goes_on_where_it_was_left(endpoint, clock):
    happen("order:1")
    fail_for(endpoint, clock, timedelta(days=3, hours=1))
    happen("order:2", "order:3")  # kept for it all the same
    switch_on_again(endpoint_id=endpoint.pk)

    assert shown(take(endpoint)) == [("order:2", 1), ("order:3", 1)]


def test_an_endpoint_that_says_that_it_is_gone_is_switched_off_at_once(endpoint, clock):
    happen("order:1", "order:2")
    one, other = take(endpoint)
    take(endpoint, [answered(one, Answer(is_good=False, status=410)), answered(other, BAD)])
    endpoint.refresh_from_db()
    assert endpoint.switched_off_at == timezone.now()

    clock.shift(timedelta(days=1))
    assert endpoints_with_work(timezone.now()) == []
    switch_on_again(endpoint_id=endpoint.pk)
    assert sum(len(lane.deliveries) for lane in take(endpoint)) == 2  # nothing was lost


@pytest.mark.parametrize(
    ("asked", "left_alone"),
    [(0, 1), (90, 90), (10**9, 8 * 3_600)],
)
def test_an_endpoint_is_left_alone_for_as_long_as_it_asks(endpoint, clock, asked, left_alone):
    happen("order:1")
    (lane,) = take(endpoint)
    take(endpoint, [answered(lane, Answer(is_good=False, status=429, again_after=asked))])
    happen("order:2")

    clock.shift(left_alone - 1)
    assert endpoints_with_work(timezone.now()) == []
    assert take(endpoint) == []
    clock.shift(1)
    assert len(take(endpoint)) == 1


# --- By hand --------------------------------------------------------------------------------------


def test_what_was_delivered_is_sent_again(endpoint):
    happen("order:1")
    (lane,) = take(endpoint)
    take(endpoint, [answered(lane, GOOD)])

    assert send_again(delivery_ids=[lane.deliveries[0].pk]) == 1
    assert shown(take(endpoint)) == [("order:1", 1)]


def test_what_is_sent_again_waits_for_what_is_under_way(endpoint):
    happen("order:1")
    (first,) = take(endpoint)
    take(endpoint, [answered(first, GOOD)])
    happen("order:1")
    (second,) = take(endpoint)
    send_again(delivery_ids=[first.deliveries[0].pk])
    assert take(endpoint) == []

    (again,) = take(endpoint, [answered(second, GOOD)])
    assert [one.pk for one in again.deliveries] == [first.deliveries[0].pk]


def test_what_is_under_way_is_not_sent_twice_at_once(endpoint):
    happen("order:1", "order:2")
    done, pending = take(endpoint)
    take(endpoint, [answered(done, GOOD)])

    assert send_again(delivery_ids=[lane.deliveries[0].pk for lane in (done, pending)]) == 2
    assert shown(take(endpoint)) == [("order:1", 1)]
    with pytest.raises(Delivery.DoesNotExist):
        send_again(delivery_ids=[0])


@pytest.mark.parametrize("which", ["what failed", "what was before it", "both"])
def test_what_is_sent_again_does_not_wait_for_the_pause_of_a_failure(endpoint, clock, which):
    happen("order:1")
    (first,) = take(endpoint)
    take(endpoint, [answered(first, GOOD)])
    happen("order:1", "order:1")
    (failing,) = take(endpoint)
    take(endpoint, [answered(failing, Answer(is_good=False, status=503, again_after=20_000))])
    assert take(endpoint) == []

    chosen = {"what failed": [failing], "what was before it": [first], "both": [first, failing]}
    send_again(delivery_ids=[lane.deliveries[0].pk for lane in chosen[which]])
    (again,) = take(endpoint)
    expected = (
        failing.deliveries if which == "what failed" else [*first.deliveries, *failing.deliveries]
    )
    assert [one.pk for one in again.deliveries] == [one.pk for one in expected]
    take(endpoint, [answered(again, *[GOOD] * len(expected))])
    assert {state for _, state, _ in states(endpoint)} == {"delivered"}


def test_what_blocks_its_lane_can_be_set_aside(endpoint):
    happen("coupon:1", "coupon:1")
    (lane,) = take(endpoint)
    happen("order:1")
    take(endpoint, [answered(lane, BAD)])
    set_aside(delivery_id=lane.deliveries[0].pk)
    Endpoint.objects.update(failures=0, paused_until=None)

    assert ("coupon:1", 1) in shown(take(endpoint))
    with pytest.raises(NotPending):
        set_aside(delivery_id=lane.deliveries[0].pk)


# --- Costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 60])
def test_the_number_of_statements_does_not_grow_with_the_events(
    endpoint, django_assert_num_queries, size
):
    happen("order:0")
    take(endpoint)  # the first time costs more
    for number in range(size):
        make_event(about=f"order:{number + 1}")
    with django_assert_num_queries(7, exact=False):
        take_in()
    with django_assert_num_queries(10, exact=False):
        lanes = take(endpoint)
    assert len(lanes) == size
    with django_assert_num_queries(10, exact=False):
        take(endpoint, [answered(lane, GOOD) for lane in lanes])
    assert Delivery.objects.exclude(state="delivered").count() == 1
