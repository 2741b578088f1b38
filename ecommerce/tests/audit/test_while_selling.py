"""The audit and the shop at work do not mind each other, however large the shop is."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
from django.db.backends.utils import CursorWrapper

from coupons.models import Coupon
from ecommerce.audit import INVARIANTS, Finding, consistent_snapshot, run_audit
from ecommerce.tests.audit.shop import Shop, one_of, send
from ecommerce.tests.races import charge, order, post, send_at_once, summary
from orders.models import Order
from products.models import Product
from products.services import adjust_stock
from users.models import User, Wallet


@pytest.mark.django_db(transaction=True)
def test_an_audit_sees_one_moment_and_holds_up_no_sale(shop: Shop) -> None:
    with consistent_snapshot():
        before = _figures()
        (answer,) = send_at_once([order(shop.other, (shop.mug.pk, 1))])
        assert summary(answer) == "201"
        assert _figures() == before == (2, 4, 46_000 + 100_000)
    assert _figures() == (3, 3, 43_000 + 100_000)


def _figures() -> tuple[int, int, int]:
    """Orders, mugs and won."""
    mugs = Product.objects.order_by("-pk").values_list("stock", flat=True)[0]
    return Order.objects.count(), mugs, sum(Wallet.objects.values_list("balance", flat=True))


@pytest.mark.django_db(transaction=True)
def test_an_audit_is_clean_while_the_shop_is_selling(
    shop: Shop, make_coupon: Callable[..., Coupon]
) -> None:
    """Between any two of its checks something is sold, cancelled, issued and charged."""
    for product in (shop.cup, shop.mug):
        adjust_stock(product_id=product.pk, quantity=100, reason="delivery")
    campaigns = iter([make_coupon() for _ in INVARIANTS])
    to_cancel = iter([send(shop.other, "orders/", one_of(shop.cup)) for _ in INVARIANTS])
    answers: list[str] = []

    def sell(finding: Finding) -> None:
        requests = [
            order(shop.buyer, (shop.cup.pk, 1), (shop.mug.pk, 1)),
            post(shop.other, f"orders/{next(to_cancel)['id']}/cancel/"),
            post(shop.other, f"coupons/{next(campaigns).pk}/issue/"),
            charge(shop.buyer, 5_000),
        ]
        answers.extend(summary(answer) for answer in send_at_once(requests))

    report = run_audit(on_finding=sell)

    assert report.is_clean
    assert answers == ["201", "200", "201", "201"] * len(INVARIANTS)
    assert [finding.checked for finding in report.findings] == [2, 7, 2, 8, 2, 2]
    assert [finding.checked for finding in run_audit().findings] == [2, 7, 2, 14, 8, 2]


def test_an_audit_fetches_no_more_rows_from_a_larger_shop(
    shop: Shop, make_member: Callable[..., User], make_product: Callable[..., Product]
) -> None:
    small = _rows_fetched(run_audit)
    for _ in range(30):
        product = make_product()
        send(make_member(balance=5_000), "orders/", one_of(product))
    assert run_audit().is_clean
    assert _rows_fetched(run_audit) == small


def _rows_fetched(work: Callable[[], object]) -> int:
    fetched = 0

    def counting(name: str) -> Callable[..., Any]:
        def fetch(self: CursorWrapper, *args: Any) -> Any:
            nonlocal fetched
            rows = getattr(self.cursor, name)(*args)
            fetched += 1 if name == "fetchone" else len(rows)
            return rows

        return fetch

    with ExitStack() as patches:
        for name in ("fetchone", "fetchmany", "fetchall"):
            patches.enter_context(
                mock.patch.object(CursorWrapper, name, counting(name), create=True)
            )
        work()
    return fetched
