"""As many members, products, campaigns and orders as asked for, beside what is there.

Each batch is a transaction of its own, sound by itself and short, for the shop may be selling.
Nothing is kept of what was written: memory does not grow with the sizes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.crypto import get_random_string

from common.db.transactions import run_transaction
from coupons.models import Coupon
from ecommerce.seeding.campaigns import NewCampaign, insert_campaigns
from ecommerce.seeding.members import NewMember, insert_members
from ecommerce.seeding.names import ADJECTIVES, CATEGORIES, NOUNS
from ecommerce.seeding.products import NewProduct, ensure_categories, insert_products
from ecommerce.seeding.rows import Series, moment_between
from ecommerce.seeding.sales import PastOrder, insert_orders
from orders.models import Order
from products.models import Product
from users.models import User

ROWS_BATCH = 1_000
CAMPAIGNS_BATCH = 50
ORDERS_BATCH = 4_000
DAYS = 30
"""Over how many days, until now, orders are spread."""
BUYERS = 100
"""How many members buy in one batch of orders."""
ASSORTMENT = 300
"""How many products are bought in one batch of orders, besides the favourites."""
FAVOURITES = 20
"""How many products, the oldest, are bought in every batch, the first most of all."""
HOLDERS = 30
"""How many coupons a campaign issues."""
PRICE_MAX = 500_000
"""Dearer products are not ordered, so that one charge pays for any order (won)."""
CHARGE_UNIT = 1_000_000
CANCELLED_SHARE = 0.03


class NothingToOrder(Exception):
    """There are no members to order, or no products to be ordered."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is to be added."""

    members: int = 0
    products: int = 0
    coupons: int = 0
    orders: int = 0


@dataclass(slots=True)
class Run:
    """What one run of the seeding has in common."""

    rng: Random
    series: Series
    now: datetime
    password: str = field(default_factory=lambda: get_random_string(16))
    """Of the members that it adds."""
    lines: int = 0
    """How many order lines it has committed so far."""

    @property
    def tag(self) -> str:
        """What its names bear, and those of no other run."""
        return self.series.tag[:6]


def start_run(random_seed: int) -> Run:
    """A run that depends on the seed and on what there is, so that it can be repeated.

    On two databases of the same history it makes the same rows; on one database other ones each
    time, under names and references of their own.
    """
    rng = Random(repr((random_seed, [_newest(model) for model in (User, Product, Coupon, Order)])))
    return Run(rng, Series(rng), timezone.now())


def add_to_shop(run: Run, sizes: Sizes) -> list[tuple[str, int, Iterator[int]]]:
    """What there is to do: a name, how many, and the doing, which yields what it has committed.

    Orders come last, since they may be those of the new members for the new products.

    Raises:
        NothingToOrder: orders are asked for, but nobody is there to order, or nothing.
    """
    if sizes.orders and not (sizes.members or _buyers().exists()):
        raise NothingToOrder("Orders need members: there are none, so add --members as well.")
    if sizes.orders and not (sizes.products or _on_sale().exists()):
        raise NothingToOrder(
            f"Orders need products on sale for at most {PRICE_MAX:,} won: there are none,"
            " so add --products as well."
        )
    return [
        ("members", sizes.members, _add_members(run, sizes.members)),
        ("products", sizes.products, _add_products(run, sizes.products)),
        ("coupons", sizes.coupons, _add_campaigns(run, sizes.coupons)),
        ("orders", sizes.orders, _add_orders(run, sizes.orders)),
    ]


def _newest(model: Any) -> int:
    newest: int | None = model.objects.aggregate(newest=Max("pk"))["newest"]
    return newest or 0


