"""What events say of members' wallets."""

from collections.abc import Iterable

from events.services import Facts
from users.models import WalletTransaction


def facts_of_charges(entries: Iterable[WalletTransaction]) -> Facts:
    """Of each charge what its member sees, and who that is."""
    for entry in entries:
        yield (
            f"member:{entry.wallet.user_id}",
            {
                "id": entry.pk,
                "reference": entry.reference,
                "member": entry.wallet.user_id,
                "amount": entry.amount,
                "balance_after": entry.balance_after,
                "created_at": entry.created_at,
            },
        )
