"""Every write to wallets: charges, corrections, and what orders build on."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from common.db.batches import Batch, committed
from common.db.group_commit import GroupCommit
from common.db.idempotency import IdempotencyKey, Outcome
from common.db.locks import Locking, Row, RowHeld, RowLock, Waiting
from common.db.rows import save_fields, save_new
from common.db.transactions import run_transaction
from common.errors import DomainError, NotUndoable, UndoneAlready
from common.references import UNDOING, new_reference, undoing
from events.models import Kind
from events.services import record
from users.access import MEMBERS, Access, ensure_in_session
from users.errors import BalanceLimitExceeded, InsufficientBalance
from users.facts import facts_of_charges
from users.models import User, Wallet, WalletTransaction

# --- Members ------------------------------------------------------------------------------------

_sessions_ended = Locking(
    lambda *user_ids: (
        User.objects.filter(pk__in=user_ids, is_active=True)
        .order_by("pk")
        .values_list("pk", "sessions_ended")
    ),
    shared=True,
)


def lock_active_members(
    user_ids: Collection[int], waiting: Waiting = Waiting.LONG
) -> dict[int, int]:
    """Which of the members may act, and may until the transaction that is open has ended.

    With each, when all sessions last ended (`User.sessions_ended`). With `Waiting.NONE`, those
    whose rows others hold are left out; `MEMBERS.held` tells them.
    """
    return dict(_sessions_ended.rows(*user_ids, waiting=waiting))


# --- Wallets ------------------------------------------------------------------------------------

WALLETS: RowLock[Wallet] = RowLock(Wallet.objects.all, by="user_id")
"""Wallets by their members."""


def lock_wallets(user_ids: Collection[int], waiting: Waiting = Waiting.LONG) -> dict[int, Wallet]:
    """Lock the members' wallets, lowest member id first. Needs an open transaction.

    Returns the wallets of the members who exist, by member id; a member who has none yet (made
    by `createsuperuser`, say) gets one. With `Waiting.NONE`, those that others hold are left out.
    """
    wallets = WALLETS.objects(user_ids, waiting)
    missing = set(user_ids) - wallets.keys()
    missing -= WALLETS.held(missing, waiting)
    if missing:
        existing = User.objects.filter(pk__in=missing).values_list("pk", flat=True)
        Wallet.objects.bulk_create(
            [Wallet(user_id=user_id) for user_id in sorted(existing)], ignore_conflicts=True
        )
        wallets = WALLETS.objects(user_ids, waiting)
    return wallets


def credit(wallet: Wallet, amount: int) -> None:
    """Add won to a locked wallet, in memory; `save_wallets` writes it.

    Raises:
        BalanceLimitExceeded: it would hold more than `BALANCE_MAX` won.
    """
    if wallet.balance + amount > settings.BALANCE_MAX:
        raise BalanceLimitExceeded
    wallet.balance += amount


def debit(wallet: Wallet, amount: int) -> None:
    """Take won from a locked wallet, in memory; `save_wallets` writes it.

    Raises:
        InsufficientBalance: it holds less.
    """
    if wallet.balance < amount:
        raise InsufficientBalance
    wallet.balance -= amount


def save_wallets(wallets: Collection[Wallet], entries: Sequence[WalletTransaction]) -> None:
    """Write locked wallets and the ledger entries that say why. Needs an open transaction."""
    now = timezone.now()
    for wallet in wallets:
        wallet.updated_at = now
    save_fields(wallets, ["balance", "updated_at"])
    save_new(entries)


# --- Charging -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charge:
    """So many won that a member adds. Its reference is fixed before anything is tried."""

    user_id: int
    amount: int
    idempotency: IdempotencyKey | None = None
    access: Access | None = None
    """What the member's access token says; None for commands."""
    reference: str = field(default_factory=lambda: new_reference("CHG"))

    def rows(self) -> tuple[Row, Row]:
        """What it locks."""
        return Row(MEMBERS, self.user_id), Row(WALLETS, self.user_id)


