"""An access token from before all sessions ended: refused for all that writes, in every domain.

The kind is a token that has not expired, of a session that is over. However it ended, and whatever
the token says of its session (a bare one says only when it was made), nothing is written by it.
"""

import pytest
from rest_framework.test import APIClient

from ecommerce.tests.expectations import count_statements, nothing_changes, refusal, refused
from users.models import User

PASSWORD = "correct horse battery"
ENDED = refused(401, "token_not_valid")

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(make_member):
    return make_member(username="minji", password=PASSWORD, balance=100_000)


def sign_in(api, **credentials):
    login = {"username": "minji", "password": PASSWORD} | credentials
    answer = api.post("/api/v1/auth/token/", login)
    assert answer.status_code == 200
    return answer.json()


def bearer(access):
    client = APIClient(SERVER_NAME="localhost", raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


@pytest.fixture
def writes(member, client, product, coupon):
    """Every write of a member's, by its name: calls that succeed for who may."""
    items = {"items": [{"product": product.pk, "quantity": 1}]}
    order = client.post("/api/v1/orders/", items).json()["id"]
    return {
        "charge": lambda c: c.post("/api/v1/users/me/balance/charge/", {"amount": 1_000}),
        "issue": lambda c: c.post(f"/api/v1/coupons/{coupon.pk}/issue/"),
        "order": lambda c: c.post("/api/v1/orders/", items),
        "cancel": lambda c: c.post(f"/api/v1/orders/{order}/cancel/"),
        "email": lambda c: c.patch("/api/v1/users/me/", {"email": "minji@example.com"}),
        "password": lambda c: c.post(
            "/api/v1/users/me/password/",
            {"current_password": PASSWORD, "new_password": "another horse battery"},
        ),
    }


ENDS = {
    "a new password by staff": lambda api, member, tokens: (
        member.set_password("staff chose this one"),
        member.save(),
    ),
    "everywhere": lambda api, member, tokens: api.post(
        "/api/v1/auth/token/revoke/", {"refresh": tokens["refresh"], "everywhere": True}
    ),
    "deactivated and active again": lambda api, member, tokens: [
        (setattr(member, "is_active", active), member.save()) for active in (False, True)
    ],
    "deactivated in bulk and active again": lambda api, member, tokens: [
        User.objects.filter(pk=member.pk).update(is_active=active) for active in (False, True)
    ],
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_token_of_a_session_that_is_over_writes_nothing(api, member, client, writes, end):
    tokens = sign_in(api)
    end(api, member, tokens)

    for stale in (bearer(tokens["access"]), client):  # `client` has a bare token
        for name, write in writes.items():
            with nothing_changes():
                assert refusal(write(stale)) == ENDED, name
    again = api.post("/api/v1/auth/token/refresh/", {"refresh": tokens["refresh"]})
    assert refusal(again) == ENDED


def test_a_new_session_writes_again_in_the_same_second(api, member, writes):
    tokens = sign_in(api)
    ENDS["everywhere"](api, member, tokens)

    fresh = bearer(sign_in(api)["access"])

    for name, write in writes.items():
        assert write(fresh).status_code in (200, 201), name


def test_to_look_whether_the_session_is_over_costs_no_statement(api, member, client, writes):
    with_session = bearer(sign_in(api)["access"])
    for name in ("charge", "order"):
        write = writes[name]
        write(client)
        assert count_statements(write, with_session) == count_statements(write, client), name
