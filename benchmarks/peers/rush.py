"""Members who press the button at the same moment, and what each is told."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.peers.books import Pair

TIMEOUT_SECONDS = 20
BROKEN = (OSError, http.client.HTTPException, ValueError)
"""What a client sees of a server that dies."""


class Answer(NamedTuple):
    """What one member is told."""

    status: int
    member: int
    number: int | None = None
    """Of the coupon, where there is one."""


Member = tuple[int, str]
"""Their id and token."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a rush, and whether it is exact."""

    asked: int
    told: int
    refused: int
    in_the_books: int
    exact: bool


def judge(answers: Sequence[Answer], rows: Sequence[Pair], total: int) -> Verdict:
    """Whether `total` members have a coupon each, numbered without a gap, as they were told."""
    told = [(a.member, a.number) for a in answers if a.status == 201 and a.number is not None]
    statuses = Counter(answer.status for answer in answers)
    numbers = sorted(number for _, number in told)
    return Verdict(
        len(answers),
        len(told),
        statuses[409],
        len(rows),
        exact=numbers == list(range(1, total + 1))
        and sorted(told) == sorted(rows)
        and len({member for member, _ in told}) == total
        and statuses[409] == len(answers) - total,
    )


def ask(connection: http.client.HTTPConnection, campaign: int, member: Member) -> Answer:
    """Ask for a coupon; raises one of `BROKEN` when the connection breaks."""
    user, token = member
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", f"/api/v1/coupons/{campaign}/issue/", b"", headers)
    response = connection.getresponse()
    body = response.read()
    number = json.loads(body)["issue_number"] if response.status == 201 else None
    return Answer(response.status, user, number)


def read(url: str, path: str) -> Any:
    """What is answered to anyone, from JSON."""
    with closing(connect(url)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


def connect(url: str) -> http.client.HTTPConnection:
    """A connection to the server at `url`; close it."""
    address = urlsplit(url)
    return http.client.HTTPConnection(address.hostname or "", address.port, TIMEOUT_SECONDS)


def all_at_once(url: str, campaign: int, members: Sequence[Member]) -> list[Answer]:
    """Let each of the members ask once, all at the same moment."""
    start = threading.Barrier(len(members))
    answers: list[Answer] = []

    def press(member: Member) -> None:
        with closing(connect(url)) as connection:
            connection.connect()
            start.wait()
            answers.append(ask(connection, campaign, member))

    for thread in _start(press, members):
        thread.join()
    return answers


def sell_until(
    url: str,
    campaign: int,
    queues: Sequence[Sequence[Member]],
    seconds: float,
    cut: Callable[[], object],
) -> list[Pair]:
    """Let one client for each queue ask for its members in turn, until the cut.

    Returns who was told which number.
    """
    told: list[Pair] = []

    def sell(members: Sequence[Member]) -> None:
        try:
            with closing(connect(url)) as connection:
                for member in members:
                    answer = ask(connection, campaign, member)
                    if answer.number is not None:
                        told.append((answer.member, answer.number))
        except BROKEN:  # it is killed
            return

    threads = _start(sell, queues)
    time.sleep(seconds)
    cut()
    for thread in threads:
        thread.join()
    return told


def _start(do: Callable[[Any], object], each: Sequence[object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=do, args=[one]) for one in each]
    for thread in threads:
        thread.start()
    return threads
