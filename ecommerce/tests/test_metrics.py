"""What Prometheus reads: who may, and that it counts what happened."""

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from common import metrics
from conftest import client_of
from ecommerce import metrics_page
from ecommerce.models import AuditRun
from events.models import Endpoint
from events.services import Answer, Sent, create_endpoint, exchange, take_in
from events.services import waiting as waiting_events
from events.tests.conftest import make_event
from users.services import wallets

METRICS = "/metrics"
TOKEN = "a-token-of-16-or-more"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
PRODUCTS = "/api/v1/products/"
CHARGE = "/api/v1/users/me/balance/charge/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(settings):
    settings.METRICS_TOKEN = TOKEN


class Counts:
    """How much each sample has grown since this was made."""

    def __init__(self):
        self.before = self._read()

    def _read(self):
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for metric in REGISTRY.collect()
            for sample in metric.samples
        }

    def grown(self, name):
        return {
            key[1:]: value - self.before.get(key, 0)
            for key, value in self._read().items()
            if key[0] == name and value != self.before.get(key, 0)
        }


# --- Who may read ---------------------------------------------------------------------------------


def test_nobody_may_unless_a_setting_says_who(api):
    answer = api.get(METRICS, headers=AUTHORIZED)

    assert answer.status_code == 404
    assert b"shop_" not in answer.content


