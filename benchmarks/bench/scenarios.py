"""What is asked of the shop: for each scenario its requests, in the order they are sent in."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Literal

from benchmarks.bench.generator import http_request

Which = Literal["grouped", "single"]
"""The server with its default settings, or the one with GROUP_COMMIT_MAX_BATCH=1."""


@dataclass(slots=True)
class Shop:
    """What `prepare` made, and which (campaign, member) pairs are used up."""

    database: str
    """Its name and version."""
    members: list[int]
    tokens: list[str]
    """Of the members, in their order."""
    holders: int
    """How many of the members, the first, hold coupons."""
    campaigns: list[int]
    """Open, with more coupons than members."""
    sold_out: int
    hot_product: int
    products: list[int]
    pairs_used: int = 0
    rng: random.Random = field(default_factory=lambda: random.Random(2026))

    def pairs(self, amount: int) -> list[tuple[int, int]]:
        """The next campaigns' and members' places that go together, as none did before.

        Raises RuntimeError when the campaigns are used up.
        """
        end = self.pairs_used + amount
        if end > len(self.campaigns) * len(self.members):
            raise RuntimeError("the campaigns are used up: set BENCH_CAMPAIGNS higher")
        return [
            (self.campaigns[number // len(self.members)], number % len(self.members))
            for number in range(self.pairs_used, end)
        ]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request, from many members."""

    name: str
    title: str
    requests: Callable[[Shop, int], Sequence[bytes]]
    """So many requests, or fewer if they may be sent again."""
    answers: Sequence[int] = (200,)
    """The statuses that are right."""
    server: Which = "grouped"
    once: bool = False
    """Its requests use up pairs of a campaign and a member."""
    listened: bool = False
    """Somebody listens to all events meanwhile."""
    is_usual: bool = True
    """Whether it is measured when none is named."""
    think: tuple[int, int] | None = None
    """How long a client waits before each request, from and to (ms)."""


def _of_members(
    method: str, path: str, body: Callable[[Shop], object] | None = None
) -> Callable[[Shop, int], Sequence[bytes]]:
    def requests(shop: Shop, amount: int) -> Sequence[bytes]:
        amount = min(amount, len(shop.tokens))
        tokens = shop.rng.sample(shop.tokens, amount)
        return [
            http_request(
                *(method, path.format(sold_out=shop.sold_out), token),
                json.dumps(body(shop)).encode() if body else None,
            )
            for token in tokens
        ]

    return requests


def _of_anyone(paths: Callable[[Shop], Iterator[str]]) -> Callable[[Shop, int], Sequence[bytes]]:
    return lambda shop, amount: [
        http_request("GET", path, None) for path in islice(paths(shop), min(amount, 1000))
    ]


def _issue(shop: Shop, amount: int) -> Sequence[bytes]:
    return [
        http_request("POST", f"/api/v1/coupons/{campaign}/issue/", shop.tokens[member])
        for campaign, member in shop.pairs(amount)
    ]


def _own_coupons(shop: Shop, amount: int) -> Sequence[bytes]:
    holders = shop.tokens[: shop.holders]
    return [http_request("GET", "/api/v1/users/me/coupons/", token) for token in holders]


def _order(lines: int, *, hot: bool) -> Callable[[Shop], object]:
    def body(shop: Shop) -> object:
        others = shop.rng.sample(shop.products, lines)
        products = [shop.hot_product, *others[1:]] if hot else others
        return {"items": [{"product": product, "quantity": 1} for product in products]}

    return body


def _forever(path: str) -> Callable[[Shop], Iterator[str]]:
    return lambda shop: (path for _ in count())


def _details(shop: Shop) -> Iterator[str]:
    return (f"/api/v1/products/{shop.rng.choice(shop.products)}/" for _ in count())


