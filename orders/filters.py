"""The query parameters of the member's order list."""

from django_filters import rest_framework as filters

from common.api.filters import DayFilter, StrictFilterSet
from orders.models import Order


class OrderFilter(StrictFilterSet):
    status = filters.ChoiceFilter(
        choices=Order.Status.choices, help_text="Only orders with this status."
    )
    since = DayFilter(
        field_name="day", lookup_expr="gte", help_text="The first day (Asia/Seoul), YYYY-MM-DD."
    )
    until = DayFilter(
        field_name="day", lookup_expr="lte", help_text="The last day, itself included."
    )

    class Meta:
        model = Order
        fields: list[str] = []
