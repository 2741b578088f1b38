"""The feed: who may ask, what is answered, and that no event is ever put before one seen."""

from datetime import timedelta
from threading import Event as Signal
from threading import Thread

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from conftest import client_of
from ecommerce.tests.threads import FINISH_SECONDS
from events.models import Delivery, Event, Turn
from events.services import exchange, read_log, remove_old_events, take_in
from events.tests.conftest import FEED, make_event
from orders.tests.conftest import buy
from users.services import change_password

pytestmark = pytest.mark.django_db(transaction=True)


def refused(answer, status, code):
    assert answer.status_code == status, answer.content
    assert [error["code"] for error in answer.json()["errors"]] == [code]


def test_staff_are_told_what_happened(listen, client, staff_api, make_product):
    listen()
    order = buy(client, (make_product(stock=50).pk, 1)).json()

    answer = staff_api.get(FEED)

    assert answer.status_code == 200
    (event,) = answer.json()["results"]
    assert answer.json()["after"] == Event.objects.get().pk
    assert event["id"] == Event.objects.get().number
    assert (event["type"], event["about"]) == ("order.paid", f"order:{order['id']}")
    assert event["data"]["number"] == order["number"]
    assert event["timestamp"].endswith("+09:00")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_reader_goes_on_where_it_was(staff_api):
    for number in range(5):
        make_event(about=f"order:{number}")
    first = staff_api.get(FEED, {"page_size": 3}).json()
    second = staff_api.get(FEED, {"after": first["after"], "page_size": 3}).json()
    third = staff_api.get(FEED, {"after": second["after"]}).json()

    read = [event["about"] for page in (first, second, third) for event in page["results"]]
    assert read == [f"order:{number}" for number in range(5)]
    assert third == {"after": second["after"], "results": []}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"after": -1}, "min_value"),
        ({"after": "x"}, "invalid"),
        ({"after": 2**63}, "max_value"),
        ({"page_size": 0}, "min_value"),
        ({"page_size": 101}, "max_value"),
        ({"cursor": "x"}, "unknown_field"),
    ],
)
def test_wrong_parameters_are_refused(staff_api, query, code):
    refused(staff_api.get(FEED, query), 400, code)


def test_nobody_else_may_ask(api, client, make_member, staff, staff_api):
    make_event()
    refused(api.get(FEED), 401, "not_authenticated")
    refused(client.get(FEED), 403, "permission_denied")
    refused(client_of(make_member(is_staff=True)).get(FEED), 403, "permission_denied")
    assert client_of(make_member(is_staff=True, is_superuser=True)).get(FEED).status_code == 200
    assert staff_api.post(FEED, {}).status_code == 405

    staff.is_staff = False
    staff.save()
    refused(staff_api.get(FEED), 403, "permission_denied")


def test_who_is_deactivated_or_has_ended_their_sessions_may_not_ask(staff, staff_api):
    assert staff_api.get(FEED).status_code == 200
    change_password(user_id=staff.pk, current_password="pw", new_password="correct horse battery")
    refused(staff_api.get(FEED), 401, "token_not_valid")
    staff.refresh_from_db()
    staff.is_active = False
    staff.save()
    refused(client_of(staff).get(FEED), 401, "user_inactive")


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_an_event_that_is_committed_later_comes_later_though_it_was_written_first():
    written, let_go = Signal(), Signal()

    def write_slowly():
        try:
            with transaction.atomic():
                make_event(about="order:1")
                written.set()
                assert let_go.wait(FINISH_SECONDS)
        finally:
            connections.close_all()

    slow = Thread(target=write_slowly, daemon=True)
    slow.start()
    assert written.wait(FINISH_SECONDS)
    make_event(about="order:2")
    first = read_log(after=0, most=10)
    let_go.set()
    slow.join(FINISH_SECONDS)
    second = read_log(after=first[-1].pk, most=10)

    assert [event.about for event in first] == ["order:2"]
    assert [event.about for event in second] == ["order:1"]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_while_another_has_the_turn_a_reader_waits_for_nobody_and_skips_nothing():
    make_event(about="order:1")
    take_in()
    make_event(about="order:2")
    locked, let_go = Signal(), Signal()

    def hold_the_turn():
        try:
            with transaction.atomic():
                assert Turn.objects.select_for_update().get(pk=1)
                locked.set()
                assert let_go.wait(FINISH_SECONDS)
        finally:
            connections.close_all()

    holder = Thread(target=hold_the_turn, daemon=True)
    holder.start()
    assert locked.wait(FINISH_SECONDS)
    meanwhile = [event.about for event in read_log(after=0, most=10)]
    let_go.set()
    holder.join(FINISH_SECONDS)

    assert meanwhile == ["order:1"]
    assert [event.about for event in read_log(after=0, most=10)] == ["order:1", "order:2"]


def test_who_comes_too_late_is_told_so(staff_api, listen):
    for number in range(3):
        make_event(about=f"order:{number}")
    events = staff_api.get(FEED).json()
    Event.objects.filter(about__in=["order:0", "order:1"]).update(
        occurred_at=timezone.now() - timedelta(days=40)
    )
    first, second, third = Event.objects.order_by("pk").values_list("pk", flat=True)
    assert remove_old_events(before=timezone.now() - timedelta(days=30)) == 2

    refused(staff_api.get(FEED, {"after": first}), 410, "events_gone")
    assert staff_api.get(FEED, {"after": second}).json()["results"] == events["results"][2:]
    assert staff_api.get(FEED).json()["after"] == third


def test_what_is_still_to_be_told_is_not_removed(listen):
    endpoint = listen(url="https://warehouse.example/events")
    for number in range(4):
        make_event(about=f"order:{number}")
    take_in()
    (lane,) = exchange(endpoint_id=endpoint.pk, sent=[], most=1)
    Event.objects.update(occurred_at=timezone.now() - timedelta(days=40))
    assert remove_old_events(before=timezone.now()) == 0

    Delivery.objects.filter(pk=lane.deliveries[0].pk).update(state="delivered", due_at=None)
    assert remove_old_events(before=timezone.now()) == 1  # the others are still to be looked at
    assert not Delivery.objects.exists()
    assert Event.objects.count() == 3
    assert remove_old_events(before=timezone.now()) == 0


def test_an_event_that_is_young_enough_stays(listen):
    make_event()
    take_in()
    assert remove_old_events(before=timezone.now() - timedelta(days=1)) == 0
    assert Event.objects.count() == 1
