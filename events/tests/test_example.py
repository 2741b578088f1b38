"""docs/examples/receiver.py takes what the shop sends, and nothing else."""

import importlib.util
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from events.models import Endpoint
from events.webhooks import signed_headers

BODY = '{"type":"order.paid","data":{"name":"텀블러 ☕️"}}'.encode()


@pytest.fixture
def receiver() -> Any:
    path = settings.BASE_DIR / "docs" / "examples" / "receiver.py"
    spec = importlib.util.spec_from_file_location("receiver", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(url="https://8.8.8.8/")


def test_what_the_shop_signed_is_taken(receiver: Any, endpoint: Endpoint) -> None:
    headers = signed_headers(endpoint, "EVT-1", BODY, timezone.now())

    assert receiver.is_from_the_shop(endpoint.secret, headers, BODY)


def test_a_day_with_two_secrets_is_no_trouble(receiver: Any, endpoint: Endpoint) -> None:
    endpoint.old_secret, endpoint.secret = endpoint.secret, Endpoint().secret
    endpoint.old_secret_until = timezone.now() + timedelta(hours=1)
    headers = signed_headers(endpoint, "EVT-1", BODY, timezone.now())

    for secret in (endpoint.secret, endpoint.old_secret):
        assert receiver.is_from_the_shop(secret, headers, BODY)


@pytest.mark.parametrize("changed", ["body", "id", "secret", "old"])
def test_anything_else_is_refused(receiver: Any, endpoint: Endpoint, changed: str) -> None:
    sent = timezone.now() - timedelta(minutes=6 if changed == "old" else 0)
    headers = signed_headers(endpoint, "EVT-1", BODY, sent)
    if changed == "id":
        headers["webhook-id"] = "EVT-2"
    secret = Endpoint().secret if changed == "secret" else endpoint.secret
    body = BODY + b" " if changed == "body" else BODY

    assert not receiver.is_from_the_shop(secret, headers, body)