def charge_wallet(
    *,
    user_id: int,
    amount: int,
    idempotency: IdempotencyKey | None = None,
    access: Access | None = None,
) -> Outcome[WalletTransaction]:
    """Add `amount` won to a member's balance.

    Raises:
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
        IdempotencyKeyReused: the key came before, with another amount.
        BalanceLimitExceeded: the balance would exceed `BALANCE_MAX` won.
    """
    return enqueue_charge(
        user_id=user_id, amount=amount, idempotency=idempotency, access=access
    ).result()


def enqueue_charge(
    *,
    user_id: int,
    amount: int,
    idempotency: IdempotencyKey | None = None,
    access: Access | None = None,
) -> "Future[Outcome[WalletTransaction]]":
    """As `charge_wallet`, without waiting."""
    return _charging.enqueue(None, Charge(user_id, amount, idempotency, access))


def charge_wallets(
    charges: Sequence[Charge], *, waiting: Waiting = Waiting.LONG
) -> list[Outcome[WalletTransaction] | DomainError | RowHeld]:
    """Charge a batch of wallets, in the order given. Needs an open transaction.

    Returns an entry for each charge, in the same order, or why there is none.
    """
    locked = _lock_for_charges(charges, waiting.for_own_rows)
    outcomes: list[Outcome[WalletTransaction] | DomainError | RowHeld] = []
    made: dict[int, list[WalletTransaction]] = defaultdict(list)
    for charge in charges:
        try:
            outcome = _find_earlier(charge, locked)
            if outcome is None:
                outcome = Outcome(_charge(charge, locked))
                made[charge.user_id].append(outcome.value)
            outcomes.append(outcome)
        except (DomainError, RowHeld) as refusal:
            outcomes.append(refusal)
    if made:
        wallets = [locked.wallets[user_id] for user_id in sorted(made)]
        entries = [entry for entries in made.values() for entry in entries]
        save_wallets(wallets, entries)
        record({Kind.BALANCE_CHARGED: facts_of_charges(entries)})
    return outcomes


@dataclass(slots=True)
class _LockedForCharges:
    """What a batch of charges needs, locked and read, and kept up while it is decided."""

    active: dict[int, int]
    """Active members, and when their sessions last ended."""
    held: set[int]
    """Members whose rows others hold."""
    wallets: dict[int, Wallet]
    by_key: dict[tuple[int, str], WalletTransaction]
    """Entries by wallet and idempotency key."""


def _lock_for_charges(charges: Sequence[Charge], waiting: Waiting) -> _LockedForCharges:
    user_ids = {charge.user_id for charge in charges}
    active = lock_active_members(user_ids, waiting)
    held = MEMBERS.held(user_ids - active.keys(), waiting)
    wallets = lock_wallets(active, waiting)
    # Looked up after the wallet's lock: whoever holds the same key is done by now.
    entries = WalletTransaction.objects.filter(
        wallet__in=[wallet.pk for wallet in wallets.values()]
    )
    keys = {charge.idempotency.key for charge in charges if charge.idempotency}
    by_key = {
        (entry.wallet_id, str(entry.idempotency_key)): entry
        for entry in (entries.filter(idempotency_key__in=keys) if keys else ())
    }
    return _LockedForCharges(active, held, wallets, by_key)


def _find_earlier(charge: Charge, locked: _LockedForCharges) -> Outcome[WalletTransaction] | None:
    """The entry that a request with the same key has made before."""
    member, own = charge.rows()
    if charge.user_id in locked.held:
        raise RowHeld(member)
    ensure_in_session(locked.active.get(charge.user_id), charge.access)
    if charge.user_id not in locked.wallets:
        raise RowHeld(own)
    if charge.idempotency is None:
        return None
    wallet = locked.wallets[charge.user_id]
    earlier = locked.by_key.get((wallet.pk, charge.idempotency.key))
    if earlier is None:
        return None
    charge.idempotency.ensure_same_body(earlier.idempotency_body)
    return Outcome(earlier, replayed=True)


