"""Rows in one statement: told their keys, complete, and no more than asked."""

from collections import Counter
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from common.db.rows import save_fields, save_new, save_values
from coupons.models import Coupon, IssuedCoupon
from ecommerce.tests.threads import run_together
from events.models import Outgoing
from orders.models import Order
from products.models import NAME_COLUMNS, Category, Product
from users.models import User, Wallet, WalletTransaction

pytestmark = pytest.mark.django_db


def product(number: int = 1) -> Product:
    return Product(name=f"머그컵 {number} ☕", description="'; --\\ %s", price=number, stock=number)


def test_new_rows_are_told_their_keys_in_one_statement():
    rows = [product(number) for number in range(1, 6)]
    with CaptureQueriesContext(connection) as asked:
        save_new(rows)
    assert len(asked) == 1
    for row in rows:
        stored = Product.objects.get(name=row.name)
        assert stored.pk == row.pk
        assert not row._state.adding
        for field in Product._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(row, field.attname), field


def test_nothing_asks_nothing():
    with CaptureQueriesContext(connection) as asked:
        save_new([])
        save_fields([], ["stock"])
        save_fields([product()], [])
    assert len(asked) == 0


def test_values_without_objects_arrive_in_one_statement():
    fields = ("kind", "about", "data", "occurred_at")
    moment = timezone.now()
    sent = Outgoing._meta.get_field("occurred_at").get_db_prep_save(moment, connection)
    rows = [("order.paid", f"order:{n}", "'; --\\ %s ☕", sent) for n in range(50)]
    with CaptureQueriesContext(connection) as asked:
        save_values(Outgoing, fields, rows)

    assert len(asked) == 1
    stored = Outgoing.objects.order_by("pk").values_list(*fields)
    assert list(stored) == [(kind, about, data, moment) for kind, about, data, _ in rows]


def test_values_of_no_rows_ask_nothing():
    with CaptureQueriesContext(connection) as asked:
        save_values(Outgoing, ("kind", "about", "data", "occurred_at"), [])

    assert len(asked) == 0


def test_values_in_another_order_than_the_columns_are_refused():
    with pytest.raises(ValueError, match="are not"):
        save_values(Outgoing, ("about", "kind", "data", "occurred_at"), [("a", "b", "c", "d")])

    assert not Outgoing.objects.exists()


def test_all_kinds_of_values_arrive(member):
    moment = timezone.now()
    order = Order(
        number="ORD-ROWS",
        user=member,
        subtotal=2**40,
        discount=0,
        total=2**40,
        day=timezone.localdate(),
        created_at=moment,
        idempotency_key="6f1c7f9a-5f0b-4a3f-9a34-000000000001",
    )
    save_new([order])
    stored = Order.objects.get(pk=order.pk)
    assert (stored.day, stored.created_at, stored.total) == (order.day, moment, 2**40)
    assert stored.coupon is None
    assert str(stored.idempotency_key) == order.idempotency_key


def test_more_rows_than_a_statement_takes_are_dealt_out(monkeypatch):
    monkeypatch.setattr(type(connection.ops), "bulk_batch_size", lambda self, fields, rows: 2)
    rows = [product(number) for number in range(1, 6)]
    with CaptureQueriesContext(connection) as asked:
        save_new(rows)
    assert len(asked) == 3
    names = dict(Product.objects.values_list("pk", "name"))
    assert names == {row.pk: row.name for row in rows}


def test_a_row_that_breaks_a_constraint_keeps_all_out():
    twice = [product(1), product(2), product(2)]
    for row in twice:
        row.sku = f"SKU-{row.price}"
    with pytest.raises(IntegrityError), transaction.atomic():
        save_new(twice)
    assert Product.objects.count() == 0


def test_after_a_row_that_is_refused_the_transaction_can_only_be_rolled_back():
    with transaction.atomic():
        save_new([product()])
        with pytest.raises(IntegrityError):
            save_new([Product(name="b", price=-1, stock=1)])
        with pytest.raises(TransactionManagementError):  # whoever caught it must not go on
            Product.objects.count()
    assert Product.objects.count() == 0


