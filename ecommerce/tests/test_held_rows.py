"""A row that somebody else holds locked delays who needs it, and nobody else.

The kind: any row that a request locks or whose lock it shares (a wallet, a product, a campaign, a
coupon, an order, a member), held by any other transaction, for however long. Nobody is timed: the
holder lets go only after everybody else was answered.
"""

from collections.abc import Callable
from contextlib import ExitStack
from threading import Event
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.utils import timezone

from common.db import group_commit
from common.db.locks import Waiting
from conftest import client_of
from coupons.models import Coupon, IssuedCoupon
from coupons.services import enqueue_issue, issue_coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.held_rows import Sent, held
from ecommerce.tests.race_controls import WAIT_SECONDS, calling_before
from ecommerce.tests.races import (
    Request,
    assert_sound,
    charge,
    order,
    post,
    send_at_once,
    summary,
    tally,
)
from ecommerce.tests.threads import FINISH_SECONDS
from orders.models import Order
from products.models import Product
from users import services
from users.models import Session, User, Wallet

pytestmark = pytest.mark.django_db(transaction=True)

locks_rows = pytest.mark.skipif(
    not connection.features.has_select_for_update, reason="there the whole database is the lock"
)

PASSWORD = "correct horse battery"
MANY = 20
"""Requests that need a held row: more than there are committers, or threads of a worker."""


def press(user: User, coupon: Coupon) -> Request:
    return post(user, f"coupons/{coupon.pk}/issue/")


def sign_in(user: User) -> Request:
    return post(None, "auth/token/", {"username": user.username, "password": PASSWORD})


def change_email(user: User) -> Request:
    return lambda: client_of(user).patch("/api/v1/users/me/", {"email": "new@example.com"})


def sessions_of(user: User) -> list[Request]:
    """Uses of three sessions of a member's: two refresh, and one signs out, many times."""
    tokens = [services.sign_in(username=user.username, password=PASSWORD) for _ in range(3)]
    refresh = [post(None, "auth/token/refresh/", {"refresh": one.refresh}) for one in tokens[:2]]
    return refresh + [post(None, "auth/token/revoke/", {"refresh": tokens[2].refresh})] * MANY


def cancel(user: User, placed: dict[str, Any]) -> Request:
    return post(user, f"orders/{placed['id']}/cancel/")


class Shop:
    """Two of everything: the first is held, the second is not."""

    def __init__(self, make_member: Any, make_product: Any, make_coupon: Any) -> None:
        self.make_member = make_member
        self.member, self.other = (
            make_member(balance=1_000_000, password=PASSWORD) for _ in range(2)
        )
        self.product, self.other_product = (make_product(stock=1_000) for _ in range(2))
        self.coupon, self.other_coupon = (make_coupon(total_quantity=1_000) for _ in range(2))
        self.issued, self.other_issued = (
            issue_coupon(coupon_id=coupon.pk, user_id=self.member.pk)
            for coupon in (self.coupon, self.other_coupon)
        )

    def buyers(self, count: int) -> list[User]:
        return [self.make_member(balance=10_000) for _ in range(count)]

    def placed(self, user: User, product: Product, **extra: Any) -> dict[str, Any]:
        body: dict[str, Any] = order(user, (product.pk, 1), **extra)().json()
        return body

    def everything_else(self) -> list[Request]:
        """What needs nothing of the first."""
        (buyer, canceller, latecomer) = self.buyers(3)
        placed = self.placed(canceller, self.other_product)
        return [
            charge(self.other, 5),
            order(buyer, (self.other_product.pk, 1)),
            order(buyer, (self.other_product.pk, 2), key="one-press"),
            cancel(canceller, placed),
            press(latecomer, self.other_coupon),
        ]


