"""What an order may refuse, beyond what products, coupons and wallets do."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class OrderNotCancellable(DomainError):
    """The order is cancelled already."""

    code = "order_not_cancellable"
    message = _("This order cannot be cancelled.")