@pytest.mark.parametrize(
    "sent",
    ["", "Bearer ", TOKEN, "Bearer 토큰", f"Bearer {TOKEN}x", f"Basic {TOKEN}"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_does_not_know_the_token_finds_no_such_page(api, token, method, sent):
    answer = api.generic(method, METRICS, headers={"Authorization": sent})

    assert answer.status_code == 404


def test_who_knows_the_token_may_from_anywhere(api, token):
    answer = api.get(METRICS, headers=AUTHORIZED, REMOTE_ADDR="203.0.113.9")

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert b"# TYPE shop_request_seconds histogram" in answer.content


@pytest.mark.parametrize(
    ("allowed", "address", "status"),
    [
        (["10.0.0.0/8"], "10.1.2.3", 200),
        (["10.0.0.0/8"], "11.1.2.3", 404),
        (["192.0.2.7", "2001:db8::/32"], "192.0.2.7", 200),
        (["192.0.2.7", "2001:db8::/32"], "2001:db8::5", 200),
        (["192.0.2.7", "2001:db8::/32"], "192.0.2.8", 404),
        (["10.0.0.0/8"], "", 404),
    ],
)
def test_addresses_that_are_allowed_may(api, settings, allowed, address, status):
    settings.METRICS_ALLOWED = allowed

    assert api.get(METRICS, REMOTE_ADDR=address).status_code == status


def test_nobody_may_by_saying_that_they_come_from_there(api, settings):
    settings.METRICS_ALLOWED = ["10.0.0.0/8"]
    forged = {"X-Forwarded-For": "10.0.0.1"}

    assert api.get(METRICS, headers=forged, REMOTE_ADDR="203.0.113.9").status_code == 404


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_it_is_for_reading_only(api, token, method):
    assert api.generic(method, METRICS, headers=AUTHORIZED).status_code == 405


# --- Requests -------------------------------------------------------------------------------------


def test_requests_are_counted_by_route_method_and_status(api, make_product):
    product = make_product()
    counts = Counts()

    api.get(f"{PRODUCTS}{product.pk}/")
    api.get(f"{PRODUCTS}{product.pk}/")
    api.get(f"{PRODUCTS}999999/")
    api.post(f"{PRODUCTS}", {})

    assert counts.grown("shop_request_seconds_count") == {
        ("GET", "/api/v1/products/<pk>/", "200"): 2,
        ("GET", "/api/v1/products/<pk>/", "404"): 1,
        ("POST", "/api/v1/products/", "405"): 1,
    }
    assert all(value > 0 for value in counts.grown("shop_request_seconds_sum").values())


def test_what_clients_make_up_is_counted_together(api):
    counts = Counts()

    for number in range(5):
        api.get(f"/api/v1/nothing/{number}/")
        api.get(f"/no/such/{number}")
        api.get(f"/static/{number}.css")
        api.generic(f"BREW{number}", PRODUCTS)

    assert counts.grown("shop_request_seconds_count") == {
        ("GET", "/api/", "404"): 5,
        ("GET", "none", "404"): 5,
        ("GET", "static", "404"): 5,
        ("other", "/api/v1/products/", "405"): 5,
    }


# --- What became of it ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_outcomes_of_the_button_are_counted_by_code(make_member, make_coupon):
    coupon = make_coupon(total_quantity=1)
    first, second, third = (client_of(make_member()) for _ in range(3))
    counts = Counts()
    path = f"/api/v1/coupons/{coupon.pk}/issue/"

    statuses = [client.post(path).status_code for client in (first, first, second, third)]

    assert statuses == [201, 409, 409, 409]
    assert counts.grown("shop_outcomes_total") == {
        ("ok", "issue"): 1,
        # Of the holder too: that all are gone was remembered when the last one left.
        ("coupon_sold_out", "issue"): 3,
    }
    remembered = counts.grown("shop_sold_out_remembered_total")[()]
    assert counts.grown("shop_batch_size_count") == {("issue",): 4 - remembered}
    assert counts.grown("shop_batch_wait_seconds_count") == {("issue",): 4 - remembered}
    assert remembered >= 1


@pytest.mark.django_db(transaction=True)
def test_outcomes_of_orders_and_charges_are_counted_by_code(make_member, make_product):
    product = make_product(stock=1, price=1_000)
    client = client_of(make_member(balance=0))
    body = {"items": [{"product": product.pk, "quantity": 1}]}
    counts = Counts()

    assert client.post("/api/v1/orders/", body).status_code == 409
    for amount, status in ((5_000, 201), (5_000, 201), (6_000, 422)):
        sent = client.post(CHARGE, {"amount": amount}, headers={"Idempotency-Key": "k"})
        assert sent.status_code == status
    placed = client.post("/api/v1/orders/", body)
    assert client.post("/api/v1/orders/", body).status_code == 409
    assert client.post(f"/api/v1/orders/{placed.json()['id']}/cancel/").status_code == 200

    assert counts.grown("shop_outcomes_total") == {
        ("insufficient_balance", "order"): 1,
        ("ok", "charge"): 1,
        ("replayed", "charge"): 1,
        ("idempotency_key_reused", "charge"): 1,
        ("ok", "order"): 1,
        ("out_of_stock", "order"): 1,
        ("ok", "cancel"): 1,
    }


@pytest.mark.django_db(transaction=True)
def test_locks_and_commits_are_timed(make_member, make_coupon):
    coupon, member = make_coupon(), make_member()
    counts = Counts()

    client_of(member).post(f"/api/v1/coupons/{coupon.pk}/issue/")

    for name in ("shop_lock_wait_seconds", "shop_lock_held_seconds", "shop_commit_seconds"):
        assert counts.grown(f"{name}_count") == {(): 1}
    held = counts.grown("shop_lock_held_seconds_sum")[()]
    assert held > counts.grown("shop_commit_seconds_sum")[()] > 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OperationalError(1213, "Deadlock found"), "deadlock"),
        (OperationalError(1205, "Lock wait timeout exceeded"), "lock_timeout"),
        (OperationalError("database is locked"), "lock_timeout"),
        (OperationalError(1020, "Record has changed"), "snapshot"),
        (OperationalError(2013, "Lost connection"), "connection_lost"),
    ],
)
def test_what_runs_again_is_counted_by_its_cause(make_member, monkeypatch, error, cause):
    client, failures = client_of(make_member()), [error]
    charge, counts = wallets.charge_wallets, Counts()

    def fail_once(*args, **kwargs):
        if failures:
            raise failures.pop()
        return charge(*args, **kwargs)

    monkeypatch.setattr(wallets, "charge_wallets", fail_once)
    assert client.post(CHARGE, {"amount": 1}).status_code == 201
    assert counts.grown("shop_transaction_retries_total") == {(cause,): 1}


# --- The audit ------------------------------------------------------------------------------------


