"""Fixtures that every app's tests share: clients, members, products, campaigns."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.core.management.commands import flush
from django.utils import timezone
from rest_framework.serializers import BaseSerializer
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from common.api import conditional, shapes
from common.api.handler import ShopRequest
from common.remembered import memories
from coupons.models import Coupon
from coupons.services import create_coupon
from ecommerce.tests.openapi import every_answer_is_described  # noqa: F401
from products.models import Product
from products.services import create_product
from users.models import User
from users.services import charge_wallet

MADE_FROM_CODE = {"django_content_type", "auth_permission"}

_serial = count(1)


def client_of(user: User | None = None) -> APIClient:
    """An HTTP client of the API, signed in as `user` if given. Server errors are answers to it."""
    client = APIClient(SERVER_NAME="localhost", raise_request_exception=False)
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {AccessToken.for_user(user)}")
    return client


@pytest.fixture(scope="session", autouse=True)
def _what_the_code_says_stays() -> Iterator[None]:
    """A test with transactions of its own leaves content types and permissions as they are.

    Django empties every table after it, and makes these anew: that takes longer than most tests.
    """

    def sql_flush(style: Any, connection: Any, **options: Any) -> list[str]:
        existing = connection.introspection.django_table_names(
            only_existing=True, include_views=False
        )
        written = [table for table in existing if table not in MADE_FROM_CODE]
        sql: list[str] = connection.ops.sql_flush(style, written, **options)
        return sql

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_args, **_options: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _answers_are_what_their_serializers_say() -> Iterator[None]:
    """Every object that any test is answered is compared with what DRF makes of it."""

    def compared(serializer: BaseSerializer[Any]) -> shapes.Shape:
        show = shapes.shape_of(serializer)

        def answer(row: Any) -> Any:
            shown = show(row)
            assert shown == serializer.to_representation(row)
            return shown

        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.api.serializers.shape_of", compared)
        yield


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _requests_of_the_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's test client makes requests of Django's own class, whatever the handler's is."""
    monkeypatch.setattr("django.test.client.WSGIRequest", ShopRequest)


@pytest.fixture(autouse=True)
def _static_files_on_demand(settings: Any) -> None:
    """Otherwise each test client begins by listing every static file of every package."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _no_other_server(settings: Any) -> None:
    """What a test breaks stays broken: asking for long brings nothing."""
    settings.FAILOVER_SECONDS = 0.0


@pytest.fixture(autouse=True)
def _nothing_remembered(settings: Any) -> None:
    for memory in memories:
        memory.forget()
    conditional._known.clear()
    # Else the first deed of each second asks who listens: a statement more, now and then.
    settings.EVENTS_MEMORY_SECONDS = 3_600.0


@pytest.fixture
def api() -> APIClient:
    """A client that is not signed in."""
    return client_of()


@pytest.fixture
def make_member(db: None) -> Callable[..., User]:
    """Makes members, with `balance` won charged."""

    def make(*, balance: int = 0, **fields: Any) -> User:
        fields.setdefault("username", f"member{next(_serial)}")
        user = User.objects.create_user(**fields)
        if balance:
            charge_wallet(user_id=user.pk, amount=balance)
        return user

    return make


@pytest.fixture
def member(make_member: Callable[..., User]) -> User:
    """A member with 100,000 won."""
    return make_member(username="minji", balance=100_000)


@pytest.fixture
def client(member: User) -> APIClient:
    """A client signed in as `member`."""
    return client_of(member)


@pytest.fixture
def make_product(db: None) -> Callable[..., Product]:
    """Makes products: 1,000 won and 10 pieces unless said."""

    def make(**fields: Any) -> Product:
        fields.setdefault("name", f"product {next(_serial)}")
        fields.setdefault("price", 1_000)
        fields.setdefault("stock", 10)
        return create_product(**fields)

    return make


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    return make_product(name="스테인리스 텀블러")


@pytest.fixture
def make_coupon(db: None) -> Callable[..., Coupon]:
    """Makes campaigns: 1,000 won off, 30 coupons, open since an hour ago until in an hour.

    One of `total_quantity=0` is older than the rule that there is at least one.
    """

    def make(*, total_quantity: int = 30, **terms: Any) -> Coupon:
        now = timezone.now()
        defaults: dict[str, Any] = {
            "name": f"coupon {next(_serial)}",
            "discount_type": "fixed",
            "discount_value": 1_000,
            "issue_starts_at": now - timedelta(hours=1),
            "issue_ends_at": now + timedelta(hours=1),
        }
        coupon = create_coupon(**(defaults | terms | {"total_quantity": total_quantity or 1}))
        if not total_quantity:
            Coupon.objects.filter(pk=coupon.pk).update(total_quantity=0)
            coupon.refresh_from_db()
        return coupon

    return make


@pytest.fixture
def coupon(make_coupon: Callable[..., Coupon]) -> Coupon:
    return make_coupon()
