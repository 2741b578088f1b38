"""Every write to members, their sessions and their wallets."""

from users.services.members import (
    change_email,
    change_password,
    enqueue_email_change,
    prepare_password_change,
    prepare_sign_up,
    sign_up,
)
from users.services.tokens import (
    SESSIONS,
    begin_session,
    enqueue_revocation,
    enqueue_rotation,
    prepare_sign_in,
    revoke_refresh_token,
    rotate_refresh_token,
    sign_in,
)
from users.services.wallets import (
    WALLETS,
    adjust_balance,
    charge_wallet,
    credit,
    debit,
    enqueue_charge,
    lock_active_members,
    lock_wallets,
    save_wallets,
    undo_balance_adjustment,
)
