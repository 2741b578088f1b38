"""Holds what the clients heard against the books: the judge, who has a test of its own."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.faults.books import Books, ChargeRow, IssuedRow, OrderRow
from benchmarks.faults.records import Answer, Attempt, Intent, Kind
from benchmarks.faults.shop import Shop

REFUSALS = {
    Kind.COUPON: {"coupon_already_issued", "coupon_sold_out"},
    Kind.ORDER: {"out_of_stock"},
    Kind.CHARGE: set[str](),
    Kind.READ: set[str](),
}
"""The 409s that the load can earn; every other would be wrong."""
OUTAGES = {"busy", "unavailable", "outcome_unknown"}
"""The 503s of the contract."""
INFINITE = float("inf")

Row = IssuedRow | OrderRow | ChargeRow


@dataclass(slots=True)
class Verdict:
    """Every promise that was broken, in words, by the kind of promise."""

    lost: list[str] = field(default_factory=list)
    """A success was heard, and the books do not have it as it was heard."""
    doubled: list[str] = field(default_factory=list)
    """One intent acted twice, or two were told the same success."""
    over_issued: list[str] = field(default_factory=list)
    """More coupons than the campaign's total, or a count that is not the rows'."""
    disordered: list[str] = field(default_factory=list)
    """Who had an answer before another asked got the higher number."""
    untrue: list[str] = field(default_factory=list)
    """"Nothing was changed", "sold out" and the like were said and are not so."""
    foreign: list[str] = field(default_factory=list)
    """An answer that the contract does not know."""
    unsettled: list[str] = field(default_factory=list)
    """What may be repeated was repeated, and never got a clear answer."""

    def __str__(self) -> str:
        lines = []
        for name in (
            "lost",
            "doubled",
            "over_issued",
            "disordered",
            "untrue",
            "foreign",
            "unsettled",
        ):
            found = getattr(self, name)
            lines += [f"{name}: {len(found)}", *(f"    {line}" for line in found[:10])]
        return "\n".join(lines)

    @property
    def is_clean(self) -> bool:
        return not any(
            (
                self.lost,
                self.doubled,
                self.over_issued,
                self.disordered,
                self.untrue,
                self.foreign,
                self.unsettled,
            )
        )


def check(intents: Collection[Intent], books: Books, shop: Shop) -> Verdict:
    """Judge a run by all that its clients wanted and heard, and the books at its end."""
    verdict = Verdict()
    verdict.foreign += [
        f"{heard} to {intent}"
        for intent in intents
        for heard in (attempt.heard for attempt in intent.attempts)
        if isinstance(heard, Answer) and not _is_of_the_contract(intent.kind, heard)
    ]
    verdict.unsettled += [
        str(intent) for intent in intents if intent.may_be_repeated and not intent.is_settled
    ]
    _check_coupons([intent for intent in intents if intent.kind is Kind.COUPON], books, verdict)
    _check_totals(books, shop, verdict)
    _check_order(intents, books, verdict)
    for kind, rows in ((Kind.ORDER, books.orders), (Kind.CHARGE, books.charges)):
        _check_once([intent for intent in intents if intent.kind is kind], rows, verdict)
    _check_refusals(intents, books, shop, verdict)
    return verdict


# --- The answers by themselves ------------------------------------------------------------------


def _is_of_the_contract(kind: Kind, answer: Answer) -> bool:
    if answer.status == (200 if kind is Kind.READ else 201):
        return isinstance(answer.body, dict)
    if not _is_error_body(answer):
        return False
    codes = {error["code"] for error in answer.body["errors"]}
    if answer.status == 409:
        return codes <= REFUSALS[kind]
    return (
        answer.status == 503
        and codes <= OUTAGES
        and answer.retry_after is not None
        and answer.retry_after.isdecimal()
        and int(answer.retry_after) >= 1
    )


def _is_error_body(answer: Answer) -> bool:
    body = answer.body
    if not isinstance(body, dict) or body.keys() != {"type", "errors"} or not body["errors"]:
        return False
    expected = "server_error" if answer.status >= 500 else "client_error"
    return body["type"] == expected and all(
        isinstance(error, dict) and error.keys() - {"id"} == {"code", "detail", "attr"}
        for error in body["errors"]
    )


# --- Coupons: once for each member and campaign, whoever asked how often ------------------------


def _check_coupons(intents: Iterable[Intent], books: Books, verdict: Verdict) -> None:
    rows: dict[Any, list[IssuedRow]] = defaultdict(list)
    for row in books.issued:
        rows[identity(row)].append(row)
    presses: dict[Any, list[Intent]] = defaultdict(list)
    for intent in intents:
        presses[identity(intent)].append(intent)
    for holder in rows.keys() | presses.keys():
        _check_holder(rows[holder], presses[holder], verdict)


def _check_holder(rows: list[IssuedRow], presses: list[Intent], verdict: Verdict) -> None:
    if len(rows) > 1:
        verdict.doubled.append(f"{len(rows)} coupons of one campaign for one member: {rows}")
    heard = [answer for press in presses for answer in press.successes]
    for answer in heard:
        if not any(_is_coupon(row, answer.body) for row in rows):
            verdict.lost.append(f"{answer.body} is not among {rows}")
    if not rows and any(
        isinstance(attempt.heard, Answer) and attempt.heard.code == "coupon_already_issued"
        for press in presses
        for attempt in press.attempts
    ):
        verdict.untrue.append(f"already issued, and there is none: {presses[0]}")
    if rows and not heard and not any(press.unclear for press in presses):
        verdict.untrue.append(f"issued, and nobody may believe so: {rows[0]}; {presses[:1]}")


def _is_coupon(row: IssuedRow, body: Any) -> bool:
    return (row.id, row.campaign, row.issue_number) == (
        body["id"],
        body["coupon"],
        body["issue_number"],
    )


def _check_totals(books: Books, shop: Shop, verdict: Verdict) -> None:
    for campaign, total in shop.campaigns.items():
        numbers = sorted(row.issue_number for row in books.issued if row.campaign == campaign)
        if len(numbers) > total:
            verdict.over_issued.append(f"campaign {campaign}: {len(numbers)} of {total}")
        if numbers != list(range(1, books.issued_quantity[campaign] + 1)):
            verdict.over_issued.append(
                f"campaign {campaign} counts {books.issued_quantity[campaign]}, its coupons are"
                f" {len(numbers)}, up to number {max(numbers, default=0)}"
            )


# --- Issue numbers are in the order of real time ------------------------------------------------


@dataclass(slots=True)
class _Moment:
    """A place in a campaign's queue, and between which moments it was given."""

    number: float
    """The issue number; infinite for "sold out", which comes after all of them."""
    what: object
    asked: float = INFINITE
    """When the first request that may have got it was sent."""
    told: float = INFINITE
    """When somebody first heard of it."""


