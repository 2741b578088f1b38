"""What several rows at once cost: the same locks as one row, and no more than what changes."""

from threading import Event, Thread

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from common.db.transactions import run_transaction
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.threads import FINISH_SECONDS
from orders.services import DraftLine, OrderDraft, place_orders
from products.models import Category, Product

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drafts(make_member, make_product, coupon):
    """Orders of two members, each with a coupon of one campaign, for two products."""
    kitchen = Category.objects.create(name="주방", slug="주방")
    products = [make_product(category=kitchen, description=f"description {n}") for n in range(2)]
    lines = tuple(DraftLine(product.pk, 1) for product in products)
    members = [make_member(balance=10_000) for _ in range(2)]
    return [
        OrderDraft(member.pk, lines, issue_coupon(coupon_id=coupon.pk, user_id=member.pk).pk)
        for member in members
    ]


def place(drafts):
    return run_transaction(lambda: place_orders(drafts))


def test_what_describes_a_product_is_neither_read_nor_sent_back_under_its_lock(drafts):
    with CaptureQueriesContext(connection) as statements:
        place(drafts)
    assert [one["sql"] for one in statements if "description" in one["sql"]] == []
    products = Product.objects.order_by("pk").values_list("description", "category__name", "stock")
    assert list(products) == [("description 0", "주방", 8), ("description 1", "주방", 8)]


@pytest.mark.parametrize("model", [Coupon, Category])
def test_a_batch_waits_for_no_campaign_and_for_no_category(drafts, model, settings):
    if not connection.features.has_select_for_update:
        pytest.skip("there the lock is the whole database's")
    settings.TRANSACTION_ATTEMPTS = 1
    locked, placed = Event(), Event()

    def hold():
        with transaction.atomic():
            assert list(model.objects.select_for_update())
            locked.set()
            placed.wait(FINISH_SECONDS)
        connections.close_all()

    rival = Thread(target=hold, daemon=True)
    rival.start()
    assert locked.wait(FINISH_SECONDS)
    try:
        outcomes = place(drafts)
    finally:
        placed.set()
        rival.join()
    assert [outcome.value.status for outcome in outcomes] == ["paid", "paid"]