def samples_of(answer):
    families = text_string_to_metric_families(answer.content.decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_last_audit_is_told_with_its_age(api, token):
    AuditRun.objects.create(
        started_at=timezone.now() - timedelta(days=2), seconds=1, violation_count=7
    )
    begun = timezone.now()
    call_command("audit", verbosity=0)

    samples = samples_of(api.get(METRICS, headers=AUTHORIZED))

    assert samples["shop_audit_violations"] == 0
    assert samples["shop_database_answers"] == 1
    assert begun.timestamp() <= samples["shop_audit_timestamp_seconds"]
    assert samples["shop_audit_timestamp_seconds"] <= timezone.now().timestamp()


def test_before_the_first_audit_there_is_none(api, token):
    assert "shop_audit_violations" not in samples_of(api.get(METRICS, headers=AUTHORIZED))


def test_a_database_that_is_down_leaves_the_rest(api, token, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError(2003, "Can't connect")

    monkeypatch.setattr(QuerySet, "first", fail)

    answer = api.get(METRICS, headers=AUTHORIZED)

    assert answer.status_code == 200
    assert b"shop_request_seconds" in answer.content
    assert b"shop_audit" not in answer.content
    assert b"shop_events" not in answer.content
    assert samples_of(answer)["shop_database_answers"] == 0


def test_a_database_that_is_late_is_not_waited_for(token, monkeypatch):
    class Late:
        def submit(self, work):
            return Future()

    monkeypatch.setattr(metrics_page, "probe", Late())
    monkeypatch.setattr(metrics_page, "DATABASE_SECONDS", 0)

    text = metrics_page._collect().decode()

    assert "shop_database_answers 0.0" in text
    assert "shop_request_seconds" in text
    assert "shop_events" not in text


# --- Events that wait -----------------------------------------------------------------------------

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def waiting(api):
    """Number and age of the oldest, of those that wait for a place, and for their delivery."""
    families = text_string_to_metric_families(api.get(METRICS, headers=AUTHORIZED).content.decode())
    found = {
        (sample.name, sample.labels["stage"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("shop_events_")
    }
    return [
        (found["shop_events_waiting", stage], found["shop_events_oldest_seconds", stage])
        for stage in ("place", "delivery")
    ]


def happen_at(moment, *abouts):
    with time_machine.travel(moment, tick=False):
        for about in abouts:
            make_event(about)


def test_events_wait_for_a_relay_and_then_for_their_delivery(api, token):
    with time_machine.travel(NOON, tick=False):
        endpoint = create_endpoint(name="a", kinds=["order.paid"], url="https://a.example/")
    happen_at(NOON, "order:1", "order:2")
    happen_at(NOON + timedelta(seconds=30), "order:2")
    now = time_machine.travel(NOON + timedelta(seconds=60), tick=False)

    with now:
        assert waiting(api) == [(3, 60), (0, 0)]
        take_in()
        assert waiting(api) == [(0, 0), (3, 60)]
        first, second = exchange(endpoint_id=endpoint.pk, sent=[], most=9)
        assert waiting(api) == [(0, 0), (3, 60)]
        told = [Sent(first, [Answer(is_good=True)]), Sent(second, [Answer(is_good=True)] * 2)]
        exchange(endpoint_id=endpoint.pk, sent=told[:1], most=0)
        assert waiting(api) == [(0, 0), (2, 60)]
        exchange(endpoint_id=endpoint.pk, sent=told[1:], most=0)
        assert waiting(api) == [(0, 0), (0, 0)]


def test_who_is_switched_off_or_asks_the_feed_keeps_none_waiting(api, token):
    create_endpoint(name="a reader", kinds=["order.paid"], url="")
    off = create_endpoint(name="gone", kinds=["order.paid"], url="https://b.example/")
    Endpoint.objects.filter(pk=off.pk).update(switched_off_at=NOON)
    happen_at(NOON, "order:1")
    take_in()

    assert waiting(api) == [(0, 0), (0, 0)]


def test_so_many_are_counted_and_no_more(api, token, monkeypatch):
    monkeypatch.setattr(waiting_events, "COUNTED_MAX", 2)
    create_endpoint(name="the warehouse", kinds=["order.paid"], url="https://a.example/")
    happen_at(NOON, "order:1", "order:2", "order:3")
    take_in()
    happen_at(NOON, "order:1", "order:2", "order:3")

    with time_machine.travel(NOON, tick=False):
        assert waiting(api) == [(2, 0), (2, 0)]


# --- Gauges ---------------------------------------------------------------------------------------


def test_gauges_are_of_this_moment(api, token, make_member):
    metrics.CONNECTIONS.set(-1)

    samples = samples_of(api.get(METRICS, headers=AUTHORIZED))

    assert samples["shop_database_connections"] >= 1
    assert samples["shop_hashes_waiting"] == 0