def of_wallet(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    placed = [shop.placed(shop.member, shop.product) for _ in range(3)]
    needing = [
        *(charge(shop.member, amount + 1) for amount in range(MANY)),
        *(order(shop.member, (shop.other_product.pk, 1)) for _ in range(MANY)),
        *(cancel(shop.member, one) for one in placed),
    ]
    others = [*(order(one, (shop.product.pk, 1)) for one in shop.buyers(3))]
    return Wallet.objects.filter(user=shop.member), needing, others


def of_product(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    (one,) = shop.buyers(1)
    placed = shop.placed(one, shop.product)
    lines = (shop.other_product.pk, 1), (shop.product.pk, 2)
    needing = [
        *(order(one, (shop.product.pk, 1)) for one in shop.buyers(MANY)),
        *(order(one, *lines) for one in shop.buyers(3)),
        cancel(one, placed),
    ]
    others = [
        charge(shop.member, 7),
        order(shop.member, (shop.other_product.pk, 1), coupon=shop.issued.pk),
        press(one, shop.coupon),
    ]
    return Product.objects.filter(pk=shop.product.pk), needing, others


def of_campaign(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    needing = [press(one, shop.coupon) for one in shop.buyers(MANY)]
    others = [order(shop.member, (shop.product.pk, 1), coupon=shop.issued.pk)]
    return Coupon.objects.filter(pk=shop.coupon.pk), needing, others


def of_issued_coupon(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    placed = shop.placed(shop.member, shop.product, coupon=shop.issued.pk)
    needing = [cancel(shop.member, placed)]
    others = [
        order(shop.member, (shop.product.pk, 1), coupon=shop.other_issued.pk),
        *(press(one, shop.coupon) for one in shop.buyers(3)),
    ]
    return IssuedCoupon.objects.filter(pk=shop.issued.pk), needing, others


def of_unused_coupon(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    needing = [
        order(shop.member, (shop.product.pk, 1), coupon=shop.issued.pk, key="one-press")
    ] * MANY
    others = [charge(shop.member, 7), order(shop.member, (shop.product.pk, 1))]
    return IssuedCoupon.objects.filter(pk=shop.issued.pk), needing, others


def of_order(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    placed = shop.placed(shop.member, shop.product)
    earlier = shop.placed(shop.member, shop.product)
    others = [cancel(shop.member, earlier), order(shop.member, (shop.product.pk, 1))]
    return Order.objects.filter(pk=placed["id"]), [cancel(shop.member, placed)], others


def of_member(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    placed = shop.placed(shop.member, shop.product)
    (campaign,) = Coupon.objects.exclude(pk__in=[shop.coupon.pk, shop.other_coupon.pk])
    needing = [
        *(charge(shop.member, amount + 1) for amount in range(MANY)),
        *(order(shop.member, (shop.product.pk, 1)) for _ in range(MANY)),
        cancel(shop.member, placed),
        press(shop.member, campaign),
    ]
    others = [
        *(press(one, campaign) for one in shop.buyers(3)),
        *(order(one, (shop.product.pk, 1)) for one in shop.buyers(3)),
    ]
    return User.objects.filter(pk=shop.member.pk), needing, others


def of_account(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    """Signing in inserts a session, which shares the lock of the member's row."""
    needing = [
        *(sign_in(shop.member) for _ in range(MANY)),
        *(change_email(shop.member) for _ in range(MANY)),
        post(
            shop.member,
            "users/me/password/",
            {"current_password": PASSWORD, "new_password": "quite another horse"},
        ),
    ]
    others = [sign_in(shop.other), change_email(shop.other), *sessions_of(shop.other)]
    return User.objects.filter(pk=shop.member.pk), needing, others


def of_session(shop: Shop) -> tuple[Any, list[Request], list[Request]]:
    refreshing, revoking = sessions_of(shop.member)[:2], sessions_of(shop.member)[2:]
    held_session = Session.objects.filter(user=shop.member).order_by("-pk")[:1]
    others = [sign_in(shop.member), *refreshing, *sessions_of(shop.other)]
    return Session.objects.filter(pk__in=[one.pk for one in held_session]), revoking, others


KINDS: dict[str, Callable[[Shop], tuple[Any, list[Request], list[Request]]]] = {
    "wallet": of_wallet,
    "product": of_product,
    "campaign": of_campaign,
    "issued coupon": of_issued_coupon,
    "unused coupon": of_unused_coupon,
    "order": of_order,
    "member": of_member,
    "account": of_account,
    "session": of_session,
}


@pytest.fixture
def shop(make_member, make_product, make_coupon) -> Shop:
    make_coupon()
    return Shop(make_member, make_product, make_coupon)


def succeeded(answers: list[Any]) -> bool:
    return {summary(answer) for answer in answers} <= {"200", "201"}


@locks_rows
@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_need_a_held_row_is_served_while_it_is_held(kind, shop, settings):
    settings.GROUP_COMMIT_WAIT_SECONDS = 100
    rows, needing, others = KINDS[kind](shop)
    others += shop.everything_else()

    with held(rows):
        waiting = Sent(needing)
        answers = send_at_once(others)
        assert succeeded(answers), tally(answers)
        assert waiting.unanswered() == len(needing)

    assert succeeded(waiting.all()), tally(waiting.all())
    assert_sound()


@locks_rows
@pytest.mark.parametrize("kind", KINDS)
def test_who_needs_a_row_that_is_never_let_go_is_told_busy_and_nothing_changes(
    kind, shop, settings
):
    rows, needing, others = KINDS[kind](shop)
    with held(rows):
        settings.GROUP_COMMIT_WAIT_SECONDS = 0.3
        with nothing_changes():
            answers = Sent(needing).all()
        assert tally(answers) == {"503 busy": len(needing)}
        settings.GROUP_COMMIT_WAIT_SECONDS = 100
        assert succeeded(send_at_once(others))

    # One after the other: who changes a password comes last, or the others would be refused.
    assert succeeded([request() for request in needing])
    assert_sound()


def test_who_writes_while_everything_is_held_is_told_busy_and_nothing_changes(shop, settings):
    requests = shop.everything_else()
    settings.GROUP_COMMIT_WAIT_SECONDS = 0.3
    settings.LOCK_TIMEOUT_SECONDS = 0.1  # on SQLite: how long a thread waits for its turn
    with ExitStack() as holders:
        for model in (Wallet, Product, Coupon, IssuedCoupon, Order, User):
            if connection.features.has_select_for_update or model is Wallet:
                holders.enter_context(held(model._default_manager.all()))
        with nothing_changes():
            answers = Sent(requests).all()
    assert tally(answers) == {"503 busy": len(requests)}

    settings.GROUP_COMMIT_WAIT_SECONDS, settings.LOCK_TIMEOUT_SECONDS = 100, 30
    answers = send_at_once(requests)
    assert succeeded(answers), tally(answers)
    assert_sound()


@locks_rows
def test_more_held_rows_than_committers_delay_only_who_needs_them(shop, settings):
    settings.GROUP_COMMIT_WAIT_SECONDS = 100
    members = shop.buyers(settings.COMMITTERS * 3)
    needing = [charge(one, 5) for one in members]
    others = shop.everything_else()

    with held(Wallet.objects.filter(user__in=members)):
        waiting = Sent(needing)
        answers = send_at_once(others)
        assert succeeded(answers), tally(answers)
        assert waiting.unanswered() == len(needing)

    assert succeeded(waiting.all())
    assert_sound()


@locks_rows
def test_who_waits_for_a_held_account_fills_no_pool_of_threads(shop, settings):
    """Behind the event loop nobody waits in a thread: neither of a request, nor after a hash."""
    settings.GROUP_COMMIT_WAIT_SECONDS = 100
    settings.HASH_WAIT_SECONDS = 100

    def sign_in_later(user: User) -> Any:
        return services.prepare_sign_in(username=user.username, password=PASSWORD).later()

    with held(User.objects.filter(pk=shop.member.pk)):
        waiting = [sign_in_later(shop.member) for _ in range(MANY)]
        waiting += [
            services.enqueue_email_change(user_id=shop.member.pk, email="new@example.com")
            for _ in range(MANY)
        ]
        pair = sign_in_later(shop.other).result(FINISH_SECONDS)
        rotating = services.enqueue_rotation(refresh=pair.refresh, arrived=timezone.now())
        rotated = rotating.result(FINISH_SECONDS)
        services.enqueue_revocation(refresh=rotated.refresh).result(FINISH_SECONDS)
        assert [future.done() for future in waiting] == [False] * len(waiting)

    for future in waiting:
        future.result(FINISH_SECONDS)


@locks_rows
def test_coupons_leave_in_the_order_of_arrival_however_often_their_campaign_is_held(shop, settings):
    settings.GROUP_COMMIT_WAIT_SECONDS = 100
    settings.GROUP_COMMIT_MAX_BATCH = 7
    members = [shop.make_member() for _ in range(120)]
    futures = []
    for start in range(0, 120, 40):
        arriving = iter(members[start : start + 40])
        for one in [next(arriving) for _ in range(10)]:
            futures.append(enqueue_issue(coupon_id=shop.coupon.pk, user_id=one.pk))
        with held(Coupon.objects.filter(pk=shop.coupon.pk)):
            for one in [next(arriving) for _ in range(20)]:
                futures.append(enqueue_issue(coupon_id=shop.coupon.pk, user_id=one.pk))
        for one in arriving:
            futures.append(enqueue_issue(coupon_id=shop.coupon.pk, user_id=one.pk))

    numbers = [future.result(FINISH_SECONDS).issue_number for future in futures]
    assert numbers == list(range(2, 122))
    assert_sound()


@locks_rows
def test_control_a_batch_that_waits_for_the_row_delays_everybody(shop, settings):
    rows, _, _ = of_wallet(shop)
    other = order(shop.other, (shop.other_product.pk, 1))
    waits = SimpleNamespace(LONG=Waiting.LONG, BRIEF=Waiting.LONG, NONE=Waiting.LONG)
    locks = Event()
    with held(rows):
        with (
            mock.patch.object(group_commit, "Waiting", waits),
            calling_before("orders.services.placing.lock_wallets", locks.set),
        ):
            waiting = Sent([order(shop.member, (shop.other_product.pk, 1))])
            assert locks.wait(WAIT_SECONDS)
        settings.GROUP_COMMIT_WAIT_SECONDS = 0.3
        assert tally([other()]) == {"503 busy": 1}
        assert waiting.unanswered() == 1
    settings.GROUP_COMMIT_WAIT_SECONDS = 100
    assert succeeded([*waiting.all(), other()])
