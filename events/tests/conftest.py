"""Fixtures and helpers of the tests of events."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIClient

from conftest import client_of
from coupons.models import Coupon
from events.models import Endpoint, Event, Kind, Outgoing
from events.services import create_endpoint, take_in
from users.models import User

FEED = "/api/v1/events/"
ALL_KINDS = [kind.value for kind in Kind]


@pytest.fixture
def listen(db: None) -> Callable[..., Endpoint]:
    """Makes endpoints; without an address, and for all kinds, unless said."""

    def make(*kinds: str, url: str = "", **fields: Any) -> Endpoint:
        return create_endpoint(
            name=fields.pop("name", "the warehouse"), kinds=kinds or ALL_KINDS, url=url, **fields
        )

    return make


@pytest.fixture
def staff(make_member: Callable[..., User]) -> User:
    """Staff who may view events."""
    user = make_member(username="staff", is_staff=True, password="pw")
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label="events", codename="view_event")
    )
    return user


@pytest.fixture
def staff_api(staff: User) -> APIClient:
    return client_of(staff)


def press(client: APIClient, coupon: Coupon) -> Response:
    """Press the button of a campaign."""
    return client.post(f"/api/v1/coupons/{coupon.pk}/issue/")


def happened() -> list[tuple[str, str]]:
    """Kind and object of all events so far, in their order."""
    take_in()
    return list(Event.objects.order_by("pk").values_list("kind", "about"))


def told(kind: str) -> list[dict[str, Any]]:
    """What the events of a kind say, in their order."""
    take_in()
    texts = Event.objects.filter(kind=kind).order_by("pk").values_list("data", flat=True)
    return [json.loads(text) for text in texts]


def make_event(about: str = "order:1", kind: str = Kind.ORDER_PAID, **data: Any) -> None:
    """An event as a transaction leaves it."""
    Outgoing.objects.create(
        kind=kind, about=about, data=json.dumps(data), occurred_at=timezone.now()
    )
