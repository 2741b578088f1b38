"""Order of arrival across processes: the real server, real HTTP, each answer stamped at its entry.

Every member asks for a coupon of a campaign that has one for everybody. The order of the issue
numbers is then compared with the order in which the requests entered the server's processes.
"""

import http.client
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import groupby
from threading import Barrier, Thread
from typing import Any

from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.bench.contents import new_campaigns
from benchmarks.experiment.ordering import greatest_displacement, inversions
from benchmarks.experiment.stamp import ARRIVED, PROCESS
from benchmarks.stack import Database, server
from users.models import User

WORKERS = (2, 4)
MAX_BATCHES = (1, 64)
CLIENTS = 32
REPETITIONS = 3
READY_SECONDS = 30
FINISH_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Issued:
    """A coupon, and where and when its request came in."""

    arrived_ns: int
    process: str
    number: int


@dataclass(frozen=True, slots=True)
class Departure:
    """How far the order of issue departs from the order of arrival, in one run."""

    issued: int
    inversions: int
    displacement: int
    within_processes: int
    """The inversions between requests of one and the same process."""
    busiest_share: float
    """The share of the requests that the busiest process served."""
    picture: list[int] = field(repr=False)
    """The issue numbers in order of arrival."""


def departure(coupons: list[Issued]) -> Departure:
    """Compare the order of issue with that of arrival."""
    coupons = sorted(coupons, key=lambda one: one.arrived_ns)
    numbers = [one.number for one in coupons]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "not numbered 1 … n"
    by_process = groupby(sorted(coupons, key=lambda one: one.process), key=lambda one: one.process)
    counts = Counter(one.process for one in coupons)
    return Departure(
        issued=len(numbers),
        inversions=inversions(numbers),
        displacement=greatest_displacement(numbers),
        within_processes=sum(inversions([one.number for one in own]) for _, own in by_process),
        busiest_share=round(max(counts.values()) / len(numbers), 3),
        picture=numbers,
    )


def measure_arrivals(db: Database, members: list[int]) -> list[dict[str, Any]]:
    """Run the server with 2 and 4 processes, with and without group commit; all departures."""
    tokens = [_long_lived_token(user) for user in User.objects.filter(pk__in=members)]
    measured = []
    for workers in WORKERS:
        for max_batch in MAX_BATCHES:
            variables = {
                "DJANGO_SETTINGS_MODULE": "benchmarks.experiment.stamped_settings",
                "WORKERS": str(workers),
                "GROUP_COMMIT_MAX_BATCH": str(max_batch),
                "SECRET_KEY": os.environ["SECRET_KEY"],  # which the tokens are signed with
            }
            with server(db, **variables) as shop:
                _press_all(shop.port, tokens[: CLIENTS * 2])  # so that every connection is made
                runs = [departure(_press_all(shop.port, tokens)) for _ in range(REPETITIONS)]
            measured.append(_as_json(workers, max_batch, runs))
            print(f"  arrival: {workers} processes, batch limit {max_batch}", flush=True)
    return measured


def _long_lived_token(user: User) -> str:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(hours=1))
    return str(token)


def _as_json(workers: int, max_batch: int, runs: list[Departure]) -> dict[str, Any]:
    typical = sorted(runs, key=lambda run: run.inversions)[len(runs) // 2]
    plain = [asdict(run) for run in runs]
    for run in plain:
        del run["picture"]
    return {
        "workers": workers,
        "max_batch": max_batch,
        "clients": CLIENTS,
        "runs": plain,
        "picture": typical.picture,
    }


def _press_all(port: int, tokens: list[str]) -> list[Issued]:
    """Everybody presses the button of a new campaign; CLIENTS at once, each on one connection."""
    (campaign,) = new_campaigns(1, len(tokens))
    issued: list[Issued] = []
    broken: list[BaseException] = []
    waiting = iter(tokens)
    ready = Barrier(CLIENTS)

    def press() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=FINISH_SECONDS)
        try:
            link.connect()
            ready.wait(READY_SECONDS)
            issued.extend(_press(link, campaign, token) for token in waiting)
        except BaseException as error:
            broken.append(error)
            ready.abort()
        finally:
            link.close()

    clients = [Thread(target=press, daemon=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(FINISH_SECONDS)
    if broken:
        raise broken[0]
    assert len(issued) == len(tokens), "a client did not finish"
    return issued


def _press(link: http.client.HTTPConnection, coupon_id: int, token: str) -> Issued:
    headers = {"Authorization": f"Bearer {token}"}
    link.request("POST", f"/api/v1/coupons/{coupon_id}/issue/", headers=headers)
    answer = link.getresponse()
    body = json.loads(answer.read())
    if answer.status != 201:
        raise RuntimeError(f"{answer.status}: {body}")
    process = answer.headers[PROCESS]
    return Issued(int(answer.headers[ARRIVED]), process, body["issue_number"])