def _in_batches(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def _write(rows: "QuerySet[Any]", insert: Callable[[], object]) -> None:
    """Insert in a transaction; not again if the answer was lost and `rows` are there."""
    run_transaction(insert, find_again=lambda: rows.exists() or None)


def _window(rng: Random, rows: "QuerySet[Any]", size: int) -> list[int]:
    """The ids of `size` neighbouring rows, from anywhere; of all, if there are no more."""
    start = rng.randint(1, _newest(rows.model) or 1)
    ids = rows.order_by("pk").values_list("pk", flat=True)
    found = list(ids.filter(pk__gte=start)[:size])
    return found + list(ids.filter(pk__lt=start)[: size - len(found)])


def _buyers() -> "QuerySet[User]":
    return User.objects.filter(is_active=True, is_staff=False)


def _on_sale() -> "QuerySet[Product]":
    return Product.objects.filter(is_active=True, price__lte=PRICE_MAX)


# --- Members and products -----------------------------------------------------------------------


def _add_members(run: Run, count: int) -> Iterator[int]:
    password = make_password(run.password) if count else ""  # slow by design: once for all
    for batch in _in_batches(count, ROWS_BATCH):
        members = [_new_member(run, number, password) for number in batch]
        first = User.objects.filter(username=members[0].username)
        _write(first, partial(insert_members, members, run.series))
        yield len(batch)


def _new_member(run: Run, number: int, password: str) -> NewMember:
    year_ago, month_ago = (run.now - timedelta(days=days) for days in (365, DAYS))
    return NewMember(
        username=f"member-{run.tag.lower()}-{number + 1}",
        password=password,
        joined=moment_between(run.rng, year_ago, month_ago),
        balance=run.rng.randint(1, 50) * 10_000,
    )


def _add_products(run: Run, count: int) -> Iterator[int]:
    categories = run_transaction(lambda: ensure_categories(CATEGORIES)) if count else {}
    category_ids = list(categories.values())
    for batch in _in_batches(count, ROWS_BATCH):
        products = [_new_product(run, number, category_ids) for number in batch]
        first = Product.objects.filter(name=products[0].name)
        _write(first, partial(insert_products, products, run.series))
        yield len(batch)


def _new_product(run: Run, number: int, category_ids: Sequence[int]) -> NewProduct:
    rng = run.rng
    year_ago, month_ago = (run.now - timedelta(days=days) for days in (365, DAYS))
    few, many = rng.randint(0, 5), rng.randint(10, 500)
    return NewProduct(
        name=f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {run.tag}-{number + 1}",
        category_id=rng.choice(category_ids),
        price=int(10 ** rng.uniform(3.3, 5.4)) // 100 * 100,  # most are cheap: 1,900 to 251,000
        stock=few if rng.random() < 0.1 else many,
        made=moment_between(rng, year_ago, month_ago),
    )


# --- Campaigns ----------------------------------------------------------------------------------


def _add_campaigns(run: Run, count: int) -> Iterator[int]:
    for batch in _in_batches(count, CAMPAIGNS_BATCH):
        members = _window(run.rng, _buyers(), 10 * HOLDERS)
        campaigns = [_new_campaign(run, number, members) for number in batch]
        first = Coupon.objects.filter(name=campaigns[0].name)
        _write(first, partial(insert_campaigns, campaigns, run.now))
        yield len(batch)


def _new_campaign(run: Run, number: int, members: Sequence[int]) -> NewCampaign:
    """One that is open, sold out, closed or upcoming, in turn, with HOLDERS coupons at most."""
    rng = run.rng
    is_open, is_sold_out, is_upcoming = number % 4 == 0, number % 4 == 1, number % 4 == 3
    first_day = {0: -5, 1: -5, 2: -20, 3: 5}[number % 4]
    starts = run.now + timedelta(days=first_day, hours=rng.uniform(0, 24))
    issued = 0 if is_upcoming else min(HOLDERS, len(members))
    if is_open:
        issued //= 2
    percent = rng.random() < 0.5
    return NewCampaign(
        name=f"{rng.choice(ADJECTIVES)} 쿠폰 {run.tag}-{number + 1}",
        discount_type=Coupon.DiscountType.PERCENT if percent else Coupon.DiscountType.FIXED,
        discount_value=rng.randint(1, 6) * (5 if percent else 1_000),
        max_discount=10_000 if percent else None,
        total_quantity=issued if is_sold_out else HOLDERS,
        starts=starts,
        ends=starts + timedelta(days=10),
        holders=rng.sample(members, issued),
    )


# --- Orders -------------------------------------------------------------------------------------


def _add_orders(run: Run, count: int) -> Iterator[int]:
    """Orders from the first day to the last, each batch those of the next few hours."""
    favourites = list(_on_sale().order_by("pk").values_list("pk", flat=True)[:FAVOURITES])
    since = run.now - timedelta(days=DAYS)
    for batch in _in_batches(count, ORDERS_BATCH):
        start, end = (
            since + (run.now - since) * part / count for part in (batch.start, batch.stop)
        )
        orders = _plan_orders(run, len(batch), start, end, favourites)
        first = Order.objects.filter(number=orders[0].number)
        _write(first, partial(insert_orders, orders, series=run.series, charge_unit=CHARGE_UNIT))
        run.lines += sum(len(order.quantities) for order in orders)
        yield len(batch)


def _plan_orders(
    run: Run, count: int, start: datetime, end: datetime, favourites: Sequence[int]
) -> list[PastOrder]:
    rng = run.rng
    buyers = _window(rng, _buyers(), BUYERS)
    others = [pk for pk in _window(rng, _on_sale(), ASSORTMENT) if pk not in favourites]
    products = [*favourites, *others]
    # The favourites make about a third; the first sells twice as often as the second, and so on.
    first = max(1, len(others) / 6)
    weights = [first / rank for rank, _ in enumerate(favourites, start=1)] + [1.0] * len(others)
    cumulated = list(accumulate(weights))
    orders = []
    for moment in sorted(moment_between(rng, start, end) for _ in range(count)):
        quantities: dict[int, int] = {}
        for product in rng.choices(products, cum_weights=cumulated, k=rng.randint(1, 8)):
            quantities[product] = quantities.get(product, 0) + 1
        cancelled = moment_between(rng, moment, end) if rng.random() < CANCELLED_SHARE else None
        number = run.series.next("ORD")
        orders.append(
            PastOrder(number, rng.choice(buyers), moment, quantities, cancelled=cancelled)
        )
    return orders
