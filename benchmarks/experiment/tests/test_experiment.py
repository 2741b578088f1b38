"""The experiment itself: exact where exactness is promised, and it counts and draws truly."""

import json
from itertools import count

import pytest
from django.db import connection

from benchmarks.experiment import on_database, redis_store
from benchmarks.experiment.arrival import Issued, departure
from benchmarks.experiment.judging import Scenario, judge
from benchmarks.experiment.losses import measure_loss
from benchmarks.experiment.plots import write_plots
from benchmarks.experiment.race import Answer, Left, Refused, Result, Rush, rush
from benchmarks.experiment.report import write_tables
from benchmarks.experiment.strategies import STRATEGIES
from benchmarks.experiment.tables import own_tables

COUPONS, ORDERS = on_database.SEEDS_OWN
EXACT = [strategy for strategy in STRATEGIES if strategy.promises_exact]
INEXACT = [strategy for strategy in STRATEGIES if not strategy.promises_exact]


@pytest.fixture(scope="session")
def redis():
    """Redis servers, where Redis is installed."""
    with redis_store.servers() as is_there:
        yield is_there


@pytest.fixture
def members(transactional_db, make_member, redis):
    with own_tables(40):
        yield [make_member(balance=1_000).pk for _ in range(40)]


def skip_where_it_can_not_run(strategy):
    if strategy.needs_row_locks and connection.vendor == "sqlite":
        pytest.skip("SQLite has neither named locks nor SKIP LOCKED; it runs on MySQL")
    if not strategy.can_run:
        pytest.skip("redis-server is not installed; CI installs it")


@pytest.mark.parametrize("strategy", EXACT, ids=lambda strategy: strategy.name)
def test_an_exact_strategy_gives_forty_requests_thirty_coupons(members, strategy):
    skip_where_it_can_not_run(strategy)
    verdict = on_database.race_once(strategy, COUPONS, members)
    assert (verdict.succeeded, verdict.refused, verdict.failed) == (30, 10, 0)
    assert (verdict.counter, verdict.rows, verdict.duplicates) == (30, 30, 0)
    assert verdict.exact


@pytest.mark.parametrize("strategy", EXACT, ids=lambda strategy: strategy.name)
def test_an_exact_strategy_gives_eleven_orders_ten_pieces(members, strategy):
    skip_where_it_can_not_run(strategy)
    verdict = on_database.race_once(strategy, ORDERS, members)
    assert (verdict.succeeded, verdict.refused, verdict.failed) == (10, 1, 0)
    assert (verdict.counter, verdict.rows, verdict.duplicates) == (10, 10, 0)
    assert verdict.exact


@pytest.mark.parametrize("strategy", INEXACT, ids=lambda strategy: strategy.name)
def test_one_request_after_the_other_is_exact_with_any_strategy(members, strategy):
    verdict = on_database.race_once(strategy, Scenario("coupons", 5, 3, 1), members)
    assert verdict.exact
    assert verdict.picture == [1, 2, 3, 0, 0]


def test_statements_and_transactions_are_counted(members):
    by_name = {strategy.name: strategy for strategy in STRATEGIES}
    alone = Scenario("coupons", 5, 3, 1)
    counted = {
        name: on_database.race_once(by_name[name], alone, members)
        for name in ("no-lock", "conditional-update", "pessimistic")
    }
    # Read, write, insert for each of three; then a read, or an update in vain, for each of two.
    assert {name: verdict.statements for name, verdict in counted.items()} == {
        "no-lock": 11,
        "conditional-update": 11,
        "pessimistic": 11,
    }
    assert {verdict.transactions for verdict in counted.values()} == {5}
    # The shop's own threads are counted, too; after the third it is known that none is left.
    shop = on_database.race_once(by_name["shop-group-commit"], alone, members)
    assert (shop.statements, shop.transactions) == (12, 3)


@pytest.mark.django_db(transaction=True)
def test_a_rush_serves_each_request_once_and_sorts_by_arrival():
    calls = count()

    def attempt(index):
        next(calls)
        connection.ensure_connection()
        if index % 2:
            raise Refused
        if index == 4:
            raise ValueError("broken")
        return index + 1

    done = rush(attempt, requests=20, threads=4)
    assert next(calls) == 20
    arrivals = [answer.arrived_ns for answer in done.answers]
    assert arrivals == sorted(arrivals)
    numbers = sorted(answer.number for answer in done.answers if answer.number)
    assert numbers == [1, 3, 7, 9, 11, 13, 15, 17, 19]
    assert [a.reason for a in done.answers if a.result is Result.FAILED] == ["ValueError: broken"]


@pytest.mark.parametrize("fsync", redis_store.FSYNCS)
def test_who_was_told_by_redis_is_in_the_books_after_it_was_killed(members, redis, fsync):
    if not redis:
        pytest.skip("redis-server is not installed; CI installs it")
    loss = measure_loss("kill", fsync)
    assert loss.told > 0
    assert (loss.lost, loss.given_again) == (0, 0)


# --- Judging --------------------------------------------------------------------------------------


class _Counted:
    statements, transactions = 12, 4


