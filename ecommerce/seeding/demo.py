"""The demo shop: enough of everything to look around in, with four weeks of history."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from itertools import cycle
from random import Random

from django.contrib.auth.hashers import make_password
from django.utils import timezone

from common.db.transactions import run_transaction
from coupons.models import Coupon, IssuedCoupon
from ecommerce.seeding.campaigns import NewCampaign, insert_campaigns
from ecommerce.seeding.members import NewMember, insert_members
from ecommerce.seeding.names import (
    BEST_SELLERS,
    CATEGORIES,
    DEMO_PRODUCTS,
    GIVEN_NAMES,
    LOW_STOCK,
    SOLD_OUT,
    WITHDRAWN,
)
from ecommerce.seeding.products import NewProduct, ensure_categories, insert_products
from ecommerce.seeding.rows import Series, moment_between
from ecommerce.seeding.sales import PastOrder, insert_orders
from orders.models import Order
from products.models import Category, Product
from users.models import User

DEMO_USERNAMES = ("demo", "demo2", "demo3", "demo4", "demo5")
DEMO_PASSWORD = "demo-pass-2026"  # noqa: S105  known to all, and printed
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = "admin-pass-2026"  # noqa: S105

DAYS = 28
"""Whole days before today: two of the dashboard's usual periods, to be held against each other."""
OTHERS_A_DAY = 20
"""How many of the other products sell on a day."""
NEWCOMERS = 8
"""How many joined in the last weeks and have only looked around so far."""
CANCELLED = 15
"""How many orders without a coupon were cancelled."""
CHARGE_UNIT = 50_000
MIN_ORDER = 30_000
"""The highest minimum of the campaigns (won)."""
USED_ONE_IN = {"오픈 기념 5,000원 할인": 3, "선착순 30명 20% 할인": 5, "주말 반짝 3,000원 할인": 2}
"""Of which campaigns coupons were used, and how many."""


class NotEmpty(Exception):
    """The database holds something already, which demo data must not mix with."""


@dataclass(slots=True)
class _Shop:
    """What has been made so far; ids by name."""

    rng: Random
    series: Series
    now: datetime
    members: dict[str, int]
    products: dict[str, int]


def is_empty() -> bool:
    """Whether the database holds no member, product, category, campaign or order."""
    models = (User, Product, Category, Coupon, Order)
    return not any(model._default_manager.exists() for model in models)


def seed_demo(random_seed: int) -> None:
    """Make the demo shop, in one transaction: it is there as a whole or not at all.

    Raises:
        NotEmpty: something is there already; nothing was written.
    """
    now = timezone.now()
    # Slow by design: before the transaction.
    demo_password, admin_password = make_password(DEMO_PASSWORD), make_password(ADMIN_PASSWORD)

    def work() -> bool:
        rng = Random(random_seed)  # anew for each attempt
        if not is_empty():
            raise NotEmpty
        shop = _Shop(rng, Series(rng), now, {}, {})
        members = _plan_members(shop, demo_password, admin_password)
        shop.members = insert_members(members, shop.series)
        insert_members(_plan_newcomers(shop), shop.series)
        del shop.members[ADMIN_USERNAME]
        categories = ensure_categories(CATEGORIES)
        shop.products = insert_products(_plan_products(shop, categories), shop.series)
        campaigns = insert_campaigns(_plan_campaigns(shop), now)
        orders = [*_daily_orders(shop), *_orders_with(shop, campaigns), *_cancelled_orders(shop)]
        insert_orders(_numbered(shop, orders), series=shop.series, charge_unit=CHARGE_UNIT)
        return True

    made = User.objects.filter(password=admin_password)
    run_transaction(work, find_again=lambda: made.exists() or None)


def _days_ago(shop: _Shop, days: float) -> datetime:
    return shop.now - timedelta(days=days)


def _plan_members(shop: _Shop, demo_password: str, admin_password: str) -> list[NewMember]:
    opening = _days_ago(shop, 60)
    nobody = make_password(None)  # the other members cannot sign in
    demo = [
        NewMember(name, demo_password, opening + timedelta(minutes=number), 150_000)
        for number, name in enumerate(DEMO_USERNAMES, start=1)
    ]
    others = [
        NewMember(
            username=f"{name}{shop.rng.randint(1, 99):02}",
            password=nobody,
            joined=moment_between(shop.rng, _days_ago(shop, 59), _days_ago(shop, 30)),
            balance=shop.rng.randint(1, 10) * 10_000,
        )
        for name in GIVEN_NAMES
    ]
    admin = NewMember(ADMIN_USERNAME, admin_password, opening, is_staff=True)
    return [admin, *demo, *others]


def _plan_newcomers(shop: _Shop) -> list[NewMember]:
    nobody = make_password(None)
    joined = sorted(
        moment_between(shop.rng, _days_ago(shop, DAYS), shop.now) for _ in range(NEWCOMERS)
    )
    return [
        NewMember(f"new{number:02}", nobody, moment)
        for number, moment in enumerate(joined, start=1)
    ]


def _plan_products(shop: _Shop, categories: dict[str, int]) -> list[NewProduct]:
    opening = _days_ago(shop, 60)
    return [
        NewProduct(
            name=name,
            category_id=categories[slug],
            price=price,
            stock=0 if name in SOLD_OUT else LOW_STOCK.get(name, shop.rng.randint(4, 30) * 10),
            made=opening + timedelta(minutes=shop.rng.randint(0, 20_000)),
            description=f"{CATEGORIES[slug]} · {name}",
            is_active=name not in WITHDRAWN,
        )
        for slug, prices in DEMO_PRODUCTS.items()
        for name, price in prices.items()
    ]


