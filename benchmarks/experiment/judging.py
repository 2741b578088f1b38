"""What a rush came to: how many got something, whether it is exact, and in which order."""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.experiment.ordering import greatest_displacement, inversions, passed_over
from benchmarks.experiment.race import Kind, Left, Result, Rush

REFUSED, FAILED = 0, -1
"""In a picture: what stands for the number of a request that got none."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """So many requests for so many pieces."""

    kind: Kind
    requests: int
    total: int
    threads: int
    """How many requests are under way at once: each thread has one, and one connection."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rush, judged. The fields are those of docs/benchmarks/experiment.json."""

    succeeded: int
    refused: int
    failed: int
    expected: int
    """How many should have succeeded: all there is, or one for each request."""
    counter: int
    """How many are gone, as the counter says."""
    rows: int
    """How many were written down."""
    duplicates: int
    """Rows whose number another row has too."""
    exact: bool
    """Exactly the expected number went out, numbered 1 … n, as the counter says; nobody failed."""
    inversions: int
    displacement: int
    passed_over: int
    statements: int
    transactions: int
    seconds: float
    reasons: dict[str, int]
    picture: list[int] = field(repr=False)
    """In order of arrival: the number of each request, or REFUSED, or FAILED."""


def judge(scenario: Scenario, rush: Rush, left: Left, *, numbers_are_keys: bool) -> Verdict:
    """Compare what the requests were told with what is in the database."""
    numbers = [answer.number for answer in rush.answers]
    rows = left.numbers
    if numbers_are_keys:
        rank = {key: place for place, key in enumerate(sorted(rows), start=1)}
        numbers = [None if key is None else rank[key] for key in numbers]
        rows = sorted(rank.values())
    told = [number for number in numbers if number is not None]
    results = Counter(answer.result for answer in rush.answers)
    expected = min(scenario.requests, scenario.total)
    as_it_should_be = list(range(1, expected + 1))
    return Verdict(
        succeeded=len(told),
        refused=results[Result.REFUSED],
        failed=results[Result.FAILED],
        expected=expected,
        counter=left.counter,
        rows=len(rows),
        duplicates=len(rows) - len(set(rows)),
        exact=(
            sorted(told) == sorted(rows) == as_it_should_be
            and left.counter == expected
            and results[Result.FAILED] == 0
        ),
        inversions=inversions(told),
        displacement=greatest_displacement(told),
        passed_over=passed_over(numbers),
        statements=rush.counter.statements,
        transactions=rush.counter.transactions,
        seconds=round(rush.seconds, 4),
        reasons=dict(Counter(a.reason for a in rush.answers if a.result is Result.FAILED)),
        picture=[
            number if number is not None else REFUSED if a.result is Result.REFUSED else FAILED
            for number, a in zip(numbers, rush.answers, strict=True)
        ],
    )
