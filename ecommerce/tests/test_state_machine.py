"""Random members and staff do random things; the shop must do what the model of it does."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from common.errors import DomainError
from conftest import client_of
from coupons.models import Coupon, IssuedCoupon
from coupons.services import change_coupon, create_coupon, revoke_issued_coupon
from ecommerce.tests.races import assert_sound, charge, ledger_of, order, post, summary
from ecommerce.tests.shop_model import (
    BALANCE_MAX,
    VALID_DAYS,
    Basket,
    CampaignModel,
    CouponModel,
    MemberModel,
    OrderModel,
    ProductModel,
)
from orders.models import Order
from products.models import Product
from products.services import adjust_stock, create_product
from users.models import User, Wallet
from users.services import adjust_balance

FIRST_DAY = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # noon in Seoul
TOP_DAYS = 2
KEYS = st.sampled_from([None, "a-key"])


def outcome_of(service, **arguments):
    """`done`, or the code of the refusal."""
    try:
        service(**arguments)
    except DomainError as refusal:
        return refusal.code
    return "done"


class ShopMachine(RuleBasedStateMachine):
    members = Bundle("members")
    products = Bundle("products")
    campaigns = Bundle("campaigns")
    coupons = Bundle("coupons")
    orders = Bundle("orders")

    def __init__(self):
        super().__init__()
        self.clock = time_machine.travel(FIRST_DAY)
        self.now = self.clock.start()
        self.today = 0
        self.all_members: list[MemberModel] = []
        self.all_products: list[ProductModel] = []
        self.all_campaigns: list[CampaignModel] = []
        self.all_orders: list[OrderModel] = []

    def teardown(self):
        self.clock.stop()
        call_command("flush", interactive=False, verbosity=0)

    # --- The shop opens -------------------------------------------------------------------------

    @initialize(target=members)
    def first_members(self):
        members = [self._join("minji"), self._join("haneul")]
        for member in members:
            self.charge_wallet(member, 40_000, None)
        return multiple(*members)

    @initialize(target=products, stock=st.integers(1, 9))
    def first_products(self, stock):
        return multiple(self._stock_product(700, stock), self._stock_product(9_900, 5))

    @initialize(target=campaigns)
    def first_campaigns(self):
        return multiple(
            self._launch(total=2, percent=0, amount=1_000, min_order=1_400),
            self._launch(total=1, percent=50, amount=4_000, min_order=1_401),
        )

    def _join(self, username):
        answer = self._send(post(None, "auth/signup/", self._credentials(username)), "201")
        member = MemberModel(User.objects.get(pk=answer["id"]))
        self.all_members.append(member)
        return member

    def _credentials(self, username):
        return {"username": username, "password": "correct horse battery"}

    def _stock_product(self, price, stock):
        made = create_product(name=f"{price} won", price=price, stock=stock)
        product = ProductModel(made.pk, price, stock)
        self.all_products.append(product)
        return product

    def _launch(self, *, total, percent, amount, min_order):
        terms = (
            {"discount_type": "percent", "discount_value": percent, "max_discount": amount}
            if percent
            else {"discount_type": "fixed", "discount_value": amount}
        )
        last_day = self.today + 2
        made = create_coupon(
            name=f"coupon {len(self.all_campaigns)}",
            total_quantity=total,
            min_order_amount=min_order,
            valid_days=VALID_DAYS,
            issue_ends_at=FIRST_DAY + timedelta(days=last_day, hours=12),
            **terms,
        )
        campaign = CampaignModel(made.pk, total, last_day, percent, amount, min_order)
        self.all_campaigns.append(campaign)
        return campaign

    def _send(self, request, expected):
        answer = request()
        assert summary(answer) == expected
        self.replayed = answer.headers.get("Idempotency-Replayed") == "true"
        return answer.json()

    # --- Members --------------------------------------------------------------------------------

    @rule(target=members, username=st.sampled_from(["minji", "Minji", "seojun"]))
    def sign_up(self, username):
        taken = {member.user.username.casefold() for member in self.all_members}
        if username.casefold() not in taken:
            return self._join(username)
        self._send(post(None, "auth/signup/", self._credentials(username)), "400 unique")
        return multiple()

    @rule(member=members, amount=st.sampled_from([1, 3_000, 40_000]), key=KEYS)
    def charge_wallet(self, member, amount, key):
        expected = member.charging(amount, key)
        body = self._send(charge(member.user, amount, key=key), expected)
        assert self.replayed == (expected == "201" and key in member.charges_by_key)
        if self.replayed:
            assert body["id"] == member.charges_by_key[key][1]
        elif expected == "201":
            member.book("charge", amount)
            assert (body["amount"], body["balance_after"]) == (amount, member.balance)
            if key:
                member.charges_by_key[key] = (amount, body["id"])

    @rule(target=coupons, member=members, campaign=campaigns)
    def press(self, member, campaign):
        expected = campaign.issuing(member, self.today)
        body = self._send(post(member.user, f"coupons/{campaign.id}/issue/"), expected)
        if expected != "201":
            return multiple()
        coupon = CouponModel(body["id"], campaign, member, self.today)
        campaign.coupons.append(coupon)
        assert body["issue_number"] == len(campaign.coupons)
        return coupon

    @rule(
        target=orders,
        member=members,
        lines=st.lists(st.tuples(products, st.integers(1, 3)), min_size=1, max_size=3),
        key=KEYS,
    )
    def place_order(self, member, lines, key):
        return self._place(Basket(member, lines, None, key))

    @rule(target=orders, coupon=coupons, product=products, key=KEYS)
    def place_order_with_an_own_coupon(self, coupon, product, key):
        return self._place(Basket(coupon.member, [(product, 1), (product, 1)], coupon, key))

    @rule(target=orders, coupon=coupons, member=members, product=products)
    def place_order_with_a_coupon_of_anyone(self, coupon, member, product):
        return self._place(Basket(member, [(product, 1)], coupon, None))

    def _place(self, basket):
        expected = basket.ordering(self.today)
        earlier = basket.member.orders_by_key.get(basket.key)
        lines = [(product.id, quantity) for product, quantity in basket.lines]
        coupon = basket.coupon and basket.coupon.id
        body = self._send(
            order(basket.member.user, *lines, coupon=coupon, key=basket.key), expected
        )
        assert self.replayed == (expected == "201" and earlier is not None)
        if expected != "201":
            return multiple()
        if earlier:
            assert (body["id"], body["status"]) == (earlier[1].id, earlier[1].status)
            return multiple()
        placed = basket.pay(body["id"], self.today)
        assert (body["subtotal"], body["total"]) == (basket.subtotal, basket.total)
        self.all_orders.append(placed)
        return placed

    @rule(member=members, placed=orders)
    def cancel_an_order_of_anyone(self, member, placed):
        self._cancel(member, placed)

    @rule(placed=orders)
    def cancel_an_own_order(self, placed):
        self._cancel(placed.member, placed)

    def _cancel(self, member, placed):
        expected = placed.cancelling(member)
        self._send(post(member.user, f"orders/{placed.id}/cancel/"), expected)
        if expected == "200":
            placed.cancel()

    # --- Staff ----------------------------------------------------------------------------------

    @rule(product=products, quantity=st.integers(-5, 9).filter(bool))
    def adjust_stock(self, product, quantity):
        enough = product.stock + quantity >= 0
        outcome = outcome_of(
            adjust_stock, product_id=product.id, quantity=quantity, reason="counted"
        )
        assert outcome == ("done" if enough else "out_of_stock")
        product.stock += quantity if enough else 0

    @rule(member=members, amount=st.integers(-30_000, 50_000).filter(bool))
    def adjust_balance(self, member, amount):
        outcome = outcome_of(
            adjust_balance, user_id=member.user.pk, amount=amount, reason="goodwill"
        )
        if member.balance + amount < 0:
            assert outcome == "insufficient_balance"
        elif member.balance + amount > BALANCE_MAX:
            assert outcome == "balance_limit_exceeded"
        else:
            assert outcome == "done"
            member.book("adjustment", amount)

    @rule(campaign=campaigns, total=st.integers(1, 3))
    def change_the_total(self, campaign, total):
        outcome = outcome_of(change_coupon, coupon_id=campaign.id, total_quantity=total)
        if total < len(campaign.coupons):
            assert outcome == "total_below_issued"
        else:
            assert outcome == "done"
            campaign.total = total

    @rule(coupon=coupons)
    def revoke(self, coupon):
        outcome = outcome_of(revoke_issued_coupon, issued_id=coupon.id)
        assert outcome == ("coupon_not_usable" if coupon.used or coupon.revoked else "done")
        coupon.revoked = not coupon.used

    @rule(member=members, active=st.sampled_from([True, True, False]))
    def set_active(self, member, active):
        User.objects.filter(pk=member.user.pk).update(is_active=active)
        member.active = active
        # A token of the second in which all sessions ended may be from before, and is refused.
        self.now.shift(timedelta(seconds=1))

    @rule(product=products, active=st.sampled_from([True, True, False]))
    def put_on_sale(self, product, active):
        Product.objects.filter(pk=product.id).update(is_active=active)
        product.active = active

    # --- Time -----------------------------------------------------------------------------------

    @rule()
    def a_day_passes(self):
        self.now.shift(timedelta(days=1))
        self.today += 1

    # --- What must hold after each step ----------------------------------------------------------

    @invariant()
    def the_audit_finds_nothing(self):
        assert_sound()

    @invariant()
    def money_and_stock_are_the_models(self):
        assert dict(Wallet.objects.values_list("user", "balance")) == {
            member.user.pk: member.balance for member in self.all_members
        }
        for member in self.all_members:
            assert ledger_of(member.user) == member.ledger
        assert dict(Product.objects.values_list("pk", "stock")) == {
            product.id: product.stock for product in self.all_products
        }

    @invariant()
    def coupons_and_orders_are_the_models(self):
        assert {
            issued.pk: (issued.coupon_id, issued.user_id, issued.issue_number, str(issued.status))
            for issued in IssuedCoupon.objects.all()
        } == {
            coupon.id: (campaign.id, coupon.member.user.pk, number, coupon.status(self.today))
            for campaign in self.all_campaigns
            for number, coupon in enumerate(campaign.coupons, start=1)
        }
        assert dict(Coupon.objects.values_list("pk", "total_quantity")) == {
            campaign.id: campaign.total for campaign in self.all_campaigns
        }
        assert set(Order.objects.values_list("pk", "user", "status", "total")) == {
            (placed.id, placed.member.user.pk, placed.status, placed.total)
            for placed in self.all_orders
        }

    @invariant()
    def the_best_sellers_are_the_models(self):
        sold: Counter[ProductModel] = Counter()
        for placed in self.all_orders:
            if placed.status == "paid" and placed.day > self.today - TOP_DAYS:
                sold.update({p: n for p, n in placed.pieces.items() if p.active})
        ranking = sorted(sold, key=lambda p: (-sold[p], -sold[p] * p.price, p.id))
        answer = client_of().get(f"/api/v1/stats/top-products/?days={TOP_DAYS}").json()
        assert [
            (row["product"]["id"], row["quantity"], row["revenue"]) for row in answer["results"]
        ] == [(p.id, sold[p], sold[p] * p.price) for p in ranking]


@pytest.mark.django_db(transaction=True)
def test_whatever_members_and_staff_do_the_shop_does_what_its_model_does(settings):
    settings.BALANCE_MAX = BALANCE_MAX
    # Or the clock would have a say in what is answered.
    settings.SOLD_OUT_MEMORY_SECONDS = settings.BEST_SELLERS_MEMORY_SECONDS = 0
    run_state_machine_as_test(
        ShopMachine,
        settings=hypothesis_settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
