"""Each rule of the audit is proved by a row that breaks it: a rule without one fails here."""

import pytest

from ecommerce.audit import INVARIANTS
from ecommerce.tests.audit.shop import Shop
from ecommerce.tests.audit.test_audit import BROKEN
from ecommerce.tests.audit.test_constraints import PREVENTED, lifted

RULES = {
    f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}": rule
    for invariant in INVARIANTS
    for rule in invariant.rules
}

BROKEN_BY = {
    "wallets._balances_unlike_their_ledger": "a balance without a reason",
    "wallets._balances_unlike_their_last_entry": "a last entry that left something else",
    "campaigns._issued_quantities_unlike_their_coupons": "an issued quantity without coupons",
    "campaigns._campaigns_that_issued_too_many": "more coupons than there are",
    "campaigns._issue_numbers_with_gaps": "a gap in the issue numbers",
    "stock._stock_unlike_its_history": "stock without a reason",
    "orders._subtotals_unlike_their_lines": "an order of another total",
    "orders._orders_without_their_payment": "a payment under another number",
    "orders._wrong_payments": "a payment by another member",
    "orders._orders_without_their_refund": "a refund for an order that is still paid",
    "orders._wrong_refunds": "a refund for an order that is still paid",
    "orders._entries_of_no_order": "a payment under another number",
    "used_coupons._used_coupons_on_no_order": "a used coupon on no order",
    "used_coupons._unused_coupons_on_an_order": "an order with a coupon that is not used",
    "used_coupons._orders_with_anothers_coupon": "an order with another's coupon",
    "used_coupons._discounts_unlike_their_coupons_terms": (
        "a discount that its coupon doesn't promise"
    ),
    "daily_sales._daily_sales_unlike_the_orders": "sales that are not recorded",
}
"""By rule, a way of `BROKEN`."""

BROKEN_WITHOUT_CONSTRAINTS_BY = {
    "wallets._negative_balances": "a negative balance",
    "campaigns._members_with_two_of_a_campaign": "two coupons of a campaign for one member",
    "stock._negative_stock": "negative stock",
    "orders._totals_that_do_not_add_up": "a total that does not add up",
    "orders._lines_that_do_not_add_up": "a line that does not add up",
    "used_coupons._redemptions_unlike_their_orders": (
        "a paid order whose coupon is free for another"
    ),
}
"""By rule, a way of `PREVENTED`."""


def test_every_rule_has_a_row_that_breaks_it() -> None:
    assert len(RULES) == sum(len(invariant.rules) for invariant in INVARIANTS)
    assert RULES.keys() == BROKEN_BY.keys() | BROKEN_WITHOUT_CONSTRAINTS_BY.keys()


@pytest.mark.parametrize("name", BROKEN_BY)
def test_the_rule_itself_finds_it(name: str, shop: Shop) -> None:
    break_it, _ = BROKEN[BROKEN_BY[name]]
    assert RULES[name]().total == 0
    break_it(shop)
    assert RULES[name]().total >= 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", BROKEN_WITHOUT_CONSTRAINTS_BY)
def test_the_rule_itself_finds_what_constraints_prevent(name: str, shop: Shop) -> None:
    model, constraint, break_it, _ = PREVENTED[BROKEN_WITHOUT_CONSTRAINTS_BY[name]]
    with lifted(model, constraint):
        assert RULES[name]().total == 0
        break_it(shop)
        assert RULES[name]().total >= 1
