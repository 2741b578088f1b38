"""What the benchmark measures is what the shop does, and what it says is what it saw."""

import json
from types import SimpleNamespace

import pytest

from benchmarks.bench import contents
from benchmarks.bench.group import GROUP, WAYS, waited
from benchmarks.bench.report import between_marks
from benchmarks.bench.summary import (
    Summary,
    events_table,
    losses_table,
    targets,
    telling_table,
    variants_table,
    waits_table,
)
from benchmarks.bench.telling import Told
from benchmarks.stack import REPOSITORY, Database
from events.models import Event, Outgoing
from events.services import take_in
from events.tests.conftest import told
from orders.tests.conftest import buy


@pytest.mark.django_db
def test_the_events_that_are_written_are_those_of_orders(client, product):
    contents.set_listener(True)
    assert buy(client, (product.pk, 1)).status_code == 201
    contents.tell_of_orders(10**12, 2)

    real, *written = told("order.paid")
    assert [one["id"] for one in written] == [10**12, 10**12 + 1]
    for one in written:
        assert one.keys() == real.keys()
        assert one["items"][0].keys() == real["items"][0].keys()
        assert len(json.dumps(one)) == pytest.approx(len(json.dumps(real)), rel=0.2)


@pytest.mark.django_db
def test_who_begins_to_listen_hears_nothing_of_before(client, product):
    contents.set_listener(True)
    contents.tell_of_orders(1, 2)
    contents.set_listener(False)
    contents.tell_of_orders(3, 2)
    contents.set_listener(True)
    contents.tell_of_orders(5, 2)
    contents.set_listener(True)  # once more: of somebody else, from now on

    assert Outgoing.objects.count() == 0
    assert take_in() == 0
    assert contents.Endpoint.objects.get().position == Event.objects.latest("pk").pk
    assert Event.objects.count() == 4


def measurement(scenario, per_second, number, cpu=1.0):
    return {
        "scenario": scenario,
        "clients": 32,
        "round": number,
        "variant": "",
        "per_second": per_second,
        "cpu_server": cpu,
    }


@pytest.fixture
def events():
    rates = {"issue": (1000, 2000, 500), "issue_told": (950, 1800, 480)}
    return {
        "about": {},
        "measurements": [
            measurement(name, rate, number)
            for name, of_name in rates.items()
            for number, rate in enumerate(of_name)
        ],
        "telling": [
            {
                "rate": 1000,
                "per_second": 999.6,
                "written": 15_000,
                "waiting": 120,
                "p50": 100.0,
                "p95": 210.0,
                "p99": 400.0,
                "max": 512.0,
                "cpu_relay": 0.5,
                "cpu_database": None,
            }
        ],
    }


def test_a_listener_is_judged_within_rounds(events):
    assert events_table(Summary(events)).splitlines()[2:] == [
        "| issue | 32 | 1,000 | 950 | 0.95 | 1.00 | 1.05 |"
    ]
    judged = {target.what: target for target in targets(None, None, events)}
    coupon = judged["coupon issue, with a listener against none, 32 clients"]
    order = judged["one-line order, with a listener against none, 32 clients"]
    assert (coupon.wanted, coupon.measured, coupon.is_met) == ("≥ 0.92 ×", "0.95 ×", True)
    assert order.is_met is None


def test_lateness_is_told_in_seconds(events):
    assert telling_table(events).splitlines()[2:] == [
        "| 1,000 | 1,000 | 0.10 | 0.21 | 0.40 | 0.51 | 120 | 0.50 |  |"
    ]
    judged = targets(None, None, events)[-1]
    assert (judged.measured, judged.is_met) == ("210.0 ms", True)


@pytest.mark.parametrize(("waiting", "is_behind"), [(1_000, False), (1_001, True)])
def test_a_relay_is_behind_when_more_waits_than_is_written_in_a_second(waiting, is_behind):
    late = {"p50": 1.0, "p95": 1.0, "p99": 1.0, "max": 1.0}
    told = Told(
        *(1_000, 15_000, 1_000.0), **late, waiting=waiting, cpu_relay=1.0, cpu_database=None
    )
    assert told.is_behind == is_behind


@pytest.fixture
def cluster():
    shared = {"scenario": "issue", "clients": 32, "busy": 0, "cpu_generator": 0, "cpu_others": 0}
    times = dict.fromkeys(("p50", "p95", "p99", "max"), 1.0)
    rates = {"one server": (1000, 2000, 500), "three nodes": (700, 1600, 350)}
    wait = {"scenario": "issue", "clients": 32, "variant": "three nodes", "what": "agreement"}
    return {
        "about": {},
        "measurements": [
            measurement("issue", rate, number, cpu=0.8)
            | {**shared, **times, "variant": variant, "cpu_database": 1.25}
            for variant, of_variant in rates.items()
            for number, rate in enumerate(of_variant)
        ],
        "waits": [
            {**wait, "per_second": per_second, "each": each}
            for per_second, each in ((90.0, 2.0), (100.0, 1.5), (110.0, 9.0))
        ],
        "losses": [
            {"variant": "three nodes", "cut": "power of all", "told": 1800, "lost": 0, "unlike": 0}
        ],
    }


def test_three_nodes_are_judged_against_one_within_rounds(cluster):
    table = variants_table(Summary(cluster), ("one server", "three nodes"), str.upper)
    assert table.splitlines() == [
        "| a second (to the first), by clients | ISSUE: 32 |",
        "| --- | ---: |",
        "| one server | 1,000 (1.00) |",
        "| three nodes | 700 (0.70) |",
    ]


def test_what_commits_wait_for_is_told_of_the_middle_round(cluster):
    told = waits_table(cluster, ("three nodes",)).splitlines()[2:]
    assert told == ["| issue | 32 | three nodes | 2.00 ms × 100 | 0.80 | 1.25 |"]
    assert waits_table(cluster, ("one server",)).splitlines()[2:] == []


def test_waits_are_those_between_two_readings():
    before = {"binlog": (10, 20.0), "agreement": (0, 0.0)}
    after = {"binlog": (30, 60.0), "agreement": (0, 0.0)}
    measured = SimpleNamespace(scenario="issue", clients=1, variant="one server", seconds=4.0)
    binlog, agreement = waited(before, after, measured)
    assert (binlog.what, binlog.per_second, binlog.each) == ("binlog", 5.0, 2.0)
    assert (agreement.per_second, agreement.each) == (0.0, 0.0)


def test_the_first_way_is_the_one_that_nodes_have():
    lines = (REPOSITORY / "deploy/cluster/node.cnf").read_text().splitlines()
    for name, value in WAYS[GROUP].items():
        option = f"{'loose_' * name.startswith('group_')}{name}".replace("_", "-")
        assert f"{option} = {value}" in lines


def test_losses_are_told(cluster):
    assert losses_table(cluster).splitlines()[2:] == [
        "| three nodes | power of all | 1,800 | 0 | 0 |"
    ]


def test_a_database_is_the_same_at_another_address():
    db = Database("mysql", "mysql://shop:secret@10.0.0.1:3306/shop", "an-id")
    assert db.at("127.0.0.1:77") == Database(
        "mysql", "mysql://shop:secret@127.0.0.1:77/shop", "an-id"
    )


def test_a_table_takes_the_place_of_the_one_before():
    page = "a <!-- begin x -->old<!-- end x --> b"
    assert between_marks(page, "x", "new") == "a <!-- begin x -->\nnew\n<!-- end x --> b"
