"""Every write to campaigns and to the coupons they issued."""

from coupons.services.campaigns import (
    CHANGEABLE,
    change_coupon,
    clone_coupon,
    close_coupon_now,
    create_coupon,
    delete_draft,
    open_coupon_now,
)
from coupons.services.issuing import (
    CAMPAIGNS,
    Press,
    enqueue_issue,
    issue_coupon,
    issue_coupons,
    lock_coupon,
)
from coupons.services.redeeming import (
    ISSUED,
    discount_with,
    lock_issued_coupons,
    redeem,
    restore,
    revoke_issued_coupon,
    save_redemptions,
)
