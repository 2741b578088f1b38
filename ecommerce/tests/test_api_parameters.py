"""Whatever a parameter of the API says, it is answered as described or refused, never a 500."""

from urllib.parse import quote

import pytest
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db(transaction=True)

NONSENSE = [
    *("9" * 40, "-" + "9" * 40, "99999999999999999999", "1e400", "NaN", "1_000", "３", "maybe"),
    *("0001-01-01", "0000-00-00", "99999-12-31", "9999-12-31", "10000-01-01T00:00:00Z"),
    *("\0", "a\0b", "\ud800", "😀", "x" * 7_000, ",".join(map(str, range(3_000))), "W10", "bnVsbA"),
    *("WyItaWQiLCAiMDAwMS0wMS0wMSIsIDEsIDBd", "WyJwcmljZSIsIDFlOTksIDEsIDBd", "[]", "{}"),
]
LISTS = {
    "products/": [
        *("search", "category", "min_price", "max_price", "in_stock", "ordering", "ids"),
        *("cursor", "page_size"),
    ],
    "categories/": ["cursor", "page_size"],
    "coupons/": ["is_open", "cursor", "page_size"],
    "orders/": ["status", "since", "until", "cursor", "page_size"],
    "users/me/coupons/": ["status", "cursor", "page_size"],
    "users/me/balance/transactions/": ["cursor", "page_size"],
    "stats/top-products/": ["days", "limit"],
}
CASES = [(path, name) for path, names in LISTS.items() for name in [*names, "nosuch"]]


@pytest.mark.parametrize(("path", "name"), CASES)
def test_a_parameter_may_say_anything(client: APIClient, path: str, name: str) -> None:
    for value in NONSENSE:
        sent = quote(value.encode(errors="surrogatepass"))
        answer = client.get(f"/api/v1/{path}?{name}={sent}")
        assert answer.status_code in (200, 400), (name, value[:40], answer.content[:200])
        if answer.status_code == 400:
            assert answer.json()["errors"][0]["attr"] == name, (value[:40], answer.json())


@pytest.mark.parametrize("ordering", ["price", "-name", "created_at"])
@pytest.mark.parametrize("value", NONSENSE)
def test_a_cursor_is_of_its_list_or_is_refused(
    client: APIClient, ordering: str, value: str
) -> None:
    sent = quote(value.encode(errors="surrogatepass"))
    answer = client.get(f"/api/v1/products/?ordering={ordering}&cursor={sent}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "cursor"


def test_no_number_in_a_path_is_too_large(client: APIClient) -> None:
    for number in ["9" * 18, "9" * 40, "-1", "0", "1e3", "%00", "%ED%A0%80"]:
        for path in ["products/{}/", "coupons/{}/", "orders/{}/"]:
            answer = client.get("/api/v1/" + path.format(number))
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "not_found")
