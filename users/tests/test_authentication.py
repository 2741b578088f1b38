"""Bearer tokens: who is let in, and how the others are told."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from users import tokens
from users.models import User
from users.services import sign_in

ME = "/api/v1/users/me/"
CHARGE = "/api/v1/users/me/balance/charge/"
MEMBERS_ONLY = [
    ("get", ME),
    ("patch", ME),
    ("post", "/api/v1/users/me/password/"),
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


# --- How it is sent -----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", " Bearer ", "Bearer  "])
def test_the_scheme_of_the_token_is_written_in_any_case(member, scheme):
    assert with_header(f"{scheme} {AccessToken.for_user(member)}").get(ME).status_code == 200


DEEP = base64.urlsafe_b64encode(b"[" * 20_000).decode()
"""JSON that no parser reads without running out of stack."""


@pytest.mark.parametrize(
    "header",
    [
        "bEaReR garbage",
        "Bearer a  b",
        "Bearer a\tb",
        "Bearer \xa0",
        "Bearer \xc3\x28.\xff.\x00",
        f"Bearer {'x' * 60_000}",
        f"Bearer {'.' * 60_000}",
        f"Bearer {DEEP}.e30.AAAA",
        "Bearer bnVsbA.e30.AAAA",
        "Bearer eyJhbGciOltdfQ.e30.AAAA",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
    ],
)
@pytest.mark.parametrize("path", [ME, "/api/v1/products/"])
def test_no_header_is_too_strange_for_a_401(member, header, path):
    assert refusal(with_header(header).get(path)) == refused(401, "token_not_valid")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": "soon"},
        {"exp": None},
        {"exp": 10**30},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": -(10**30)},
        {"iat": "now"},
        {"iat": []},
        {"iat": float("inf")},
        {"nbf": "later"},
        {"nbf": 10**30},
        {"began_after": "x"},
        {"began_after": []},
        {"jti": None, "token_type": None},
    ],
)
def test_a_token_with_strange_claims_is_refused(member, claims):
    assert refusal(with_claims(member, **claims).get(ME)) == refused(401, "token_not_valid")


# --- Whose clock, whose key ---------------------------------------------------------------------

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.time_machine(NOON, tick=False)
@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "status"), [(29, 200), (30, 200), (31, 401), (3_600, 401)])
def test_the_clock_of_who_made_a_token_may_be_half_a_minute_ahead(member, claim, ahead, status):
    client = with_claims(member, **{claim: int(NOON.timestamp()) + ahead})
    assert client.get(ME).status_code == status


@pytest.mark.time_machine(NOON, tick=False)
@pytest.mark.parametrize(("left", "status"), [(1, 200), (0, 401), (-1, 401), (-29, 401)])
def test_no_clock_makes_a_token_live_longer(member, left, status):
    client = with_claims(member, exp=int(NOON.timestamp()) + left)
    assert client.get(ME).status_code == status


OLD, NEW = "an-old-key-" * 5, "a-new-key-" * 5


def test_a_key_that_was_replaced_is_good_while_it_is_kept(api, member, settings):
    member.set_password("correct horse battery")
    member.save()
    settings.SECRET_KEY = OLD
    pair = sign_in(username="minji", password="correct horse battery")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert with_header(f"Bearer {pair.access}").get(ME).status_code == 200
    rotated = api.post("/api/v1/auth/token/refresh/", {"refresh": pair.refresh})
    assert rotated.status_code == 200

    settings.SECRET_KEY_FALLBACKS = []
    answer = with_header(f"Bearer {pair.access}").get(ME)
    assert refusal(answer) == refused(401, "token_not_valid")
    assert with_header(f"Bearer {rotated.json()['access']}").get(ME).status_code == 200


def test_a_signature_is_checked_once_and_the_time_each_time(member, monkeypatch, time_machine):
    time_machine.move_to(NOON, tick=False)
    client = with_claims(member, exp=int(NOON.timestamp()) + 10)
    checked = []
    decode = tokens.jwt.decode
    monkeypatch.setattr(tokens.jwt, "decode", lambda *a, **b: checked.append(a) or decode(*a, **b))

    statuses = []
    for _ in range(4):
        statuses.append(client.get(ME).status_code)
        time_machine.shift(5)

    assert statuses == [200, 200, 401, 401]
    assert len(checked) == 1


def test_a_token_that_is_no_good_is_not_remembered(member, settings):
    pair = f"Bearer {AccessToken.for_user(member)}"
    settings.SECRET_KEY, signed_with = NEW, settings.SECRET_KEY
    assert with_header(pair).get(ME).status_code == 401

    settings.SECRET_KEY = signed_with
    assert with_header(pair).get(ME).status_code == 200
