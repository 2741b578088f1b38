"""Balances and their ledger."""

from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_noop as _noop

from ecommerce.audit.parts import Invariant, Violations, aggregate_of, differ, violations
from users.models import Wallet, WalletTransaction


def _balances_unlike_their_ledger() -> Violations:
    entries = WalletTransaction.objects.filter(wallet=OuterRef("pk"))
    return violations(
        Wallet.objects.annotate(ledger=aggregate_of(entries, "wallet", Sum("amount"))).filter(
            differ("ledger", "balance")
        ),
        _noop(
            "wallet %(pk)s of member %(user_id)s: its balance is %(balance)s won,"
            " its ledger adds up to %(ledger)s"
        ),
        *("pk", "user_id", "balance", "ledger"),
    )


def _balances_unlike_their_last_entry() -> Violations:
    entries = WalletTransaction.objects.filter(wallet=OuterRef("pk")).order_by("-pk")
    last = Coalesce(Subquery(entries.values("balance_after")[:1]), 0)
    return violations(
        Wallet.objects.annotate(last=last).filter(differ("last", "balance")),
        _noop(
            "wallet %(pk)s of member %(user_id)s: its balance is %(balance)s won,"
            " %(last)s after the last entry of its ledger"
        ),
        *("pk", "user_id", "balance", "last"),
    )


def _negative_balances() -> Violations:
    return violations(
        Wallet.objects.filter(balance__lt=0),
        _noop("wallet %(pk)s of member %(user_id)s: its balance is negative, %(balance)s won"),
        *("pk", "user_id", "balance"),
    )


BALANCES = Invariant(
    "each balance is the sum of its ledger and what its last entry left, never negative",
    Wallet,
    (
        _balances_unlike_their_ledger,
        _balances_unlike_their_last_entry,
        _negative_balances,
    ),
)