# --- Campaigns ----------------------------------------------------------------------------------


def _plan_campaigns(shop: _Shop) -> list[NewCampaign]:
    opening, first_thirty, weekend = USED_ONE_IN
    fixed, percent = Coupon.DiscountType.FIXED.value, Coupon.DiscountType.PERCENT.value
    demo = [shop.members[name] for name in DEMO_USERNAMES]
    others = [pk for pk in shop.members.values() if pk not in demo]
    shop.rng.shuffle(others)
    in_days = {days: shop.now + timedelta(days=days) for days in (-10, -9, -3, -2, 3, 4, 20, 30)}
    return [
        NewCampaign(
            *(opening, fixed, 5_000, 100, in_days[-10], in_days[20]),
            min_order_amount=MIN_ORDER,
            holders=others[:24],
        ),
        NewCampaign(
            *(first_thirty, percent, 20, 30, in_days[-3], in_days[4]),
            max_discount=10_000,
            holders=others[-30:],
        ),
        NewCampaign(
            *(weekend, fixed, 3_000, 50, in_days[-9], in_days[-2]),
            min_order_amount=20_000,
            holders=[*demo, *others[10:23]],
        ),
        NewCampaign("지금 바로 2,000원 할인", fixed, 2_000, 30, in_days[-3], in_days[30]),
        NewCampaign(
            *("블랙 프라이데이 30% 할인", percent, 30, 30, in_days[3], in_days[4]),
            max_discount=20_000,
        ),
    ]


# --- Orders -------------------------------------------------------------------------------------


def _daily_orders(shop: _Shop) -> Iterator[PastOrder]:
    """Each day's pieces, dealt into orders of one to four. Today's are sold by now."""
    others = _other_products(shop)
    for days in range(DAYS, -1, -1):
        pieces = shop.rng.sample(others, OTHERS_A_DAY)
        for name, quantity in BEST_SELLERS.items():
            pieces += [shop.products[name]] * quantity
        shop.rng.shuffle(pieces)
        opens, closes = _opening_hours(shop, days)
        while pieces:
            size = shop.rng.randint(1, 4)
            dealt, pieces = pieces[:size], pieces[size:]
            yield _order(shop, Counter(dealt), moment_between(shop.rng, opens, closes))


def _opening_hours(shop: _Shop, days_ago: int) -> tuple[datetime, datetime]:
    day = timezone.localdate(shop.now) - timedelta(days=days_ago)
    zone = timezone.get_current_timezone()
    if days_ago == 0:
        return datetime.combine(day, time(0), zone), shop.now
    return datetime.combine(day, time(8), zone), datetime.combine(day, time(23, 59), zone)


def _orders_with(shop: _Shop, campaigns: dict[str, int]) -> Iterator[PastOrder]:
    """An order for each coupon that was used, of one dear product that is no best seller.

    Each campaign's second coupon was used too, but came back when the order was cancelled.
    """
    prices = {name: price for names in DEMO_PRODUCTS.values() for name, price in names.items()}
    names = {pk: name for name, pk in shop.products.items()}
    dear = cycle(pk for pk in _other_products(shop) if prices[names[pk]] >= MIN_ORDER)
    for campaign, one_in in USED_ONE_IN.items():
        issued = IssuedCoupon.objects.filter(coupon=campaigns[campaign]).order_by("pk")
        for place, coupon in enumerate(issued):
            moment = moment_between(shop.rng, coupon.issued_at, shop.now)
            order = _order(shop, {next(dear): 1}, moment, coupon)
            if place == 1:
                yield _cancelled(shop, order)
            elif place % one_in == 0:
                yield order


def _cancelled_orders(shop: _Shop) -> Iterator[PastOrder]:
    for _ in range(CANCELLED):
        moment = moment_between(shop.rng, _days_ago(shop, DAYS), shop.now)
        product = shop.rng.choice(_other_products(shop))
        yield _cancelled(shop, _order(shop, {product: 1}, moment))


def _cancelled(shop: _Shop, order: PastOrder) -> PastOrder:
    within_a_day = min(order.moment + timedelta(days=1), shop.now)
    return replace(order, cancelled=moment_between(shop.rng, order.moment, within_a_day))


def _other_products(shop: _Shop) -> list[int]:
    left_out = {*BEST_SELLERS, *WITHDRAWN}
    return [pk for name, pk in shop.products.items() if name not in left_out]


def _order(
    shop: _Shop,
    quantities: Mapping[int, int],
    moment: datetime,
    coupon: IssuedCoupon | None = None,
) -> PastOrder:
    """An order without its number, by the coupon's member, or anyone."""
    anyone = shop.rng.choice(list(shop.members.values()))
    return PastOrder(
        number="",
        user_id=coupon.user_id if coupon else anyone,
        moment=moment,
        quantities=dict(quantities),
        coupon_id=coupon.pk if coupon else None,
    )


def _numbered(shop: _Shop, orders: Iterable[PastOrder]) -> list[PastOrder]:
    """The orders in the order of their moments, with ascending numbers."""
    by_moment = sorted(orders, key=lambda order: order.moment)
    return [replace(order, number=shop.series.next("ORD")) for order in by_moment]
