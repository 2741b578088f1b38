"""The relay itself: real requests to a real receiver, and what comes between."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, connection, connections
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from conftest import client_of
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.threads import run_together
from events.models import Delivery, Endpoint, Event, Outgoing
from events.relay import REQUESTS_MAX, Relay
from events.services import Answer, exchange
from events.sinks import make_sink
from events.tests.conftest import make_event
from events.tests.receiver import receiving
from orders.tests.conftest import URL, buy

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _loopback_allowed(settings):
    settings.WEBHOOK_NETWORKS = ["127.0.0.0/8"]


@contextmanager
def relaying(sink=None):
    """A relay in a thread; when the block ends it is told to stop, and has stopped."""
    relay = Relay(sink or make_sink())
    loop = asyncio.new_event_loop()

    def run():
        try:
            loop.run_until_complete(relay.run())
        finally:
            loop.close()

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        loop.call_soon_threadsafe(relay.stop)
        thread.join(20)
        assert not thread.is_alive()
        connections.close_all()


def await_states(seconds=20.0, **expected):
    """Until there are so many deliveries of each state."""
    deadline = time.monotonic() + seconds
    while True:
        states = list(Delivery.objects.values_list("state", flat=True))
        found = {state: states.count(state) for state in expected}
        if found == expected:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def objects_of(requests):
    """The numbers of the steps that were told, by object."""
    told = defaultdict(list)
    for request in requests:
        told[request.said["data"]["of"]].append(request.said["data"]["step"])
    return told


def make_steps(objects, steps):
    for step in range(steps):
        for number in range(objects):
            make_event(about=f"order:{number}", of=number, step=step)


def test_what_happens_is_told_and_verified(listen, client, member, make_product):
    with receiving() as receiver, relaying():
        endpoint = listen(url=receiver.url)
        order = buy(client, (make_product(stock=50).pk, 1)).json()
        client.post(f"{URL}{order['id']}/cancel/")
        requests = receiver.await_requests(2)
        await_states(delivered=2)

    assert [request.said["type"] for request in requests] == ["order.paid", "order.cancelled"]
    for request in requests:
        verified = Webhook(endpoint.secret).verify(request.body, request.headers)
        assert verified["data"]["number"] == order["number"]
    assert len({request.headers["webhook-id"] for request in requests}) == 2
    assert not Outgoing.objects.exists()
    statuses = Delivery.objects.values_list("attempts", "status", "due_at")
    assert list(statuses) == [(1, 204, None)] * 2


def test_each_object_keeps_its_order_and_objects_do_not_wait_for_each_other(listen):
    def reply(request, handler):
        if request.said["data"] == {"of": 0, "step": 0}:
            time.sleep(1.5)
        return 204

    with receiving(reply) as receiver:
        listen(url=receiver.url)
        make_steps(objects=20, steps=5)
        with relaying():
            receiver.await_requests(95, seconds=1.4)  # all but those that wait for the slow one
            requests = receiver.await_requests(100)
            await_states(delivered=100)

    assert objects_of(requests) == {number: [0, 1, 2, 3, 4] for number in range(20)}


@pytest.mark.parametrize("relays", [2, 3])
def test_relays_side_by_side_tell_each_once_and_keep_the_order(listen, relays):
    with receiving() as receiver:
        listen(url=receiver.url)
        make_steps(objects=30, steps=10)
        with contextmanagers(relaying, relays):
            receiver.await_requests(300)
            await_states(delivered=300)
        requests = receiver.requests

    assert objects_of(requests) == {number: list(range(10)) for number in range(30)}


@contextmanager
def contextmanagers(make, count):
    if not count:
        yield
        return
    with make(), contextmanagers(make, count - 1):
        yield


def test_what_fails_is_told_again_later_under_the_same_name(listen):
    failures = iter([500, 503])

    with receiving(lambda request, handler: next(failures, 204)) as receiver:
        listen(url=receiver.url)
        make_event(of=1, step=0)
        with relaying():
            receiver.await_requests(1)
            for _ in range(2):
                await_states(pending=1)
                let_time_pass()
            requests = receiver.await_requests(3)
            await_states(delivered=1)

    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    delivery = Delivery.objects.get()
    assert (delivery.attempts, delivery.status) == (3, 204)


def let_time_pass():
    """Make what failed due now, instead of waiting for it."""
    deadline = time.monotonic() + 10
    while not Endpoint.objects.filter(failures__gt=0).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    before = Endpoint.objects.get().failures
    Delivery.objects.filter(state="pending").update(due_at=timezone.now())
    Endpoint.objects.update(paused_until=None)
    while Endpoint.objects.filter(failures=before).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_slow_endpoint_delays_no_other(listen):
    served = Signal()

    def slowly(request, handler):
        served.wait(20)
        return 204

    with receiving(slowly) as slow, receiving() as quick:
        listen(url=slow.url, name="slow")
        listen(url=quick.url, name="quick")
        make_steps(objects=3 * REQUESTS_MAX, steps=1)
        with relaying():
            quick.await_requests(3 * REQUESTS_MAX)
            assert not Delivery.objects.filter(endpoint__name="slow", state="delivered").exists()
            slow.await_requests(REQUESTS_MAX)
            served.set()


def test_when_it_is_stopped_what_is_under_way_is_written_down(listen):
    def slowly(request, handler):
        time.sleep(0.5)
        return 204

    with receiving(slowly) as receiver:
        listen(url=receiver.url)
        make_steps(objects=2, steps=2)
        with relaying():
            receiver.await_requests(2)

    assert Delivery.objects.filter(state="delivered").count() == 2
    # The next ones of the lanes are due: nobody has to wait for a lease to be over.
    assert Delivery.objects.filter(state="pending", due_at__isnull=False).count() == 2


def test_a_database_that_is_away_for_a_moment_costs_nothing(listen):
    with receiving() as receiver:
        listen(url=receiver.url)
        with relaying():
            with lost_commits(happened=False, times=2):
                make_steps(objects=3, steps=2)
                time.sleep(0.5)
            receiver.await_requests(6)
            await_states(delivered=6)

    assert objects_of(receiver.requests) == {number: [0, 1] for number in range(3)}


def test_what_is_old_enough_is_removed(listen, settings):
    settings.EVENTS_DAYS = 1
    for days in (2, 0):
        make_event(about=f"order:{days}")
        Outgoing.objects.filter(about="order:2").update(
            occurred_at=timezone.now() - timedelta(days=2)
        )
    with relaying():
        deadline = time.monotonic() + 10
        while Event.objects.count() != 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    assert Event.objects.get().about == "order:0"


def test_another_sink_may_take_the_place_of_webhooks(listen, settings):
    settings.EVENT_SINK = "events.tests.test_relay.Log"
    Log.lines = []
    listen(url="https://log.example")
    make_event(about="order:7", a=1)
    with relaying():
        await_states(delivered=1)

    assert Log.lines == [("the warehouse", "order:7", '{"a": 1}')]


@pytest.mark.parametrize(
    "name",
    ["events.webhooks.Nothing", "no_such_module.Sink", "os.path.join"],
)
def test_a_sink_that_is_no_class_is_told_in_a_sentence(settings, name):
    settings.EVENT_SINK = name

    with pytest.raises(ImproperlyConfigured, match=f"^EVENT_SINK is '{name}'; "):
        make_sink()


class Log:
    """A broker's stand-in: the whole of what a sink must be."""

    lines: list[tuple[str, str, str]] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        pass

    async def send(self, endpoint, event):
        self.lines.append((endpoint.name, event.about, event.data))
        return Answer(is_good=True)


