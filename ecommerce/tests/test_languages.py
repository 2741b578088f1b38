"""Who hears which language, and what an answer says about it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from conftest import client_of
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.staff import staff_client
from orders.services import DraftLine, OrderDraft, place_orders
from products.models import Product
from users.models import User

API = "/api/v1/"
Call = Callable[[APIClient], Any]

REFUSALS: dict[str, tuple[Call, int, str, str, str]] = {
    "of the domain": (
        lambda client: client.post(API + "coupons/1/issue/"),
        *(404, "not_found", "Not found.", "찾을 수 없습니다."),
    ),
    "of a rule": (
        lambda client: client.post(API + "users/me/balance/charge/", {"amount": 0}),
        *(400, "min_value", "Ensure this value is greater than or equal to 1."),
        "1 이상의 값을 입력하세요.",
    ),
    "of a type": (
        lambda client: client.post(API + "users/me/balance/charge/", {"amount": "many"}),
        *(400, "invalid", "A valid integer is required.", "유효한 정수를 입력하세요."),
    ),
    "of a name that is missing": (
        lambda client: client.post(API + "users/me/balance/charge/", {}),
        *(400, "required", "This field is required.", "이 필드는 필수 항목입니다."),
    ),
    "of a name that is unknown": (
        lambda client: client.get(API + "products/?cupon=1"),
        *(400, "unknown_field", "This field is not known here.", "알 수 없는 필드입니다."),
    ),
    "of a method": (
        lambda client: client.delete(API + "products/"),
        *(405, "method_not_allowed", 'Method "DELETE" not allowed.'),
        '"DELETE" 메서드는 허용되지 않습니다.',
    ),
    "of a path": (
        lambda client: client.get(API + "nothing/"),
        *(404, "not_found", "Not found.", "찾을 수 없습니다."),
    ),
    "of a body that is too large": (
        lambda client: client.post(API + "orders/", {"items": "x" * 70_000}),
        *(413, "request_too_large", "The body is larger than 65536 bytes."),
        "요청 본문이 65536바이트보다 큽니다.",
    ),
    "of a visitor": (
        lambda client: client_of().get(API + "users/me/", headers=client.headers),
        *(401, "not_authenticated", "Authentication credentials were not provided."),
        "인증 정보가 없습니다.",
    ),
    "of a token": (
        lambda client: client_of().get(
            API + "users/me/", headers={**client.headers, "Authorization": "Bearer x"}
        ),
        *(401, "token_not_valid", "The access token is invalid or expired."),
        "액세스 토큰이 유효하지 않거나 만료되었습니다.",
    ),
    "of a password": (
        lambda client: client.post(API + "auth/token/", {"username": "a", "password": "b"}),
        *(401, "no_active_account", "No active account found with the given credentials."),
        "아이디나 비밀번호가 맞지 않거나 비활성화된 계정입니다.",
    ),
    "of Django's validators": (
        lambda client: client.post(API + "auth/signup/", {"username": "minji2", "password": "1"}),
        *(400, "password_too_short", "This password is too short."),
        "이 비밀번호는 너무 짧습니다.",
    ),
}


def speaking(client: APIClient, language: str) -> APIClient:
    client.headers = {"Accept-Language": language}  # type: ignore[attr-defined]
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = language
    return client


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_refusal_speaks_the_language_that_was_asked_for(
    client: APIClient, name: str, language: str
) -> None:
    call, status, code, english, korean = REFUSALS[name]
    answer = call(speaking(client, language))
    errors = [error for error in answer.json()["errors"] if error["code"] == code]
    assert (answer.status_code, len(errors)) == (status, 1)
    assert errors[0]["detail"].startswith(english if language == "en" else korean)
    assert answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("de, ko;q=0.5", "ko"),
        ("de", "en"),
        ("*", "en"),
        ("ko;q=0, en", "en"),
        ("한국어 🇰🇷 ;;q=,", "en"),
        ("x" * 5_000, "en"),
    ],
)
def test_the_best_of_what_is_accepted_is_chosen(
    client: APIClient, accepted: str, language: str
) -> None:
    answer = speaking(client, accepted).get(API + "products/0/")
    assert (answer.status_code, answer["Content-Language"]) == (404, language)


def test_an_answer_without_texts_is_the_same_in_every_language(
    client: APIClient, product: Product
) -> None:
    answers = [speaking(client, language).get(API + "products/") for language in ("ko", "en")]
    assert answers[0].content == answers[1].content
    for answer in answers:
        assert (answer.status_code, len(answer.json()["results"])) == (200, 1)
        assert "Content-Language" not in answer
        assert "Accept-Language" not in answer.get("Vary", "")


def test_the_language_of_one_request_is_not_that_of_the_next(client: APIClient) -> None:
    told = [
        speaking(client, language).get(API + "products/0/").json()["errors"][0]["detail"]
        for language in ("ko", "", "ko", "en")
    ]
    assert told == ["찾을 수 없습니다.", "Not found.", "찾을 수 없습니다.", "Not found."]
    assert translation.get_language() == "en"


def test_the_switch_of_the_admin_is_none_of_the_apis_business(client: APIClient) -> None:
    client.cookies["django_language"] = "ko"
    answer = client.get(API + "products/0/")
    assert answer["Content-Language"] == "en"
    assert "Cookie" not in answer.get("Vary", "")


def test_those_who_are_served_together_each_hear_their_own_language(
    make_member: Callable[..., User], make_coupon: Callable[..., Coupon], product: Product
) -> None:
    """One thread decides for all of a batch; each thread tells its own member."""
    members = [make_member(balance=10_000) for _ in range(2)]
    campaign = make_coupon(min_order_amount=5_000)
    drafts = [
        OrderDraft(
            user_id=member.pk,
            lines=(DraftLine(product.pk, 1),),
            coupon_id=issue_coupon(coupon_id=campaign.pk, user_id=member.pk).pk,
        )
        for member in members
    ]
    with translation.override("en"):
        refusals = place_orders(drafts)
    with translation.override("ko"):
        korean = str(refusals[1].items[0].detail)  # type: ignore[union-attr]
    english = str(refusals[0].items[0].detail)  # type: ignore[union-attr]
    assert english == "This coupon needs an order of at least 5000 won."
    assert korean == "5000원 이상 주문할 때 사용할 수 있는 쿠폰입니다."


def test_threads_keep_their_languages_apart(client: APIClient) -> None:
    def ask(number: int) -> bool:
        language = ("ko", "en")[number % 2]
        answer = client_of().get(API + "nothing/", headers={"Accept-Language": language})
        expected = {"ko": "찾을 수 없습니다.", "en": "Not found."}[language]
        return answer.json()["errors"][0]["detail"] == expected

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(40)))


# --- Pages --------------------------------------------------------------------------------------


def test_pages_follow_the_browser_until_somebody_switches(db: None) -> None:
    browser = staff_client("orders.view_order")
    browser.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    def title() -> tuple[str, str, bool]:
        page = browser.get("/admin/")
        vary = {part.strip() for part in page["Vary"].split(",")}
        return (
            page.context["title"],
            page["Content-Language"],
            vary >= {"Accept-Language", "Cookie"},
        )

    assert title() == ("Dashboard", "en", True)
    switched = browser.post(
        "/admin/language/", {"language": "ko"}, headers={"Referer": "http://testserver/admin/"}
    )
    assert (switched.status_code, switched["Location"]) == (302, "http://testserver/admin/")
    assert title() == ("대시보드", "ko", True)
    browser.post("/admin/language/", {"language": "en"})
    assert title() == ("Dashboard", "en", True)


def test_the_switch_is_on_every_page_and_leads_nowhere_else(admin_client: Client) -> None:
    page = admin_client.get("/admin/orders/order/").content.decode()
    assert 'action="/admin/language/"' in page
    for code, name in (("en", "English"), ("ko", "한국어")):
        assert f'<input name="language" type="hidden" value="{code}">' in page
        assert name in page
    away = admin_client.post("/admin/language/", {"language": "ko", "next": "https://example.com/"})
    assert away["Location"] == "/"
    admin_client.post("/admin/language/", {"language": "xx"})
    assert admin_client.get("/admin/")["Content-Language"] == "ko"


def test_the_sign_in_page_speaks_korean_to_a_korean_browser(db: None) -> None:
    page = Client(headers={"Accept-Language": "ko-KR"}).get("/admin/login/")
    assert '<html lang="ko"' in page.content.decode()
    assert "로그인" in page.content.decode()


@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/", "/api/redoc/", "/health/live"])
def test_what_developers_and_machines_read_is_english(db: None, path: str) -> None:
    korean, english = (
        Client().get(path, headers={"Accept-Language": language}) for language in ("ko", "en")
    )
    differing = re.compile(rb"[A-Za-z0-9]{64}")  # the CSRF token of the page
    assert differing.sub(b"", korean.content) == differing.sub(b"", english.content)
    assert "Accept-Language" not in korean.get("Vary", "")
