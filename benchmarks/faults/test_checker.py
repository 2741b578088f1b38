"""The checker is tested: a sound run passes, and each way to cheat is found and named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest

from benchmarks.faults.books import Books, ChargeRow, IssuedRow, OrderRow
from benchmarks.faults.checker import Verdict, check
from benchmarks.faults.records import Answer, Attempt, Failure, Intent, Kind
from benchmarks.faults.shop import Shop

T = TypeVar("T")
SHOP = Shop({1: "token", 2: "token"}, {10: 100, 11: 2}, products=(20, 21), scarce=22)
LINES = frozenset({(20, 1), (21, 2)})


def error(status: int, code: str, retry_after: str | None = None) -> Answer:
    kind = "server_error" if status >= 500 else "client_error"
    body = {"type": kind, "errors": [{"code": code, "detail": "…", "attr": None}]}
    return Answer(status, body, retry_after)


UNKNOWN = error(503, "outcome_unknown", "5")
BUSY = error(503, "busy", "1")


def coupon(pk: int, number: int, campaign: int = 10) -> Answer:
    return Answer(201, {"id": pk, "coupon": campaign, "issue_number": number})


def order(pk: int, name: str, *, replayed: bool = False) -> Answer:
    items = [{"product": product, "quantity": pieces} for product, pieces in LINES]
    body = {"id": pk, "number": name, "total": 30, "items": items}
    return Answer(201, body, replayed=replayed)


def charge(pk: int, name: str, amount: int) -> Answer:
    return Answer(201, {"id": pk, "reference": name, "amount": amount})


def heard(intent: Intent, *all_heard: Answer | Failure) -> Intent:
    intent.attempts += [Attempt(0.0, 1.0, one) for one in all_heard]
    return intent


def add(rows: list[T], row: T) -> list[T]:
    rows.append(row)
    return rows


@dataclass(slots=True)
class Run:
    """A sound run, to be tampered with."""

    books: Books
    press: Intent
    keyed: Intent
    plain: Intent
    more: list[Intent]

    def verdict(self) -> Verdict:
        return check([self.press, self.keyed, self.plain, *self.more], self.books, SHOP)


@pytest.fixture
def run() -> Run:
    """A coupon, an order under a key and a charge without, each in its books; one sold out."""
    late = [
        heard(Intent(Kind.COUPON, user, "…", campaign=11), one)
        for user, one in ((1, coupon(2, 1, 11)), (2, coupon(3, 2, 11)))
    ]
    late += [heard(Intent(Kind.COUPON, 2, "…", campaign=11), error(409, "coupon_sold_out"))]
    scarce = Intent(Kind.ORDER, 1, "…", lines=frozenset({(20, 5), (22, 1)}))
    return Run(
        books=Books(
            issued=[IssuedRow(1, 10, 1, 1), IssuedRow(2, 11, 1, 1), IssuedRow(3, 11, 2, 2)],
            orders=[OrderRow(5, "ORD-1", 1, 30, LINES)],
            charges=[ChargeRow(7, "CHG-1", 1, 700)],
            issued_quantity={10: 1, 11: 2},
            scarce_stock=0,
        ),
        press=heard(Intent(Kind.COUPON, 1, "…", campaign=10), coupon(1, 1)),
        keyed=heard(Intent(Kind.ORDER, 1, "…", key="k", lines=LINES), order(5, "ORD-1")),
        plain=heard(Intent(Kind.CHARGE, 1, "…", amount=700), charge(7, "CHG-1", 700)),
        more=[*late, heard(scarce, error(409, "out_of_stock"))],
    )


def test_a_sound_run_is_clean(run: Run) -> None:
    assert run.verdict() == Verdict()


@pytest.mark.parametrize(
    "happened",
    [
        lambda run: heard(run.keyed, order(5, "ORD-1", replayed=True)),
        lambda run: run.keyed.attempts.insert(0, Attempt(0.0, 1.0, Failure.CLOSED)),
        lambda run: run.keyed.attempts.insert(0, Attempt(0.0, 1.0, BUSY)),
        lambda run: run.plain.attempts.insert(0, Attempt(0.0, 1.0, Failure.REFUSED)),
        lambda run: run.press.attempts.insert(0, Attempt(0.0, 1.0, UNKNOWN)),
        lambda run: heard(run.press, error(409, "coupon_already_issued")),
        lambda run: add(run.more, heard(Intent(Kind.CHARGE, 2, "…", amount=9), Failure.TIMEOUT)),
        # What nobody was told, and one attempt may have done.
        lambda run: (
            add(run.books.charges, ChargeRow(8, "CHG-2", 2, 9)),
            add(run.more, heard(Intent(Kind.CHARGE, 2, "…", amount=9), Failure.TIMEOUT)),
        ),
    ],
)
def test_what_a_client_may_meet_is_clean(run: Run, happened: Callable[[Run], object]) -> None:
    happened(run)

    assert run.verdict() == Verdict()


def rewrite_last(intent: Intent, answer: Answer | Failure) -> None:
    intent.attempts[-1] = replace(intent.attempts[-1], heard=answer)


TAMPERINGS: dict[str, tuple[str, Callable[[Run], object]]] = {
    "coupon not in the books": ("lost", lambda run: run.books.issued.pop(0)),
    "coupon under another number": (
        "lost",
        lambda run: rewrite_last(run.press, coupon(1, 2)),
    ),
    "order not in the books": ("lost", lambda run: run.books.orders.clear()),
    "order of other lines": (
        "lost",
        lambda run: run.books.orders.__setitem__(
            0, OrderRow(5, "ORD-1", 1, 30, frozenset({(20, 1)}))
        ),
    ),
    "charge not in the books": ("lost", lambda run: run.books.charges.clear()),
    "charge of another amount": (
        "lost",
        lambda run: run.books.charges.__setitem__(0, ChargeRow(7, "CHG-1", 1, 701)),
    ),
    "two coupons for one member": (
        "doubled",
        lambda run: (
            add(run.books.issued, IssuedRow(9, 10, 1, 2)),
            run.books.issued_quantity.update({10: 2}),
        ),
    ),
    "order placed twice under one key": (
        "doubled",
        lambda run: add(run.books.orders, OrderRow(6, "ORD-2", 1, 30, LINES)),
    ),
    "two answers under one key": (
        "doubled",
        lambda run: (
            add(run.books.orders, OrderRow(6, "ORD-2", 1, 30, LINES)),
            heard(run.keyed, order(6, "ORD-2")),
        ),
    ),
    "acted twice under one key, and said the same": (
        "doubled",
        lambda run: heard(run.keyed, order(5, "ORD-1")),
    ),
    "two members told of one charge": (
        "doubled",
        lambda run: add(
            run.more, heard(Intent(Kind.CHARGE, 2, "…", amount=9), charge(7, "CHG-1", 700))
        ),
    ),
    "two requests told of one charge": (
        "doubled",
        lambda run: heard(run.plain, charge(7, "CHG-1", 700)),
    ),
    "one coupon too many": (
        "over_issued",
        lambda run: (
            add(run.books.issued, IssuedRow(9, 11, 3, 3)),
            run.books.issued_quantity.update({11: 3}),
        ),
    ),
    "a gap in the numbers": (
        "over_issued",
        lambda run: run.books.issued.__setitem__(2, IssuedRow(3, 11, 2, 3)),
    ),
    "a count that is not the coupons'": (
        "over_issued",
        lambda run: run.books.issued_quantity.update({10: 2}),
    ),
    "coupon issued, and busy was said": ("untrue", lambda run: rewrite_last(run.press, BUSY)),
    "order placed, and busy was said": ("untrue", lambda run: rewrite_last(run.keyed, BUSY)),
    "charged, and busy was said": ("untrue", lambda run: rewrite_last(run.plain, BUSY)),
    "charged, and nobody asked": (
        "untrue",
        lambda run: add(run.books.charges, ChargeRow(8, "CHG-2", 2, 9)),
    ),
    "charged once more than asked": (
        "untrue",
        lambda run: add(run.books.charges, ChargeRow(8, "CHG-2", 1, 700)),
    ),
    "already issued, and there is none": (
        "untrue",
        lambda run: add(
            run.more,
            heard(Intent(Kind.COUPON, 2, "…", campaign=10), error(409, "coupon_already_issued")),
        ),
    ),
    "sold out, and it is not": (
        "untrue",
        lambda run: (run.books.issued.pop(), run.books.issued_quantity.update({11: 1})),
    ),
    "out of stock, and it is not": (
        "untrue",
        lambda run: setattr(run.books, "scarce_stock", 1),
    ),
    "a replay of nothing": (
        "untrue",
        lambda run: rewrite_last(run.keyed, order(5, "ORD-1", replayed=True)),
    ),
    "a 500": ("foreign", lambda run: heard(run.plain, error(500, "error"))),
    "a 503 of another format": ("foreign", lambda run: heard(run.press, Answer(503, None, "1"))),
    "a 503 without Retry-After": (
        "foreign",
        lambda run: heard(run.press, error(503, "busy")),
    ),
    "a 503 of an unknown code": (
        "foreign",
        lambda run: heard(run.press, error(503, "overloaded", "1")),
    ),
    "a refusal that the load cannot earn": (
        "foreign",
        lambda run: heard(run.plain, error(409, "insufficient_balance")),
    ),
    "a success that is no JSON": (
        "foreign",
        lambda run: add(run.more, heard(Intent(Kind.READ, 1, "…"), Answer(200, None))),
    ),
    "never a clear answer under a key": (
        "unsettled",
        lambda run: rewrite_last(run.keyed, Failure.TIMEOUT),
    ),
    "never a clear answer for a coupon": (
        "unsettled",
        lambda run: rewrite_last(run.press, UNKNOWN),
    ),
}


@pytest.mark.parametrize(
    ("found_as", "tamper"), TAMPERINGS.values(), ids=[name.replace(" ", "-") for name in TAMPERINGS]
)
def test_tampering_is_found(run: Run, found_as: str, tamper: Callable[[Run], object]) -> None:
    tamper(run)

    verdict = run.verdict()

    assert getattr(verdict, found_as), str(verdict)
    assert not verdict.is_clean


# --- The order of issue numbers -----------------------------------------------------------------

QUEUE = Shop(dict.fromkeys(range(1, 6), "token"), {10: 100, 11: 3}, (20, 21), scarce=22)
FOUND = error(409, "coupon_already_issued")
SOLD_OUT = error(409, "coupon_sold_out")

Press = tuple[int, float, float, Answer | Failure]
"""A member who presses, when, until when, and what she hears."""


def judge_queue(numbers: dict[int, int], *presses: Press, campaign: int = 10) -> Verdict:
    """A run in which the members got these numbers (number by member) and pressed so."""
    intents = {user: Intent(Kind.COUPON, user, "…", campaign=campaign) for user, *_ in presses}
    for user, started, ended, one in presses:
        intents[user].attempts.append(Attempt(started, ended, one))
    issued = [IssuedRow(user, campaign, user, number) for user, number in numbers.items()]
    counts = {10: 0, 11: 0, campaign: len(issued)}
    return check(list(intents.values()), Books(issued=issued, issued_quantity=counts), QUEUE)


def got(user: int, number: int, campaign: int = 10) -> Answer:
    return coupon(user, number, campaign)


def test_numbers_in_the_order_of_real_time_are_clean() -> None:
    verdict = judge_queue({1: 1, 2: 2}, (1, 0.0, 1.0, got(1, 1)), (2, 1.1, 2.0, got(2, 2)))

    assert verdict == Verdict()


def test_who_asked_at_the_same_time_may_have_either() -> None:
    verdict = judge_queue({1: 2, 2: 1}, (1, 0.0, 1.0, got(1, 2)), (2, 0.9, 2.0, got(2, 1)))

    assert verdict == Verdict()


def test_who_was_answered_before_another_asked_has_the_lower_number() -> None:
    verdict = judge_queue({1: 2, 2: 1}, (1, 0.0, 1.0, got(1, 2)), (2, 1.1, 2.0, got(2, 1)))

    assert len(verdict.disordered) == 1
    assert "0.100 s before" in verdict.disordered[0]
    assert not verdict.is_clean


def test_any_two_are_compared_and_not_only_neighbours() -> None:
    verdict = judge_queue(
        {1: 4, 2: 1, 3: 2, 4: 3},
        (1, 0.0, 1.0, got(1, 4)),
        (2, 0.5, 3.0, got(2, 1)),
        (3, 2.0, 3.0, got(3, 2)),
        (4, 0.5, 9.0, got(4, 3)),
    )

    assert len(verdict.disordered) == 1


def test_numbers_of_other_campaigns_are_another_queue() -> None:
    run = [
        Intent(Kind.COUPON, 1, "…", campaign=10, attempts=[Attempt(0.0, 1.0, got(1, 2))]),
        Intent(Kind.COUPON, 3, "…", campaign=10, attempts=[Attempt(0.0, 1.0, got(3, 1))]),
        Intent(Kind.COUPON, 2, "…", campaign=11, attempts=[Attempt(2.0, 3.0, got(2, 1, 11))]),
    ]
    issued = [IssuedRow(1, 10, 1, 2), IssuedRow(3, 10, 3, 1), IssuedRow(2, 11, 2, 1)]

    assert check(run, Books(issued=issued, issued_quantity={10: 2, 11: 1}), QUEUE) == Verdict()


def test_a_request_whose_answer_was_lost_counts_from_when_it_was_sent() -> None:
    late = judge_queue(
        {1: 2, 2: 1},
        (1, 0.0, 3.0, got(1, 2)),
        (2, 2.0, 2.5, UNKNOWN),
        (2, 4.0, 5.0, got(2, 1)),
    )

    assert late == Verdict()


def test_a_request_that_changed_nothing_does_not_count() -> None:
    verdict = judge_queue(
        {1: 2, 2: 1},
        (1, 0.0, 3.0, got(1, 2)),
        (2, 2.0, 2.5, BUSY),
        (2, 4.0, 5.0, got(2, 1)),
    )

    assert len(verdict.disordered) == 1


def test_whoever_hears_that_she_has_one_was_told_of_it() -> None:
    verdict = judge_queue(
        {1: 2, 2: 1},
        (1, 0.0, 1.0, Failure.CLOSED),
        (1, 1.0, 2.0, FOUND),
        (2, 2.1, 3.0, got(2, 1)),
    )

    assert len(verdict.disordered) == 1


def test_nobody_gets_one_who_asked_when_sold_out_had_been_said() -> None:
    verdict = judge_queue(
        {1: 1, 2: 2, 3: 3},
        (1, 0.0, 1.0, got(1, 1, 11)),
        (2, 0.0, 1.0, got(2, 2, 11)),
        (4, 0.5, 1.5, SOLD_OUT),
        (3, 1.6, 2.0, got(3, 3, 11)),
        campaign=11,
    )

    assert len(verdict.disordered) == 1
    assert not verdict.untrue  # in the end it is so


def test_sold_out_while_the_last_one_is_on_its_way_is_clean() -> None:
    verdict = judge_queue(
        {1: 1, 2: 2, 3: 3},
        (1, 0.0, 1.0, got(1, 1, 11)),
        (2, 0.0, 1.0, got(2, 2, 11)),
        (3, 1.4, 2.0, got(3, 3, 11)),
        (4, 0.5, 1.5, SOLD_OUT),
        campaign=11,
    )

    assert verdict == Verdict()
