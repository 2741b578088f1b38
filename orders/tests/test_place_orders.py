"""place_orders for a batch: decided in the order of arrival, written together."""

from datetime import UTC, date, datetime

import pytest
from django.utils import timezone

from common.db.idempotency import IdempotencyKey, IdempotencyKeyReused, Outcome
from common.errors import DoesNotExist, NotSignedIn
from coupons.errors import CouponNotUsable
from ecommerce.tests.expectations import count_statements, nothing_changes
from orders.models import Order
from orders.services import DraftLine, OrderDraft, place_orders
from orders.tests.conftest import buy
from products.errors import OutOfStock
from stats.models import DailyProductSales
from stats.services import Sold, record_sales
from users.errors import InsufficientBalance
from users.models import Wallet, WalletTransaction

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def draft(user, *lines, coupon=None, key=None):
    """A draft of `lines`, each a product and a quantity."""
    said = {"items": [(product.pk, quantity) for product, quantity in lines]}
    return OrderDraft(
        user_id=user.pk,
        lines=tuple(DraftLine(product.pk, quantity) for product, quantity in lines),
        coupon_id=coupon.pk if coupon else None,
        idempotency=IdempotencyKey.of(key, said) if key else None,
    )


def results(outcomes):
    """What each draft became: the total of its order, or the type of its refusal."""
    return [one.value.total if isinstance(one, Outcome) else type(one) for one in outcomes]


def balance_of(user):
    return Wallet.objects.get(user=user).balance


@pytest.fixture
def members(make_member):
    """Three members with 10,000 won, whose ids do not follow the order in which they ask."""
    first, second, third = [make_member(balance=10_000) for _ in range(3)]
    return third, first, second


def test_each_draft_becomes_an_order_of_its_own(make_product, members):
    tumbler, mug = make_product(name="텀블러", price=700), make_product(name="머그컵", price=50)
    lines = [[(tumbler, 2)], [(mug, 1), (tumbler, 1)], [(mug, 4)]]
    drafts = [draft(user, *line) for user, line in zip(members, lines, strict=True)]

    outcomes = place_orders(drafts)

    assert results(outcomes) == [1_400, 750, 200]
    for one, outcome in zip(drafts, outcomes, strict=True):
        stored = Order.objects.get(number=one.number)
        assert not outcome.replayed
        assert outcome.value.pk == stored.pk
        assert stored.user_id == one.user_id
        bought = stored.items.values_list("product_id", "quantity")
        assert list(bought) == [(line.product_id, line.quantity) for line in one.lines]
    assert [balance_of(user) for user in members] == [8_600, 9_250, 9_800]
    tumbler.refresh_from_db()
    mug.refresh_from_db()
    assert (tumbler.stock, mug.stock) == (7, 5)
    sales = DailyProductSales.objects.order_by("product")
    assert list(sales.values_list("product", "day", "quantity", "revenue")) == [
        (tumbler.pk, date(2026, 11, 23), 3, 2_100),
        (mug.pk, date(2026, 11, 23), 5, 250),
    ]


def test_who_arrives_first_gets_the_last_piece(make_product, members):
    product = make_product(price=100, stock=3)

    outcomes = place_orders(
        [
            draft(user, (product, quantity))
            for user, quantity in zip(members, (2, 2, 1), strict=True)
        ]
    )

    assert results(outcomes) == [200, OutOfStock, 100]
    product.refresh_from_db()
    assert product.stock == 0
    assert [balance_of(user) for user in members] == [9_800, 10_000, 9_900]


def test_one_refused_draft_leaves_the_others_alone(make_product, make_member, members, issue):
    product, withdrawn = make_product(price=100), make_product(is_active=False)
    first, second, third = members
    anothers = issue(to=first)
    inactive = make_member(balance=10_000)
    inactive.is_active = False
    inactive.save()

    outcomes = place_orders(
        [
            draft(first, (product, 1)),
            draft(second, (product, 1), (withdrawn, 1)),
            draft(third, (product, 1), coupon=anothers),
            draft(inactive, (product, 1)),
            draft(first, (product, 11)),
            draft(make_member(), (product, 1)),
            draft(third, (product, 2)),
        ]
    )

    assert results(outcomes) == [
        100,
        DoesNotExist,
        DoesNotExist,
        NotSignedIn,
        OutOfStock,
        InsufficientBalance,
        200,
    ]
    assert Order.objects.count() == 2
    assert balance_of(inactive) == balance_of(second) == 10_000
    product.refresh_from_db()
    anothers.refresh_from_db()
    assert (product.stock, anothers.used_at) == (7, None)


def test_a_batch_in_which_all_are_refused_changes_nothing(make_product, members):
    product = make_product(stock=0)

    with nothing_changes():
        outcomes = place_orders([draft(user, (product, 1)) for user in members])

    assert results(outcomes) == [OutOfStock] * 3


def test_two_drafts_of_one_member_share_the_balance(make_product, members):
    product = make_product(price=1_000, stock=100)
    member = members[0]

    outcomes = place_orders([draft(member, (product, quantity)) for quantity in (6, 5, 4)])

    assert results(outcomes) == [6_000, InsufficientBalance, 4_000]
    assert balance_of(member) == 0
    payments = WalletTransaction.objects.filter(wallet__user=member, kind="payment")
    assert list(payments.order_by("id").values_list("amount", "balance_after", "reference")) == [
        (-6_000, 4_000, outcomes[0].value.number),
        (-4_000, 0, outcomes[2].value.number),
    ]


