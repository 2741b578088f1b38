"""Requests that arrive in the same moment, and what they must leave behind."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from rest_framework.response import Response

from conftest import client_of
from ecommerce.audit import Finding, run_audit
from ecommerce.tests.threads import run_together
from users.models import User, Wallet, WalletTransaction

Request = Callable[[], Response]


def post(user: User | None, path: str, body: Any = None, *, key: str | None = None) -> Request:
    """A POST below /api/v1/ by `user` that is sent when it is called, by a client of its own."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return lambda: client_of(user).post(f"/api/v1/{path}", body, headers=headers)


def charge(user: User, amount: int, *, key: str | None = None) -> Request:
    return post(user, "users/me/balance/charge/", {"amount": amount}, key=key)


def order(
    user: User, *lines: tuple[int, int], coupon: int | None = None, key: str | None = None
) -> Request:
    """An order of `lines`, each a product's id and a quantity."""
    items = [{"product": product, "quantity": quantity} for product, quantity in lines]
    return post(user, "orders/", {"items": items, "coupon": coupon}, key=key)


def race(
    requests: Sequence[Request], *, meanwhile: Sequence[Callable[[], object]] = ()
) -> list[Response]:
    """Send all requests in the same moment, while others do what is to be done `meanwhile`.

    Returns the answers, in the order of the requests. None may be a server's error, and the audit
    must find nothing afterwards.
    """
    answers = send_at_once([*requests, *meanwhile])[: len(requests)]
    assert [summary(answer) for answer in answers if answer.status_code >= 500] == []
    assert_sound()
    return answers


def send_at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each of `works`, run in the same moment, returned; raises what one of them raised."""
    outcomes = run_together(works)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes


def assert_sound() -> None:
    """The audit finds nothing."""
    assert [line for finding in _audit() for line in finding.violations] == []


def unsound() -> set[str]:
    """What the audit finds something about: wallets, products …"""
    return {finding.subject for finding in _audit() if finding.violation_count}


def _audit() -> list[Finding]:
    with transaction.atomic():  # there it makes no connection of its own, which takes longer
        return run_audit().findings


def tally(answers: Sequence[Response]) -> dict[str, int]:
    """How many answers of each kind: `{"201": 30, "409 coupon_sold_out": 10}`."""
    return dict(Counter(summary(answer) for answer in answers))


def summary(answer: Response) -> str:
    """An answer's status, and the codes of its errors."""
    codes = [error["code"] for error in answer.json()["errors"]] if answer.status_code > 399 else []
    return " ".join([str(answer.status_code), *codes])


def balance_of(user: User) -> int:
    return Wallet.objects.get(user=user).balance


def ledger_of(user: User) -> list[tuple[str, int, int]]:
    """The member's ledger, oldest first: kind, amount, and balance after."""
    entries = WalletTransaction.objects.filter(wallet__user=user).order_by("id")
    return list(entries.values_list("kind", "amount", "balance_after"))
