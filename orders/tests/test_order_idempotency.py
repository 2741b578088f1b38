"""POST /api/v1/orders/ under an Idempotency-Key."""

import pytest

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from orders.models import Order
from orders.tests.conftest import URL, buy
from users.services import charge_wallet

CHARGE = "/api/v1/users/me/balance/charge/"

pytestmark = pytest.mark.django_db


def assert_replayed(answer, order):
    assert answer.status_code == 201
    assert answer["Idempotency-Replayed"] == "true"
    assert answer.json() == order


def test_the_same_request_under_the_same_key_acts_once(client, product, issue):
    issued = issue()
    first = buy(client, (product.pk, 2), coupon=issued.pk, key="order-1")
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first

    for _ in range(3):
        with nothing_changes():
            again = buy(client, (product.pk, 2), coupon=issued.pk, key="order-1")
        assert_replayed(again, first.json())


def test_a_replay_shows_the_order_as_it_is_now(client, product):
    order = buy(client, (product.pk, 2), key="order-1").json()
    cancelled = client.post(f"{URL}{order['id']}/cancel/").json()

    with nothing_changes():
        again = buy(client, (product.pk, 2), key="order-1")

    assert cancelled["status"] == "cancelled"
    assert_replayed(again, cancelled)


def withdraw(product):
    product.is_active = False
    product.save(update_fields=["is_active"])


def sell_out(product):
    product.stock = 0
    product.save(update_fields=["stock"])


@pytest.mark.parametrize("change", [withdraw, sell_out])
def test_a_replay_asks_neither_product_nor_stock_again(client, product, change):
    order = buy(client, (product.pk, 2), key="order-1").json()
    change(product)

    with nothing_changes():
        again = buy(client, (product.pk, 2), key="order-1")

    assert_replayed(again, order)


def test_a_replay_asks_for_no_money(make_member, product):
    client = client_of(make_member(balance=2_000))
    order = buy(client, (product.pk, 2), key="order-1").json()

    with nothing_changes():
        again = buy(client, (product.pk, 2), key="order-1")

    assert_replayed(again, order)


def test_a_deactivated_member_gets_no_replay(client, member, product):
    buy(client, (product.pk, 2), key="order-1")
    member.is_active = False
    member.save()

    with nothing_changes():
        again = buy(client, (product.pk, 2), key="order-1")

    assert refusal(again) == refused(401, "user_inactive")


def test_the_same_body_written_in_another_way_is_the_same(client, product):
    order = buy(client, (product.pk, 2), key="order-1").json()

    with nothing_changes():
        again = client.post(
            URL,
            {"coupon": None, "items": [{"quantity": "2", "product": str(product.pk)}]},
            headers={"Idempotency-Key": "order-1"},
        )

    assert_replayed(again, order)


@pytest.mark.parametrize(
    "lines", [[(0, 1)], [(0, 2), (0, 1)], [(0, 1), (0, 2)], [(1, 3)], [(7, 3)]]
)
def test_another_body_under_the_same_key_is_refused(client, make_product, lines):
    first = make_product()
    second = make_product()
    ids = {0: first.pk, 1: second.pk, 7: second.pk + 1}
    buy(client, (first.pk, 3), key="order-1")

    with nothing_changes():
        answer = buy(client, *((ids[line], quantity) for line, quantity in lines), key="order-1")

    assert refusal(answer) == refused(422, "idempotency_key_reused")


def test_another_coupon_under_the_same_key_is_refused(client, product, issue):
    issued = issue()
    buy(client, (product.pk, 3), key="order-1")

    with nothing_changes():
        answer = buy(client, (product.pk, 3), coupon=issued.pk, key="order-1")

    assert refusal(answer) == refused(422, "idempotency_key_reused")


def test_keys_are_told_apart_by_case(client, product):
    numbers = {buy(client, (product.pk, 1), key=key).json()["number"] for key in ("key-a", "key-A")}

    assert len(numbers) == Order.objects.count() == 2


def test_a_key_is_its_members_own(client, product, make_member):
    mine = buy(client, (product.pk, 1), key="order-1")
    anothers = buy(client_of(make_member(balance=5_000)), (product.pk, 1), key="order-1")

    assert anothers.status_code == 201
    assert "Idempotency-Replayed" not in anothers
    assert anothers.json()["number"] != mine.json()["number"]


def test_a_key_on_charge_says_nothing_about_orders(client, product):
    key = {"Idempotency-Key": "one-key"}

    charged = client.post(CHARGE, {"amount": 500}, headers=key)
    ordered = buy(client, (product.pk, 1), key="one-key")
    charged_again = client.post(CHARGE, {"amount": 500}, headers=key)

    assert (charged.status_code, ordered.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in ordered
    assert charged_again["Idempotency-Replayed"] == "true"
    assert charged_again.json() == charged.json()


def test_a_refused_request_may_be_sent_again_under_its_key(make_member, product):
    member = make_member(balance=500)
    client = client_of(member)
    assert refusal(buy(client, (product.pk, 1), key="order-1"))[0] == 409

    charge_wallet(user_id=member.pk, amount=500)
    answer = buy(client, (product.pk, 1), key="order-1")

    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer


def test_after_a_refusal_the_key_may_come_with_another_body(client, product):
    assert refusal(buy(client, (product.pk, 11), key="order-1"))[0] == 409

    assert buy(client, (product.pk, 10), key="order-1").status_code == 201


def test_without_a_key_each_request_is_a_new_order(client, product):
    numbers = {buy(client, (product.pk, 1)).json()["number"] for _ in range(2)}

    assert len(numbers) == 2


@pytest.mark.parametrize("key", ["!", "~" * 255, '{"a":1}'])
def test_a_key_is_any_visible_ascii(client, product, key):
    order = buy(client, (product.pk, 1), key=key).json()

    assert_replayed(buy(client, (product.pk, 1), key=key), order)


@pytest.mark.parametrize("key", ["", "a" * 256, "two words", "키", "a\tb", "a\x7f"])
def test_any_other_key_is_refused(client, product, key):
    with nothing_changes():
        answer = buy(client, (product.pk, 1), key=key)

    assert refusal(answer) == refused(400, "invalid", "Idempotency-Key")


def test_a_request_that_is_not_valid_is_told_so_before_its_key_is_looked_up(client, product):
    buy(client, (product.pk, 1), key="order-1")

    with nothing_changes():
        answer = buy(client, (product.pk, 0), key="order-1")

    assert refusal(answer) == refused(400, "min_value", "items.0.quantity")