def test_one_coupon_pays_one_order_of_a_batch(make_product, members, issue):
    product = make_product(price=3_000)
    member = members[0]
    issued = issue(to=member)

    outcomes = place_orders([draft(member, (product, 1), coupon=issued) for _ in range(2)])

    assert results(outcomes) == [2_000, CouponNotUsable]
    assert Order.objects.get().redeemed_coupon_id == issued.pk


def test_coupons_of_a_batch_are_all_redeemed(make_product, members, issue):
    product = make_product(price=3_000)
    coupons = [issue(to=user, discount_value=off) for off, user in enumerate(members, start=1)]

    outcomes = place_orders(
        [
            draft(user, (product, 1), coupon=issued)
            for user, issued in zip(members, coupons, strict=True)
        ]
    )

    assert results(outcomes) == [2_999, 2_998, 2_997]
    for issued in coupons:
        issued.refresh_from_db()
        assert issued.used_at == TEN_O_CLOCK


def test_one_key_twice_in_a_batch_acts_once(product, members):
    member, other, _ = members

    first, anothers, again = place_orders(
        [
            draft(member, (product, 1), key="order-1"),
            draft(other, (product, 1), key="order-1"),
            draft(member, (product, 1), key="order-1"),
        ]
    )

    assert (first.replayed, anothers.replayed, again.replayed) == (False, False, True)
    assert first.value.pk == again.value.pk != anothers.value.pk
    assert Order.objects.count() == 2
    assert balance_of(member) == 9_000


def test_one_key_twice_in_a_batch_with_another_body_is_refused(product, members):
    member = members[0]

    outcomes = place_orders(
        [draft(member, (product, quantity), key="order-1") for quantity in (1, 2)]
    )

    assert results(outcomes) == [1_000, IdempotencyKeyReused]
    assert balance_of(member) == 9_000


def test_a_refused_draft_leaves_its_key_to_the_next_of_the_batch(product, members):
    member = members[0]

    outcomes = place_orders(
        [draft(member, (product, quantity), key="order-1") for quantity in (11, 2)]
    )

    assert results(outcomes) == [OutOfStock, 2_000]
    assert not outcomes[1].replayed


def test_a_key_that_came_before_the_batch_is_replayed_in_it(client, member, product):
    key = IdempotencyKey.of("order-1", {"items": [(product.pk, 2)]})
    (earlier,) = place_orders([draft(member, (product, 2), key="order-1")])
    assert earlier.value.idempotency_key == key.key

    with nothing_changes():
        (again,) = place_orders([draft(member, (product, 2), key="order-1")])

    assert again.replayed
    assert again.value.pk == earlier.value.pk


def test_a_replay_may_be_anywhere_in_a_batch(product, members):
    first, second, third = members
    (earlier,) = place_orders([draft(second, (product, 2), key="order-1")])

    outcomes = place_orders(
        [
            draft(first, (product, 1), key="order-1"),
            draft(second, (product, 2), key="order-1"),
            draft(third, (product, 3)),
            draft(second, (product, 1), key="order-1"),
        ]
    )

    assert results(outcomes) == [1_000, 2_000, 3_000, IdempotencyKeyReused]
    assert [one.replayed for one in outcomes[:3]] == [False, True, False]
    assert outcomes[1].value.pk == earlier.value.pk
    assert [balance_of(user) for user in members] == [9_000, 8_000, 7_000]
    product.refresh_from_db()
    assert product.stock == 10 - 6


def test_the_statements_of_a_batch_grow_neither_with_its_drafts_nor_their_lines(
    make_product, make_member, issue
):
    products = [make_product(price=1, stock=1_000) for _ in range(10)]
    today = timezone.localdate()
    record_sales({(product.pk, today): Sold() for product in products})  # the day's first cost more

    counts = []
    for size, lines in ((2, 1), (12, 10)):
        members = [make_member(balance=1_000) for _ in range(size)]
        drafts = [
            draft(
                user,
                *((product, 1) for product in products[:lines]),
                coupon=issue(to=user, discount_value=1),
                key="order-1",
            )
            for user in members
        ]
        counts.append(count_statements(place_orders, drafts))

    assert counts[0] == counts[1]
    totals = Order.objects.order_by("id").values_list("total", flat=True)
    assert list(totals) == [0] * 2 + [9] * 12


def test_the_statements_of_a_request_do_not_grow_with_its_lines(client, make_product, issue):
    lines = [(make_product(price=1).pk, 1) for _ in range(50)]
    today = timezone.localdate()
    record_sales({(product, today): Sold() for product, _ in lines})  # the day's first cost more
    coupons = [issue(discount_value=1) for _ in range(2)]

    small = count_statements(buy, client, lines[0], coupon=coupons[0].pk)
    large = count_statements(buy, client, *lines, coupon=coupons[1].pk)

    assert small == large
    assert list(Order.objects.order_by("id").values_list("total", flat=True)) == [0, 49]
