"""A shop in plain Python: what the real one should answer, told by the contract alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from users.models import User

BALANCE_MAX = 100_000
VALID_DAYS = 3

Lines = Sequence[tuple["ProductModel", int]]


@dataclass(eq=False)
class MemberModel:
    user: User
    balance: int = 0
    active: bool = True
    ledger: list[tuple[str, int, int]] = field(default_factory=list)
    charges_by_key: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The amount and the ledger entry's id."""
    orders_by_key: dict[str, tuple[object, "OrderModel"]] = field(default_factory=dict)
    """What was sent, and what became of it."""

    def book(self, kind: str, amount: int) -> None:
        self.balance += amount
        self.ledger.append((kind, amount, self.balance))

    def charging(self, amount: int, key: str | None) -> str:
        """The answer to a charge under a key."""
        if not self.active:
            return "401 user_inactive"
        if key in self.charges_by_key:
            same = self.charges_by_key[key][0] == amount
            return "201" if same else "422 idempotency_key_reused"
        return "409 balance_limit_exceeded" if self.balance + amount > BALANCE_MAX else "201"


@dataclass(eq=False)
class ProductModel:
    id: int
    price: int
    stock: int
    active: bool = True


@dataclass(eq=False)
class CampaignModel:
    id: int
    total: int
    last_day: int
    percent: int
    """0 for a fixed amount."""
    amount: int
    """The fixed amount, or the cap of the percentage, in won."""
    min_order: int
    coupons: list["CouponModel"] = field(default_factory=list)

    def issuing(self, member: MemberModel, today: int) -> str:
        """The answer to a press of the button."""
        if not member.active:
            return "401 user_inactive"
        if any(coupon.member is member for coupon in self.coupons):
            return "409 coupon_already_issued"
        if today > self.last_day:
            return "409 coupon_not_open"
        return "409 coupon_sold_out" if len(self.coupons) >= self.total else "201"


@dataclass(eq=False)
class CouponModel:
    id: int
    campaign: CampaignModel
    member: MemberModel
    issue_day: int
    used: bool = False
    revoked: bool = False

    def status(self, today: int) -> str:
        if self.used:
            return "used"
        if self.revoked:
            return "revoked"
        return "usable" if today < self.issue_day + VALID_DAYS else "expired"


@dataclass(eq=False)
class OrderModel:
    id: int
    member: MemberModel
    pieces: Mapping[ProductModel, int]
    coupon: CouponModel | None
    total: int
    day: int
    status: str = "paid"

    def cancelling(self, member: MemberModel) -> str:
        """The answer to `member`, who wants to cancel it."""
        if self.member is not member:
            return "404 not_found"
        if not member.active:
            return "401 user_inactive"
        if self.status == "cancelled":
            return "409 order_not_cancellable"
        too_much = member.balance + self.total > BALANCE_MAX
        return "409 balance_limit_exceeded" if too_much else "200"

    def cancel(self) -> None:
        self.status = "cancelled"
        self.member.book("refund", self.total)
        for product, quantity in self.pieces.items():
            product.stock += quantity
        if self.coupon:
            self.coupon.used = False


@dataclass
class Basket:
    """What a member asks for."""

    member: MemberModel
    lines: Lines
    coupon: CouponModel | None
    key: str | None

    @property
    def pieces(self) -> Mapping[ProductModel, int]:
        pieces: Counter[ProductModel] = Counter()
        for product, quantity in self.lines:
            pieces[product] += quantity
        return pieces

    @property
    def subtotal(self) -> int:
        return sum(product.price * quantity for product, quantity in self.lines)

    @property
    def discount(self) -> int:
        if self.coupon is None:
            return 0
        campaign = self.coupon.campaign
        percentage = self.subtotal * campaign.percent // 100 if campaign.percent else self.subtotal
        return min(percentage, campaign.amount)

    @property
    def total(self) -> int:
        return self.subtotal - self.discount

    @property
    def sent(self) -> object:
        coupon = self.coupon.id if self.coupon else None
        return [(product.id, quantity) for product, quantity in self.lines], coupon

    def ordering(self, today: int) -> str:
        """The answer to the order: the first cause wins."""
        if not self.member.active:
            return "401 user_inactive"
        if self.key in self.member.orders_by_key:
            same = self.member.orders_by_key[self.key][0] == self.sent
            return "201" if same else "422 idempotency_key_reused"
        withdrawn = [product for product, _ in self.lines if not product.active]
        if withdrawn:
            return "400" + " does_not_exist" * len(withdrawn)
        if self.coupon and self.coupon.member is not self.member:
            return "400 does_not_exist"
        if self.coupon and not self._coupon_helps(self.coupon, today):
            return "409 coupon_not_usable"
        short = [product for product, wanted in self.pieces.items() if product.stock < wanted]
        if short:
            return "409" + " out_of_stock" * len(short)
        return "409 insufficient_balance" if self.member.balance < self.total else "201"

    def _coupon_helps(self, coupon: CouponModel, today: int) -> bool:
        return coupon.status(today) == "usable" and self.subtotal >= coupon.campaign.min_order

    def pay(self, order_id: int, today: int) -> OrderModel:
        """Take money, pieces and coupon for an order that was accepted."""
        self.member.book("payment", -self.total)
        for product, quantity in self.pieces.items():
            product.stock -= quantity
        if self.coupon:
            self.coupon.used = True
        order = OrderModel(order_id, self.member, self.pieces, self.coupon, self.total, today)
        if self.key:
            self.member.orders_by_key[self.key] = (self.sent, order)
        return order