ORDERS, HOT_1 = "/api/v1/orders/", _order(1, hot=True)
YARDSTICK = Scenario(
    "yardstick", "yardstick: authenticated, does nothing", _of_members("GET", "/api/v1/yardstick/")
)
KINDS_OF_ORDERS: Sequence[tuple[str, str, Callable[[Shop], object], Which]] = (
    ("order_hot_1", "1 line, the hot product", HOT_1, "grouped"),
    ("order_hot_1_single", "1 line, the hot product, batch limit 1", HOT_1, "single"),
    ("order_hot_10", "10 lines, the hot product in each", _order(10, hot=True), "grouped"),
    ("order_spread_1", "1 line, over all products", _order(1, hot=False), "grouped"),
    ("order_spread_10", "10 lines, over all products", _order(10, hot=False), "grouped"),
)
SCENARIOS = (
    YARDSTICK,
    Scenario("issue", "issue a coupon", _issue, (201,), once=True),
    Scenario("issue_single", "issue a coupon, batch limit 1", _issue, (201,), "single", once=True),
    Scenario(
        "sold_out",
        "refused: sold out",
        _of_members("POST", "/api/v1/coupons/{sold_out}/issue/"),
        (409,),
    ),
    *(
        Scenario(name, f"order, {title}", _of_members("POST", ORDERS, body), (201,), server)
        for name, title, body, server in KINDS_OF_ORDERS
    ),
    Scenario(
        "charge",
        "charge the balance",
        _of_members("POST", "/api/v1/users/me/balance/charge/", lambda shop: {"amount": 100}),
        (201,),
    ),
    Scenario("product_list", "products, first page", _of_anyone(_forever("/api/v1/products/"))),
    Scenario("product_detail", "one product", _of_anyone(_details)),
    Scenario("own_coupons", "own coupons, first page", _own_coupons),
    Scenario(
        "top_products", "top 5 of 3 days", _of_anyone(_forever("/api/v1/stats/top-products/"))
    ),
    # Measured by `run_events` alone, each beside the same without a listener.
    Scenario(
        "issue_told",
        "issue a coupon, with a listener",
        *(_issue, (201,)),
        once=True,
        listened=True,
        is_usual=False,
    ),
    Scenario(
        "order_hot_1_told",
        "order, 1 line, the hot product, with a listener",
        _of_members("POST", ORDERS, HOT_1),
        (201,),
        listened=True,
        is_usual=False,
    ),
)
# What anyone may read, and what it costs to say that it is unchanged.
PUBLIC = {
    "a_page": ("products, first page", "/api/v1/products/"),
    "a_product": ("the hot product", "/api/v1/products/{shop.hot_product}/"),
    "categories": ("categories", "/api/v1/categories/"),
    "campaigns": ("campaigns, first page", "/api/v1/coupons/"),
    "a_campaign": ("one campaign", "/api/v1/coupons/{shop.sold_out}/"),
    "best_sellers": ("best sellers", "/api/v1/stats/top-products/"),
}


def _public(path: str, *headers: str) -> Callable[[Shop, int], Sequence[bytes]]:
    return lambda shop, amount: [http_request("GET", path.format(shop=shop), None, headers=headers)]


READS = tuple(
    Scenario(
        f"{name}{suffix}", f"{title}{added}", _public(path, *headers), (status,), is_usual=False
    )
    for name, (title, path) in PUBLIC.items()
    for suffix, added, headers, status in (
        ("", "", (), 200),
        ("_unchanged", ", unchanged", ("If-None-Match: *",), 304),
    )
)
LOAD_TEST_USERS = 500
LOAD_TEST_COUPONS = 5
LOAD_TEST_QUANTITY = 30


def load_test(campaigns: Sequence[int]) -> Scenario:
    """The load test that the shop's first version had: anyone of 500 wants any of 5 coupons."""

    def requests(shop: Shop, amount: int) -> Sequence[bytes]:
        users = shop.tokens[:LOAD_TEST_USERS]
        return [
            http_request(
                *("POST", f"/api/v1/coupons/{shop.rng.choice(campaigns)}/issue/"),
                shop.rng.choice(users),
            )
            for _ in range(amount)
        ]

    title = "500 users who think for a second, 5 coupons of 30 each"
    return Scenario("load_test", title, requests, (201, 409), think=(500, 1500))


BY_NAME = {scenario.name: scenario for scenario in (*SCENARIOS, *READS)}
