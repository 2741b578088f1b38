"""POST /api/v1/auth/token/refresh/"""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from django.conf import settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from ecommerce.tests.expectations import refusal, refused
from ecommerce.tests.lost_commits import lost_commits
from users.models import User
from users.services import revoke_refresh_token, sign_in
from users.tests.conftest import PASSWORD
from users.tests.test_token import ME, bearer

URL = "/api/v1/auth/token/refresh/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def counts():
    """How many refresh tokens were handed out, and how many of these are used up or revoked."""
    return OutstandingToken.objects.count(), BlacklistedToken.objects.count()


def test_a_refresh_token_buys_a_new_pair(api, minji, pair):
    answer = api.post(URL, {"refresh": pair.refresh})

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["access", "refresh"]
    assert answer.json()["refresh"] != pair.refresh
    assert bearer(answer.json()["access"]).get(ME).json()["id"] == minji.pk
    assert counts() == (2, 1)


def test_a_refresh_token_is_good_once(api, pair):
    new = api.post(URL, {"refresh": pair.refresh}).json()["refresh"]

    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert counts() == (2, 1)
    assert api.post(URL, {"refresh": new}).status_code == 200


def test_a_members_sign_ins_do_not_use_up_each_other(api, pair):
    other = sign_in(username="minji", password=PASSWORD)

    api.post(URL, {"refresh": pair.refresh})

    assert api.post(URL, {"refresh": other.refresh}).status_code == 200


def test_a_revoked_token_is_refused(api, pair):
    revoke_refresh_token(refresh=pair.refresh)

    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert counts() == (1, 1)


@pytest.mark.time_machine(NOON, tick=False)
def test_a_refresh_token_is_good_for_two_weeks(api, pair, time_machine):
    time_machine.move_to(NOON + timedelta(days=14))
    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert counts() == (1, 0)

    time_machine.move_to(NOON + timedelta(days=14) - timedelta(seconds=1))
    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200


def test_a_deactivated_member_is_refused_and_the_token_is_not_used_up(api, pair):
    User.objects.update(is_active=False)
    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert counts() == (1, 0)

    User.objects.update(is_active=True)
    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200


def test_the_token_of_a_member_who_is_gone_is_refused(api, minji, pair):
    minji.delete()

    answer = api.post(URL, {"refresh": pair.refresh})

    assert refusal(answer) == refused(401, "token_not_valid")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def forged(**claims):
    """A refresh token that is signed with our key but was never handed out."""
    token = RefreshToken()
    for name, value in claims.items():
        token[name] = value
    return str(token)


def signed_by_another(pair):
    claims = jwt.decode(pair.refresh, settings.SECRET_KEY, algorithms=["HS256"])
    return jwt.encode(claims, "x" * 64, algorithm="HS256")


def unsigned(pair):
    claims = jwt.decode(pair.refresh, settings.SECRET_KEY, algorithms=["HS256"])
    return jwt.encode(claims, None, algorithm="none")


@pytest.mark.parametrize(
    "token_from",
    [
        lambda pair: pair.access,
        lambda pair: "garbage",
        lambda pair: "a.b.c",
        lambda pair: "토큰",
        lambda pair: f"{pair.refresh}x",
        lambda pair: pair.refresh.rpartition(".")[0] + ".",
        signed_by_another,
        unsigned,
        lambda pair: forged(),
        lambda pair: forged(user_id="1"),
        lambda pair: forged(token_type="access"),
        lambda pair: forged(jti=None),
        lambda pair: forged(exp=0),
    ],
)
def test_what_is_no_refresh_token_of_ours_is_refused(api, pair, token_from):
    answer = api.post(URL, {"refresh": token_from(pair)})

    assert refusal(answer) == refused(401, "token_not_valid")
    assert counts() == (1, 0)


@pytest.mark.parametrize(
    ("body", "code", "attr"),
    [
        ({}, "required", "refresh"),
        ({"refresh": ""}, "blank", "refresh"),
        ({"refresh": None}, "null", "refresh"),
        ({"refresh": True}, "invalid", "refresh"),
        ({"refresh": {}}, "invalid", "refresh"),
        ({"refresh": "x" * 2_001}, "max_length", "refresh"),
        ({"refresh": "x", "access": "x"}, "unknown_field", "access"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(api, body, code, attr):
    assert refusal(api.post(URL, body)) == refused(400, code, attr)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_a_pair_whose_commit_was_lost_is_still_handed_out_once(api, pair, happened):
    with lost_commits(happened=happened):
        answer = api.post(URL, {"refresh": pair.refresh})

    assert answer.status_code == 200
    assert counts() == (2, 1)
    assert api.post(URL, {"refresh": answer.json()["refresh"]}).status_code == 200