def _check_order(intents: Collection[Intent], books: Books, verdict: Verdict) -> None:
    """Who had an answer before another asked has the lower number.

    Who asked while another waited may have either. Nothing is given back in a run, so nobody who
    asks after "sold out" was said gets a coupon.
    """
    places = {identity(row): _Moment(row.issue_number, row) for row in books.issued}
    queues: dict[int, list[_Moment]] = defaultdict(list)
    for row in books.issued:
        queues[row.campaign].append(places[identity(row)])
    for intent, attempt in _attempts(intents):
        if intent.campaign is None:
            continue
        code = attempt.heard.code if isinstance(attempt.heard, Answer) else None
        if code == "coupon_sold_out":
            queues[intent.campaign].append(_Moment(INFINITE, intent, told=attempt.ended))
        elif (place := places.get(identity(intent))) is not None:
            if attempt.succeeded or attempt.is_unclear:
                place.asked = min(place.asked, attempt.started)
            if attempt.succeeded or code == "coupon_already_issued":
                place.told = min(place.told, attempt.ended)
    for queue in queues.values():
        _check_queue(queue, verdict)


def _check_queue(queue: list[_Moment], verdict: Verdict) -> None:
    """From the last to the first: each against the earliest that was told of one behind it."""
    earliest: _Moment | None = None
    for place in sorted(queue, key=lambda one: one.number, reverse=True):
        # Equal numbers are another lie, which is found elsewhere; so is one that nobody asked for.
        if earliest and earliest.number > place.number and earliest.told < place.asked < INFINITE:
            verdict.disordered.append(
                f"{earliest.what} was told {place.asked - earliest.told:.3f} s before somebody"
                f" asked for {place.what}"
            )
        if earliest is None or place.told < earliest.told:
            earliest = place


