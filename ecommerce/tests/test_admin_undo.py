"""Adjustments of balances and stock are taken back by their opposites, once."""

from typing import Any

import pytest
from django.test import Client

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import errors_on, logged
from products.models import Product, StockAdjustment
from products.services import adjust_stock
from users.models import User, Wallet, WalletTransaction
from users.services import adjust_balance, charge_wallet

pytestmark = pytest.mark.django_db

KINDS = ["balance", "stock"]


class Books:
    """A balance, or a product's stock, and what is adjusted of it."""

    def __init__(self, kind: str, member: User, product: Product) -> None:
        self.of_balance = kind == "balance"
        self.pk = member.pk if self.of_balance else product.pk
        self.began = self.now

    @property
    def now(self) -> int:
        if self.of_balance:
            return Wallet.objects.get(user=self.pk).balance
        return Product.objects.get(pk=self.pk).stock

    def adjust(self, number: int) -> Any:
        if self.of_balance:
            return adjust_balance(user_id=self.pk, amount=number, reason="착오")
        return adjust_stock(product_id=self.pk, quantity=number, reason="착오")

    def page(self, made: Any, page: str = "undo") -> str:
        model = "users/wallettransaction" if self.of_balance else "products/stockadjustment"
        return f"/admin/{model}/{made.pk}/{page}/"

    def latest(self) -> Any:
        model: Any = WalletTransaction if self.of_balance else StockAdjustment
        return model.objects.order_by("-pk").first()


@pytest.fixture(params=KINDS)
def books(request: pytest.FixtureRequest, member: User, product: Product) -> Books:
    return Books(request.param, member, product)


def undo(browser: Client, books: Books, made: Any) -> Any:
    form = filled(form_on(browser.get(books.page(made))), reason="두 번 넣었음")
    return browser.post(books.page(made), form)


@pytest.mark.parametrize("number", [5, -1])
def test_an_adjustment_is_undone_by_its_opposite(
    admin_client: Client, books: Books, number: int
) -> None:
    books.adjust(10)
    made = books.adjust(number)
    assert undo(admin_client, books, made).status_code == 302
    assert books.now == books.began + 10
    opposite = books.latest()
    done = opposite.amount if books.of_balance else opposite.quantity
    assert (done, opposite.reason, opposite.created_by.username) == (
        -number, "두 번 넣었음", "admin",
    )  # fmt: skip
    ((who, what),) = logged()
    assert who == "admin"
    assert what.startswith("Adjustment undone by ")
    assert what.endswith(": 두 번 넣었음")


def test_it_is_undone_once(admin_client: Client, books: Books) -> None:
    made = books.adjust(5)
    first, second = (form_on(admin_client.get(books.page(made))) for _ in range(2))
    assert admin_client.post(books.page(made), filled(first, reason="가")).status_code == 302
    with nothing_changes():
        page = admin_client.post(books.page(made), filled(second, reason="나"))
    assert errors_on(page) == {"__all__": ["This was undone already. Nothing was changed."]}
    assert books.now == books.began
    assert "/undo/" not in admin_client.get(books.page(made, "change")).content.decode()


def test_what_undoes_is_not_undone(admin_client: Client, books: Books) -> None:
    undo(admin_client, books, books.adjust(5))
    opposite = books.latest()
    assert "/undo/" not in admin_client.get(books.page(opposite, "change")).content.decode()
    with nothing_changes():
        page = undo(admin_client, books, opposite)
    assert errors_on(page) == {
        "__all__": ["Only an adjustment can be undone. Correct this by a new adjustment."]
    }


def test_what_is_spent_or_sold_is_not_taken_back(admin_client: Client, books: Books) -> None:
    made = books.adjust(5)
    books.adjust(-books.now)
    with nothing_changes():
        page = undo(admin_client, books, made)
    (said,) = errors_on(page)["__all__"]
    assert said == (
        "The balance is too low." if books.of_balance else "Not enough of this product is left."
    )
    assert books.now == 0


def test_a_charge_is_no_adjustment(admin_client: Client, member: User) -> None:
    charge_wallet(user_id=member.pk, amount=1_000)
    charge = WalletTransaction.objects.get(kind="charge", amount=1_000)
    with nothing_changes():
        answer = admin_client.post(
            f"/admin/users/wallettransaction/{charge.pk}/undo/", {"reason": "가"}
        )
    assert errors_on(answer)["__all__"][0].startswith("Only an adjustment can be undone.")


def test_it_is_reached_from_whom_or_what_it_is_of(admin_client: Client, books: Books) -> None:
    made = books.adjust(5)
    about = "users/user" if books.of_balance else "products/product"
    page = admin_client.get(f"/admin/{about}/{books.pk}/change/").content.decode()
    assert books.page(made, "change") in page
    assert books.page(made) in admin_client.get(books.page(made, "change")).content.decode()