def test_fields_are_written_and_no_others():
    rows = [product(number) for number in range(1, 4)]
    save_new(rows)
    for row in rows:
        row.stock += 10
        row.price = 99
        row.name = "not written"
    for some in (rows[:1], rows):
        save_fields(some, ["stock"])
    assert list(Product.objects.order_by("pk").values_list("stock", "price")) == [
        (11, 1),
        (12, 2),
        (13, 3),
    ]
    assert set(Product.objects.values_list("description", flat=True)) == {"'; --\\ %s"}
    assert not Product.objects.filter(name="not written").exists()


def test_fields_of_every_kind_are_written_in_one_statement():
    rows = [product(number) for number in range(1, 4)]
    save_new(rows)
    category = Category.objects.create(name="컵 ☕", slug="cups")
    rows[0].name, rows[0].description, rows[0].category = "'; -- \\ %s ☕", "a\nb", category
    rows[1].name, rows[1].is_active = "둘", False
    rows[2].sku = "KR-3"
    with CaptureQueriesContext(connection) as asked:
        save_fields(rows, [*NAME_COLUMNS, "description", "category", "is_active", "sku"])
    assert len(asked) == 1
    for row in rows:
        stored = Product.objects.get(pk=row.pk)
        for field in Product._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(row, field.attname), field
    assert Product.objects.search("둘").get() == rows[1]


def test_a_row_that_went_is_not_made_again():
    rows = [product(number) for number in range(1, 4)]
    save_new(rows)
    Product.objects.filter(pk=rows[1].pk).delete()
    save_fields(rows, ["stock"])
    assert set(Product.objects.values_list("pk", flat=True)) == {rows[0].pk, rows[2].pk}


def test_fields_of_more_rows_than_a_statement_takes_are_dealt_out(monkeypatch):
    rows = [product(number) for number in range(1, 6)]
    save_new(rows)
    monkeypatch.setattr(type(connection.ops), "bulk_batch_size", lambda self, fields, rows: 2)
    for row in rows:
        row.stock += 10
    with CaptureQueriesContext(connection) as asked:
        save_fields(rows, ["stock", "price"])
    assert len(asked) == 3
    stocks = Product.objects.order_by("pk").values_list("stock", flat=True)
    assert list(stocks) == [11, 12, 13, 14, 15]


@pytest.mark.django_db(transaction=True)
def test_keys_are_right_while_others_insert_into_the_same_table():
    moment = timezone.now()
    members = User.objects.bulk_create(User(username=f"m{number}") for number in range(30))
    members = list(User.objects.order_by("pk"))
    campaigns = [
        Coupon.objects.create(
            name=f"c{number}",
            discount_type="fixed",
            discount_value=1,
            total_quantity=1_000,
            issue_ends_at=moment + timedelta(days=1),
        )
        for number in range(12)
    ]
    start = Barrier(4)

    def issue(mine: list[Coupon]) -> list[IssuedCoupon]:
        start.wait(20)
        made = []
        for campaign in mine:
            rows = [
                IssuedCoupon(
                    coupon=campaign,
                    user=member,
                    issue_number=number,
                    issued_at=moment,
                    expires_at=moment + timedelta(days=1),
                )
                for number, member in enumerate(members, start=1)
            ]
            with transaction.atomic():
                save_new(rows)
            made += rows
        return made

    shares = [campaigns[place::4] for place in range(4)]
    made = run_together([lambda mine=mine: issue(mine) for mine in shares])
    told = Counter((row.pk, row.coupon_id, row.issue_number) for rows in made for row in rows)
    stored = IssuedCoupon.objects.values_list("pk", "coupon_id", "issue_number")
    assert told == Counter(stored)
    assert len(told) == 360


def test_keys_are_right_in_a_cluster_that_counts_in_steps(member):
    if connection.features.can_return_rows_from_bulk_insert:
        pytest.skip("there the database tells each key by itself")
    wallet = Wallet.objects.get_or_create(user=member)[0]
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION auto_increment_increment = 7")
    try:
        connection.init_connection_state()
        entries = [
            WalletTransaction(
                wallet=wallet, kind="charge", amount=1, balance_after=1, reference=f"STEP-{number}"
            )
            for number in range(5)
        ]
        save_new(entries)
        stored = dict(
            WalletTransaction.objects.filter(reference__startswith="STEP-").values_list(
                "reference", "pk"
            )
        )
        assert {entry.reference: entry.pk for entry in entries} == stored
        assert entries[1].pk == entries[0].pk + 7
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION auto_increment_increment = 1")
        connection.init_connection_state()