def test_a_sink_that_breaks_is_a_failure_like_any_other(listen):
    class Broken(Log):
        async def send(self, endpoint, event):
            raise RuntimeError("no broker")

    listen(url="https://log.example")
    make_event()
    with relaying(Broken()):
        await_attempt()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.trouble) == ("pending", "RuntimeError('no broker')")


@pytest.mark.parametrize("reason", [b"x" * 300, b"R\xe9serv\xe9", b"\xed\xa0\x80", b""])
def test_whatever_an_endpoint_answers_is_written_down(listen, reason):
    def reply(request, handler):
        handler.wfile.write(b"HTTP/1.1 500 " + reason + b"\r\ncontent-length: 2\r\n\r\n\0\xff")

    with receiving(reply) as bad, receiving() as good, relaying():
        listen(url=bad.url)
        listen(url=good.url)
        make_event()
        good.await_requests(1)
        await_states(delivered=1, pending=1)
        await_attempt()
        make_event()
        good.await_requests(2)

    delivery = Delivery.objects.filter(endpoint__url=bad.url).earliest("pk")
    assert (delivery.attempts, delivery.status) == (1, 500)
    assert (
        delivery.trouble
        == reason.decode(errors="surrogateescape")[:200].encode(errors="replace").decode()
    )
    assert delivery.answer == "\N{REPLACEMENT CHARACTER}" * 2


@pytest.mark.parametrize("error", [DataError("too long"), RuntimeError("no reason")])
def test_what_goes_wrong_with_one_endpoint_holds_up_no_other(listen, monkeypatch, error):
    with receiving() as receiver:
        first, second = listen(url="https://warehouse.example/"), listen(url=receiver.url)
        assert first.pk < second.pk

        def exchange_of_others(*, endpoint_id, **others):
            if endpoint_id == first.pk:
                raise error
            return exchange(endpoint_id=endpoint_id, **others)

        monkeypatch.setattr("events.relay.exchange", exchange_of_others)
        with relaying():
            make_event()
            receiver.await_requests(1)
            await_states(delivered=1)


def await_attempt():
    deadline = time.monotonic() + 10
    while not Delivery.objects.filter(attempts=1).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_command_delivers_until_it_is_told_to_stop(listen, client, make_product):
    database = connection.settings_dict
    url = (
        f"sqlite:///{database['NAME']}"
        if connection.vendor == "sqlite"
        else "mysql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    )
    with receiving() as receiver:
        listen(url=receiver.url)
        process = subprocess.Popen(
            [sys.executable, "manage.py", "relay"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": url,
                "TEST_SQLITE": "none",  # a shop may not have the tests' own
                "WEBHOOK_NETWORKS": "127.0.0.0/8",
            },
        )
        try:
            buy(client, (make_product(stock=50).pk, 1))
            receiver.await_requests(1)
            await_states(delivered=1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()


def test_many_at_once_are_told_in_order(listen, make_member, make_coupon):
    """The shop's own batches, by threads of their own, while a relay is at work."""
    coupon = make_coupon(total_quantity=20)
    members = [client_of(make_member()) for _ in range(25)]
    with receiving() as receiver, relaying():
        listen("coupon.issued", "coupon.sold_out", url=receiver.url)
        path = f"/api/v1/coupons/{coupon.pk}/issue/"
        answers = run_together([lambda one=one: one.post(path).status_code for one in members])
        requests = receiver.await_requests(21)
        await_states(delivered=21)

    assert sorted(answers) == [201] * 20 + [409] * 5
    *issued, last = requests
    numbers = [request.said["data"]["issue_number"] for request in issued]
    assert numbers == list(range(1, 21))
    assert last.said["type"] == "coupon.sold_out"
