"""New members, with a first charge in their wallets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ecommerce.seeding.rows import Series, insert_rows
from users.models import User, Wallet, WalletTransaction
from users.names import fold


@dataclass(frozen=True, slots=True)
class NewMember:
    """A member to be, who joined and charged `balance` won at a moment of the past."""

    username: str
    password: str
    """As it is stored: a hash."""
    joined: datetime
    balance: int = 0
    is_staff: bool = False


def insert_members(members: Sequence[NewMember], series: Series) -> dict[str, int]:
    """Insert members, wallets and first charges; ids by username. Needs an open transaction."""
    insert_rows(
        User,
        ("username", "name_key", "password", "email", "date_joined", "is_staff", "is_superuser"),
        [
            (m.username, fold(m.username), m.password, f"{m.username}@example.com", m.joined)
            + (m.is_staff,) * 2
            for m in members
        ],
    )
    names = [member.username for member in members]
    ids = dict(User.objects.filter(username__in=names).values_list("username", "pk"))
    insert_rows(
        Wallet,
        ("user_id", "balance", "updated_at"),
        [(ids[member.username], member.balance, member.joined) for member in members],
    )
    wallets = dict(Wallet.objects.filter(user__in=ids.values()).values_list("user_id", "pk"))
    insert_rows(
        WalletTransaction,
        ("wallet_id", "kind", "amount", "balance_after", "reference", "created_at"),
        [
            (
                wallets[ids[member.username]],
                WalletTransaction.Kind.CHARGE.value,
                member.balance,
                member.balance,
                series.next("CHG"),
                member.joined,
            )
            for member in members
            if member.balance
        ],
    )
    return ids
