"""The part that runs inside Django, on the database that DATABASE_URL names.

    python -m benchmarks.experiment.on_database quick mysql RESULT.json PART…

The database is migrated, has members, and serves nothing else. `__main__` sees to that.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
django.setup()

from django.db import connection  # noqa: E402  when Django is set up

from benchmarks.bench.contents import database_version  # noqa: E402
from benchmarks.experiment import redis_store  # noqa: E402
from benchmarks.experiment.arrival import measure_arrivals  # noqa: E402
from benchmarks.experiment.judging import Scenario, Verdict, judge  # noqa: E402
from benchmarks.experiment.losses import measure_losses  # noqa: E402
from benchmarks.experiment.queueing import measure_queue  # noqa: E402
from benchmarks.experiment.race import rush  # noqa: E402
from benchmarks.experiment.report import scenario_title  # noqa: E402
from benchmarks.experiment.strategies import STRATEGIES, Strategy  # noqa: E402
from benchmarks.experiment.tables import own_tables  # noqa: E402
from benchmarks.stack import Database, Kind  # noqa: E402
from users.models import User  # noqa: E402

THREADS = 64
"""With 1,000 requests: as many as two processes of the shop have at most, give or take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and how often."""

    seed: int
    """How often each strategy runs the seed's own sizes."""
    sweep: int = 0
    """How often the optimistic ones run them with fewer under way at once."""
    thousand: int = 0
    """How often each strategy runs 1,000 for 300."""
    losses: int = 1
    """How often each kind of cut ends a sale."""


SEEDS_OWN = (Scenario("coupons", 40, 30, 40), Scenario("orders", 11, 10, 11))
LARGE = (Scenario("coupons", 1_000, 300, THREADS), Scenario("orders", 1_000, 300, THREADS))
# The seed's coupons again, with fewer under way at once: 10 is the size that a pool of connections
# has by default in the seed's framework.
SWEEP = tuple(Scenario("coupons", 40, 30, threads) for threads in (2, 4, 10, 20))
PLANS = {"quick": Plan(seed=1), "full": Plan(seed=11, sweep=11, thousand=3, losses=5)}
MEMBERS = max(scenario.requests for scenario in LARGE)


def race_once(strategy: Strategy, scenario: Scenario, members: list[int]) -> Verdict:
    """One rush by one strategy."""
    with strategy.sale(scenario.kind, scenario.total, members) as sale:
        done = rush(sale.attempt, requests=scenario.requests, threads=scenario.threads)
        return judge(scenario, done, sale.left(), numbers_are_keys=sale.numbers_are_keys)


def race_all(plan: Plan, parts: Sequence[str], members: list[int]) -> dict[str, Any]:
    """The rushes of the parts "seed" and "thousand", as JSON has them."""
    warm_up = Scenario("coupons", 4, 2, 2)
    strategies = [one for one in STRATEGIES if one.can_run]
    optimistic = [one for one in strategies if one.name.startswith("optimistic")]
    result: dict[str, Any] = {}
    with own_tables(len(members)):
        for strategy in strategies:
            race_once(strategy, warm_up, members)
        if "seed" in parts:
            result["seed"] = _races(strategies, SEEDS_OWN, plan.seed, members)
            result["seed"] += _races(optimistic, SWEEP, plan.sweep, members)
        if "thousand" in parts:
            result["thousand"] = _races(strategies, LARGE, plan.thousand, members)
    return result


def _races(
    strategies: Sequence[Strategy],
    scenarios: Sequence[Scenario],
    repetitions: int,
    members: list[int],
) -> list[dict[str, Any]]:
    steps = scenarios if repetitions else ()
    return [race for one in steps for race in _race(strategies, one, repetitions, members)]


def _race(
    strategies: Sequence[Strategy], scenario: Scenario, repetitions: int, members: list[int]
) -> list[dict[str, Any]]:
    """The strategies by turns, so that all see the same weather on the machine."""
    started = time.monotonic()
    runs: dict[str, list[Verdict]] = {strategy.name: [] for strategy in strategies}
    for _ in range(repetitions):
        for strategy in strategies:
            runs[strategy.name].append(race_once(strategy, scenario, members))
    print(
        f"  {scenario_title(asdict(scenario))}, {scenario.threads} at once:"
        f" {len(strategies)} strategies × {repetitions}, {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return [_as_json(name, scenario, verdicts) for name, verdicts in runs.items()]


def _as_json(name: str, scenario: Scenario, verdicts: list[Verdict]) -> dict[str, Any]:
    middle = median_low(verdict.succeeded for verdict in verdicts)
    typical = next(verdict for verdict in verdicts if verdict.succeeded == middle)
    runs = [asdict(verdict) for verdict in verdicts]
    for run in runs:
        del run["picture"]
    return {
        "strategy": name,
        "scenario": asdict(scenario),
        "runs": runs,
        # Of the run in the middle by successes, the first if there are several.
        "picture": typical.picture,
    }


def main(plan_name: str, kind: Kind, target: str, *parts: str) -> None:
    members = list(User.objects.order_by("pk").values_list("pk", flat=True)[:MEMBERS])
    assert len(members) == MEMBERS, "there are too few members"
    with redis_store.servers() as redis_is_there:
        if not redis_is_there:
            print("  redis-server is not installed: the ways with Redis are left out", flush=True)
        result: dict[str, Any] = {
            "version": database_version(),
            "strategies": [
                {"name": one.name, "title": one.title, "promises_exact": one.promises_exact}
                for one in STRATEGIES
                if one.can_run
            ],
            **race_all(PLANS[plan_name], parts, members),
        }
        if "losses" in parts and redis_is_there:
            with own_tables(MEMBERS):
                result["losses"] = measure_losses(PLANS[plan_name].losses)
    if "order" in parts and connection.features.has_select_for_update:
        result["queue"] = measure_queue()
        result["arrivals"] = measure_arrivals(Database(kind, os.environ["DATABASE_URL"]), members)
    Path(target).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
