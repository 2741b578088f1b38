"""Bearer tokens: who is let in, and how the others are told."""

from datetime import timedelta

import pytest
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from users.models import User

ME = "/api/v1/users/me/"
CHARGE = "/api/v1/users/me/balance/charge/"
MEMBERS_ONLY = [
    ("get", ME),
    ("get", "/api/v1/users/me/balance/"),
    ("post", CHARGE),
    ("get", "/api/v1/users/me/balance/transactions/"),
    ("get", "/api/v1/users/me/coupons/"),
    ("post", "/api/v1/coupons/1/issue/"),
    ("get", "/api/v1/orders/"),
    ("post", "/api/v1/orders/"),
    ("get", "/api/v1/orders/1/"),
    ("post", "/api/v1/orders/1/cancel/"),
]

pytestmark = pytest.mark.django_db


def with_header(value):
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=value)
    return client


def with_claims(member, **claims):
    token = AccessToken.for_user(member)
    for name, value in claims.items():
        token[name] = value
    return with_header(f"Bearer {token}")


@pytest.mark.parametrize(("method", "path"), MEMBERS_ONLY)
def test_what_is_for_members_asks_for_a_token(api, member, method, path):
    with nothing_changes():
        answer = getattr(api, method)(path)

    assert refusal(answer) == refused(401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(("method", "path"), MEMBERS_ONLY)
def test_a_token_that_is_no_good_is_refused(member, method, path):
    with nothing_changes():
        answer = getattr(with_header("Bearer garbage"), method)(path)

    assert refusal(answer) == refused(401, "token_not_valid")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_bare_access_token_is_accepted(member):
    assert with_header(f"Bearer {AccessToken.for_user(member)}").get(ME).status_code == 200


@pytest.mark.parametrize("header", ["", "Basic bWluamk6cHc=", "Token abc"])
def test_another_scheme_is_no_token(member, header):
    assert refusal(with_header(header).get(ME)) == refused(401, "not_authenticated")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a.b.c",
        "Bearer 토큰",
        "Bearer \xff",
        "Bearer null",
    ],
)
def test_garbage_is_no_token(member, header):
    assert refusal(with_header(header).get(ME)) == refused(401, "token_not_valid")


def test_an_expired_token_is_refused(member):
    token = AccessToken.for_user(member)
    token.set_exp(lifetime=timedelta(seconds=-1))

    assert refusal(with_header(f"Bearer {token}").get(ME)) == refused(401, "token_not_valid")


def test_a_refresh_token_is_no_access_token(member):
    token = RefreshToken.for_user(member)

    assert refusal(with_header(f"Bearer {token}").get(ME)) == refused(401, "token_not_valid")


def test_a_token_with_another_signature_is_refused(member):
    token = str(AccessToken.for_user(member))
    forged = token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")

    assert refusal(with_header(f"Bearer {forged}").get(ME)) == refused(401, "token_not_valid")


@pytest.mark.parametrize(
    "user_id", ["minji", "", "1.5", "1e3", None, [1], {"id": 1}, 0, -1, "-1", 2**63, 10**30]
)
@pytest.mark.parametrize(("method", "path"), [("get", ME), ("post", CHARGE)])
def test_a_token_whose_claim_is_no_members_id_is_refused(member, user_id, method, path):
    with nothing_changes():
        answer = getattr(with_claims(member, user_id=user_id), method)(path, {"amount": 1_000})

    assert refusal(answer) == refused(401, "token_not_valid")


def test_a_token_without_a_member_is_refused(member):
    token = AccessToken.for_user(member)
    del token["user_id"]

    assert refusal(with_header(f"Bearer {token}").get(ME)) == refused(401, "token_not_valid")


def test_the_token_of_a_member_who_is_gone_does_nothing(make_member):
    gone = make_member()
    client = client_of(gone)
    gone.delete()

    assert refusal(client.get(ME)) == refused(401, "user_inactive")
    with nothing_changes():
        answer = client.post(CHARGE, {"amount": 1_000})
    assert refusal(answer) == refused(401, "user_inactive")


def test_what_is_for_anyone_needs_no_token_but_refuses_a_bad_one(api):
    assert api.get("/api/v1/products/").status_code == 200
    answer = with_header("Bearer garbage").get("/api/v1/products/")
    assert refusal(answer) == refused(401, "token_not_valid")


def test_reading_with_a_token_does_not_look_the_member_up(client, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get("/api/v1/users/me/balance/")


# --- Deactivated members ------------------------------------------------------------------------


@pytest.fixture
def deactivated(member, client, product, coupon):
    """The client of a member with an order and a coupon, deactivated while signed in."""
    body = {"items": [{"product": product.pk, "quantity": 1}]}
    order = client.post("/api/v1/orders/", body).json()
    User.objects.filter(pk=member.pk).update(is_active=False)
    client.paths = {
        "charge": (CHARGE, {"amount": 1_000}),
        "order": ("/api/v1/orders/", body),
        "cancel": (f"/api/v1/orders/{order['id']}/cancel/", {}),
        "issue": (f"/api/v1/coupons/{coupon.pk}/issue/", {}),
        "read": f"/api/v1/orders/{order['id']}/",
    }
    return client


@pytest.mark.parametrize("what", ["charge", "order", "cancel", "issue"])
def test_a_deactivated_member_writes_nothing(deactivated, what):
    with nothing_changes():
        answer = deactivated.post(*deactivated.paths[what])

    assert refusal(answer) == refused(401, "user_inactive")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_deactivated_member_still_reads_what_is_theirs(deactivated):
    paths = [path for method, path in MEMBERS_ONLY if method == "get" and "orders/1" not in path]

    statuses = {path: deactivated.get(path).status_code for path in paths}

    assert statuses == dict.fromkeys(paths, 200)
    assert deactivated.get(deactivated.paths["read"]).json()["status"] == "paid"
    assert deactivated.get("/api/v1/users/me/balance/").json()["balance"] == 99_000


def test_the_scheme_of_the_token_is_written_in_any_case(member, api):
    api.credentials(HTTP_AUTHORIZATION=f"bearer {AccessToken.for_user(member)}")
    assert api.get("/api/v1/users/me/").status_code == 200
