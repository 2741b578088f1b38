"""Every write to orders: the one place where the domains meet."""

from orders.services.cancelling import (
    ORDERS,
    Cancellation,
    cancel_order,
    cancel_orders,
    enqueue_cancellation,
)
from orders.services.placing import DraftLine, OrderDraft, enqueue_order, place_order, place_orders