def verdict_of(scenario, outcomes, left, *, numbers_are_keys=False):
    """`outcomes` in order of arrival: a number, None for refused, or a text for failed."""
    answers = [
        Answer(place, Result.REFUSED)
        if outcome is None
        else Answer(place, Result.FAILED, reason=outcome)
        if isinstance(outcome, str)
        else Answer(place, Result.SUCCEEDED, outcome)
        for place, outcome in enumerate(outcomes)
    ]
    rush_ = Rush(answers, 0.5, _Counted())
    return judge(scenario, rush_, left, numbers_are_keys=numbers_are_keys)


FOUR_FOR_TWO = Scenario("coupons", 4, 2, 4)


def test_what_was_given_exactly_is_exact_even_out_of_order():
    verdict = verdict_of(FOUR_FOR_TWO, [None, 2, 1, None], Left(2, [1, 2]))
    assert verdict.exact
    assert (verdict.inversions, verdict.displacement, verdict.passed_over) == (1, 1, 1)
    assert verdict.picture == [0, 2, 1, 0]


@pytest.mark.parametrize(
    ("outcomes", "left"),
    [
        ([1, 2, 3, None], Left(3, [1, 2, 3])),  # one too many
        ([1, None, None, None], Left(1, [1])),  # one too few
        ([1, 2, None, "lost"], Left(2, [1, 2])),  # a failure
        ([1, 2, None, None], Left(1, [1, 2])),  # the counter forgot one
        ([1, 2, None, None], Left(2, [1, 2, 2])),  # a row that nobody was told of
        ([1, 1, None, None], Left(2, [1, 1])),  # a number twice
        ([1, 3, None, None], Left(2, [1, 3])),  # a gap
    ],
)
def test_what_is_not_exact_is_found(outcomes, left):
    assert not verdict_of(FOUR_FOR_TWO, outcomes, left).exact


def test_failures_and_duplicates_are_counted():
    verdict = verdict_of(FOUR_FOR_TWO, [1, "lost", 1, "lost"], Left(1, [1, 1]))
    assert (verdict.failed, verdict.duplicates, verdict.reasons) == (2, 1, {"lost": 2})
    assert verdict.picture == [1, -1, 1, -1]


def test_keys_are_turned_into_places():
    verdict = verdict_of(
        FOUR_FOR_TWO, [71, 70, None, None], Left(2, [70, 71]), numbers_are_keys=True
    )
    assert verdict.exact
    assert verdict.picture == [2, 1, 0, 0]


def test_disorder_within_a_process_is_told_from_that_between_processes():
    measured = departure(
        [Issued(10, "a", 2), Issued(11, "b", 1), Issued(12, "a", 4), Issued(13, "b", 3)]
    )
    assert (measured.inversions, measured.displacement) == (2, 1)
    assert measured.within_processes == 0
    assert measured.busiest_share == 0.5


# --- Writing up -----------------------------------------------------------------------------------


def test_the_same_results_make_the_same_files(members, tmp_path):
    pessimistic = next(one for one in STRATEGIES if one.name == "pessimistic")
    verdict = on_database.race_once(pessimistic, ORDERS, members)
    coupons = on_database.race_once(pessimistic, COUPONS, members)
    result = {
        "version": on_database.database_version(),
        "strategies": [{"name": "pessimistic", "title": "Pessimistic", "promises_exact": True}],
        "seed": [
            on_database._as_json("pessimistic", COUPONS, [coupons]),
            on_database._as_json("pessimistic", ORDERS, [verdict]),
        ],
        "queue": {
            "waiters": 20,
            "inversions": [0],
            "displacement": [0],
            "dependents": 3,
            "last_served_as": [1],
        },
        "arrivals": [
            {
                "workers": 2,
                "max_batch": 1,
                "clients": 32,
                "picture": [2, 1, 3],
                "runs": [
                    {
                        "issued": 3,
                        "inversions": 1,
                        "displacement": 1,
                        "within_processes": 0,
                        "busiest_share": 0.667,
                    },
                ],
            }
        ],
    }
    whole = {"measured": "2026-01-01", "machine": "a", "databases": {"mysql": result}}
    whole = json.loads(json.dumps(whole))
    written = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        write_plots(whole, folder)
        write_tables(whole, folder / "tables.md")
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert written[0].keys() == {
        "pessimistic-seed.png",
        "comparison.png",
        "arrival.png",
        "tables.md",
    }
    assert "| Pessimistic | **30** |" in written[0]["tables.md"].decode()


def test_databases_are_told_side_by_side_also_where_one_was_not_measured(tmp_path):
    orders = {"kind": "orders", "requests": 11, "total": 10, "threads": 11}
    run = {"exact": True, "succeeded": 10, "inversions": 3, "seconds": 0.25}
    race = {"strategy": "lock", "scenario": orders, "runs": [run, run | {"exact": False}]}
    named = [{"name": "lock", "title": "A lock", "promises_exact": True}]
    databases = {
        "mysql": {"version": "MySQL 9", "strategies": named, "seed": [race]},
        "mariadb": {"version": "MariaDB 10", "strategies": named, "seed": []},
        "sqlite": {"version": "SQLite 3", "strategies": named, "seed": [race | {"runs": [run]}]},
    }
    target = tmp_path / "tables.md"
    write_tables({"measured": "today", "machine": "a", "databases": databases}, target)
    text = target.read_text(encoding="utf-8")
    assert "| Strategy | MySQL: out | Inv. | ms | SQLite: out | Inv. | ms |" in text
    assert "| A lock | 10 (exact: 1/2) | 3 | 250 | **10** | 3 | 250 |" in text