def _charge(charge: Charge, locked: _LockedForCharges) -> WalletTransaction:
    wallet = locked.wallets[charge.user_id]
    credit(wallet, charge.amount)
    entry = WalletTransaction(
        wallet=wallet,
        kind=WalletTransaction.Kind.CHARGE,
        amount=charge.amount,
        balance_after=wallet.balance,
        reference=charge.reference,
        idempotency_key=charge.idempotency.key if charge.idempotency else None,
        idempotency_body=charge.idempotency.body if charge.idempotency else None,
    )
    if charge.idempotency:
        locked.by_key[wallet.pk, charge.idempotency.key] = entry
    return entry


def _find_charged(key: None, batch: Batch[Charge]) -> list[Outcome[WalletTransaction] | None]:
    """Also of members who were deactivated since."""
    charges = batch.close()
    user_ids = {charge.user_id for charge in charges}
    lock_active_members(user_ids)
    lock_wallets(user_ids)
    references = [charge.reference for charge in charges]
    kind = WalletTransaction.Kind.CHARGE
    found = WalletTransaction.objects.filter(kind=kind, reference__in=references)
    by_reference = {entry.reference: Outcome(entry) for entry in found}
    return [by_reference.get(reference) for reference in references]


_charging: GroupCommit[None, Charge, Outcome[WalletTransaction]] = GroupCommit(
    committed(
        lambda key, batch, waiting: charge_wallets(batch.close(), waiting=waiting),
        find_again=_find_charged,
    ),
    lambda key, charge: charge.rows(),
    deed="charge",
)


# --- Correcting ---------------------------------------------------------------------------------


def adjust_balance(
    *, user_id: int, amount: int, reason: str, staff_id: int | None = None
) -> WalletTransaction:
    """Correct a member's balance by `amount` won, positive or negative, for a stated reason.

    The member need not be active: staff may pay out a closed account.

    Raises:
        ValueError: the amount is 0, or the reason blank or longer than 200 characters.
        InsufficientBalance, BalanceLimitExceeded: the balance would leave its bounds.
        User.DoesNotExist: there is no such member.
    """
    return _adjust(user_id, amount, reason, staff_id, new_reference("ADJ"))


def undo_balance_adjustment(
    *, entry_id: int, reason: str, staff_id: int | None = None
) -> WalletTransaction:
    """Take an adjustment back by its opposite, once, for a stated reason.

    Raises:
        ValueError: the reason is blank or longer than 200 characters.
        NotUndoable: the entry is none of staff's adjustments, or undoes one.
        UndoneAlready: it was undone.
        InsufficientBalance, BalanceLimitExceeded: the balance would leave its bounds.
        WalletTransaction.DoesNotExist: there is no such entry.
    """
    entry = WalletTransaction.objects.select_related("wallet").get(pk=entry_id)
    if not entry.is_undoable:
        raise NotUndoable
    return _adjust(entry.wallet.user_id, -entry.amount, reason, staff_id, undoing(entry.reference))


def _adjust(
    user_id: int, amount: int, reason: str, staff_id: int | None, reference: str
) -> WalletTransaction:
    if amount == 0 or not 0 < len(reason.strip()) <= 200:
        raise ValueError("an adjustment needs an amount, and a reason of at most 200 characters")
    kind = WalletTransaction.Kind.ADJUSTMENT
    same = WalletTransaction.objects.filter(kind=kind, reference=reference)

    def find_again() -> WalletTransaction | None:
        lock_wallets([user_id])
        return same.first()

    def work() -> WalletTransaction:
        wallet = lock_wallets([user_id]).get(user_id)
        if wallet is None:
            raise User.DoesNotExist
        if reference.startswith(UNDOING) and same.exists():
            raise UndoneAlready
        credit(wallet, amount) if amount > 0 else debit(wallet, -amount)
        entry = WalletTransaction(
            wallet=wallet,
            kind=kind,
            amount=amount,
            balance_after=wallet.balance,
            reference=reference,
            reason=reason.strip(),
            created_by_id=staff_id,
        )
        save_wallets([wallet], [entry])
        return entry

    return run_transaction(work, find_again=find_again)
