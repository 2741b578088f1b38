"""Answers that anyone may have, and a process that knows them."""

from collections.abc import Callable
from typing import Any

import pytest

from common.api.views import ApiViewSet
from coupons.models import Coupon
from products.models import Category, Product


@pytest.fixture
def product(make_product: Callable[..., Product]) -> Product:
    category = Category.objects.create(name="kitchen", slug="kitchen")
    return make_product(category=category)


def ask(api: Any, url: str, **asking: Any) -> Any:
    """Asks until a process knows the answer, and holds it to what knowing means."""
    first = api.get(url, **asking)
    again = api.get(url, HTTP_IF_NONE_MATCH=first["ETag"], **asking)
    assert (first.status_code, again.status_code) == (200, 304)
    return first


@pytest.fixture
def known(api: Any) -> Callable[[str], Any]:
    return lambda url: ask(api, url)


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def initial(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the answer is made once more")

    monkeypatch.setattr(ApiViewSet, "initial", initial)


URLS = [
    "/api/v1/products/",
    "/api/v1/products/?category=kitchen&ordering=-price&page_size=5",
    "/api/v1/products/?ids={product}",
    "/api/v1/products/{product}/",
    "/api/v1/categories/",
    "/api/v1/coupons/",
    "/api/v1/coupons/?is_open=true",
    "/api/v1/coupons/?is_open=false",
    "/api/v1/coupons/{coupon}/",
    "/api/v1/stats/top-products/",
    "/api/schema/",
]


@pytest.fixture
def url(product: Product, coupon: Coupon, request: pytest.FixtureRequest) -> str:
    return str(request.param).format(product=product.pk, coupon=coupon.pk)


every_url = pytest.mark.parametrize("url", URLS, indirect=True)