# --- Orders and charges: each intent for itself -------------------------------------------------


def identity(thing: Intent | Row) -> Any:
    """What tells an intent from all others, and the rows that it made from all others."""
    if isinstance(thing, IssuedRow) or (isinstance(thing, Intent) and thing.campaign):
        return Kind.COUPON, thing.user_id, thing.campaign
    if isinstance(thing, ChargeRow) or (isinstance(thing, Intent) and thing.amount):
        return Kind.CHARGE, thing.user_id, thing.amount
    assert isinstance(thing, Intent | OrderRow)
    return Kind.ORDER, thing.user_id, thing.lines


def _check_once(
    intents: Iterable[Intent], rows: Iterable[OrderRow] | Iterable[ChargeRow], verdict: Verdict
) -> None:
    rows_of: dict[Any, list[OrderRow | ChargeRow]] = defaultdict(list)
    for row in rows:
        rows_of[identity(row)].append(row)
    told: dict[str, Intent] = {}
    for intent in intents:
        _check_intent(intent, rows_of.pop(identity(intent), []), verdict)
        for name in {_name(answer.body) for answer in intent.successes}:
            if told.setdefault(name, intent) is not intent:
                verdict.doubled.append(f"{name} was told to {told[name]} and to {intent}")
    verdict.untrue += [f"nobody asked for {row}" for left in rows_of.values() for row in left]


def _check_intent(intent: Intent, rows: list[OrderRow | ChargeRow], verdict: Verdict) -> None:
    names = {_name(answer.body) for answer in intent.successes}
    for answer in intent.successes:
        if not any(_is_row(row, answer.body) for row in rows):
            verdict.lost.append(f"{answer.body} is not among {rows}")
    first_times = [answer for answer in intent.successes if not answer.replayed]
    if intent.key is not None:
        if len(rows) > 1 or len(names) > 1 or len(first_times) > 1:
            verdict.doubled.append(f"{intent} acted as {rows}")
        if names and not first_times and not intent.unclear:
            verdict.untrue.append(f"called a replay, and there was no first: {intent}")
        most = 1 if names or intent.unclear else 0
    else:
        if len(names) < len(first_times):
            verdict.doubled.append(f"two requests were told one success: {intent}")
        most = len(names) + intent.unclear
    if len(rows) > most and not (intent.key is not None and len(rows) > 1):
        verdict.untrue.append(f"acted, and nobody may believe so: {intent} as {rows}")


def _name(body: Any) -> str:
    return str(body.get("number") or body.get("reference"))


def _is_row(row: OrderRow | ChargeRow, body: Any) -> bool:
    if isinstance(row, ChargeRow):
        return (row.id, row.reference, row.amount) == (
            body["id"],
            body["reference"],
            body["amount"],
        )
    return (row.id, row.number, row.total, row.lines) == (
        body["id"],
        body["number"],
        body["total"],
        frozenset((line["product"], line["quantity"]) for line in body["items"]),
    )


# --- Refusals must be true ----------------------------------------------------------------------


def _check_refusals(intents: Iterable[Intent], books: Books, shop: Shop, verdict: Verdict) -> None:
    """Nothing is ever given back in a run, so what was sold out once is so in the end."""
    for intent, attempt in _attempts(intents):
        heard = attempt.heard
        if not isinstance(heard, Answer):
            continue
        if heard.code == "coupon_sold_out":
            campaign = intent.campaign or 0
            if books.issued_quantity[campaign] < shop.campaigns[campaign]:
                verdict.untrue.append(f"sold out, and it is not: {intent}")
        elif heard.code == "out_of_stock":
            wanted = sum(quantity for product, quantity in intent.lines if product == shop.scarce)
            if wanted <= books.scarce_stock:
                verdict.untrue.append(f"out of stock, and it is not: {intent}")


def _attempts(intents: Iterable[Intent]) -> Iterator[tuple[Intent, Attempt]]:
    return ((intent, attempt) for intent in intents for attempt in intent.attempts)
