"""Orders that want the same pieces, and cancellations that give them back, in the same moment."""

from functools import partial

import pytest

from ecommerce.tests.race_controls import without_lock_order, without_locks
from ecommerce.tests.races import (
    balance_of,
    ledger_of,
    order,
    post,
    race,
    send_at_once,
    tally,
    unsound,
)
from products.services import adjust_stock

pytestmark = pytest.mark.django_db(transaction=True)

DECISION = "orders.services.placing._decide"


def stock_of(product):
    product.refresh_from_db()
    return product.stock


# --- One product --------------------------------------------------------------------------------


@pytest.mark.usefixtures("batch_limit")
def test_eleven_orders_at_once_for_ten_pieces_make_exactly_ten(make_member, product):
    answers = race([order(make_member(balance=1_000), (product.pk, 1)) for _ in range(11)])
    assert tally(answers) == {"201": 10, "409 out_of_stock": 1}
    assert stock_of(product) == 0


def test_control_without_the_lock_eleven_pieces_of_ten_are_sold(make_member, product):
    members = [make_member(balance=1_000) for _ in range(11)]
    with without_locks(DECISION, parties=11):
        answers = send_at_once([order(member, (product.pk, 1)) for member in members])
    assert tally(answers) == {"201": 11}
    assert stock_of(product) == 9
    assert unsound() == {"products"}


@pytest.mark.usefixtures("batch_limit")
def test_adjustments_of_stock_and_orders_at_once_all_count(make_member, product):
    deliver = partial(adjust_stock, product_id=product.pk, quantity=3, reason="delivery")
    lose = partial(adjust_stock, product_id=product.pk, quantity=-1, reason="broken")
    adjust_stock(product_id=product.pk, quantity=20, reason="delivery")
    answers = race(
        [order(make_member(balance=2_000), (product.pk, 2)) for _ in range(10)],
        meanwhile=[deliver, lose] * 5,
    )
    assert tally(answers) == {"201": 10}
    assert stock_of(product) == 10 + 20 + 5 * 3 - 5 * 1 - 10 * 2


def test_control_without_the_lock_a_delivery_forgets_an_order(member, product):
    deliver = partial(adjust_stock, product_id=product.pk, quantity=3, reason="delivery")
    with without_locks(DECISION, "products.models.Product.save", parties=2):
        answer, _ = send_at_once([order(member, (product.pk, 2)), deliver])
    assert answer.status_code == 201
    assert stock_of(product) == 10 + 3
    assert unsound() == {"products"}


# --- Several products ---------------------------------------------------------------------------


@pytest.mark.usefixtures("batch_limit")
def test_orders_of_the_same_products_in_opposite_orders_all_succeed(
    make_member, make_product, settings
):
    settings.TRANSACTION_ATTEMPTS = 1  # the second attempt would hide a deadlock
    first, second = make_product(stock=40), make_product(stock=40)
    forth, back = [(first.pk, 1), (second.pk, 2)], [(second.pk, 1), (first.pk, 2)]
    answers = race([order(make_member(balance=3_000), *lines) for lines in [forth, back] * 12])
    assert tally(answers) == {"201": 24}
    assert stock_of(first) == stock_of(second) == 40 - 12 * 3


def test_control_without_the_lock_order_one_of_two_orders_is_turned_away(
    make_member, make_product, settings
):
    settings.TRANSACTION_ATTEMPTS = 1  # the second attempt would hide it
    lines = [(make_product().pk, 1), (make_product().pk, 1)]
    members = [make_member(balance=2_000) for _ in range(2)]
    with without_lock_order():
        answers = send_at_once([order(member, *lines) for member in members])
    assert tally(answers) == {"201": 1, "503 busy": 1}


# --- Cancelling ---------------------------------------------------------------------------------


@pytest.fixture
def cancellation(member, product):
    """The request that cancels an order of 3,000 won."""
    placed = order(member, (product.pk, 3))().json()
    return post(member, f"orders/{placed['id']}/cancel/")


@pytest.mark.usefixtures("batch_limit")
def test_cancel_pressed_ten_times_at_once_refunds_once(cancellation, member, product):
    answers = race([cancellation] * 10)
    assert tally(answers) == {"200": 1, "409 order_not_cancellable": 9}
    assert balance_of(member) == 100_000
    assert ledger_of(member)[1:] == [("payment", -3_000, 97_000), ("refund", 3_000, 100_000)]
    assert stock_of(product) == 10


def test_control_without_the_lock_ten_cancellations_try_to_refund(cancellation, member):
    with without_locks("orders.services.cancelling._cancel", parties=10):
        answers = send_at_once([cancellation] * 10)
    # All found a paid order: only that an order's refund is unique in the ledger stopped nine.
    assert tally(answers) == {"200": 1, "500 error": 9}
