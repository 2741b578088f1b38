"""POST /api/v1/auth/token/refresh/"""

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from unittest import mock

import jwt
import pytest
from django.conf import settings
from rest_framework_simplejwt.tokens import RefreshToken

from ecommerce.tests.expectations import refusal, refused, shop_state
from ecommerce.tests.lost_commits import lost_commits
from users.models import Session, User
from users.services import sign_in
from users.services.tokens import revoke_refresh_token
from users.tests.conftest import PASSWORD
from users.tests.test_token import ME, bearer

URL = "/api/v1/auth/token/refresh/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def sessions():
    """Of each session, the hash of its good refresh token and whether it goes on."""
    return [(one.token_hash, one.ended_at is None) for one in Session.objects.order_by("pk")]


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def hash_of(token):
    """What the database has of a refresh token."""
    return sha256(claims_of(token)["jti"].encode()).hexdigest()


def test_a_refresh_token_buys_a_new_pair(api, minji, pair):
    answer = api.post(URL, {"refresh": pair.refresh})

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["access", "refresh"]
    assert answer.json()["refresh"] != pair.refresh
    assert bearer(answer.json()["access"]).get(ME).json()["id"] == minji.pk
    assert sessions() == [(hash_of(answer.json()["refresh"]), True)]


def test_a_refresh_token_that_is_used_again_ends_its_whole_family(api, pair):
    first = api.post(URL, {"refresh": pair.refresh}).json()["refresh"]
    second = api.post(URL, {"refresh": first}).json()["refresh"]

    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert sessions() == [(hash_of(second), False)]
    for token in (pair.refresh, first, second):
        assert refusal(api.post(URL, {"refresh": token})) == refused(401, "token_not_valid")


def test_who_found_the_other_use_unanswered_leaves_the_session(api, pair):
    """It came while the moment of the answer was being committed, and is served after that."""
    new = api.post(URL, {"refresh": pair.refresh}).json()["refresh"]
    found = Session.objects.get()
    found.answered_at = None

    with mock.patch("users.services.tokens._session", return_value=found):
        answer = api.post(URL, {"refresh": pair.refresh})

    assert refusal(answer) == refused(401, "token_not_valid")
    assert sessions() == [(hash_of(new), True)]


def test_a_family_that_ends_leaves_the_members_other_sign_ins_alone(api, pair):
    other = sign_in(username="minji", password=PASSWORD)
    api.post(URL, {"refresh": pair.refresh})
    api.post(URL, {"refresh": pair.refresh})

    assert api.post(URL, {"refresh": other.refresh}).status_code == 200


def test_no_token_is_stored(api, pair):
    new = api.post(URL, {"refresh": pair.refresh}).json()["refresh"]

    stored = json.dumps(shop_state(), default=str)
    for token in (pair.refresh, new):
        assert token not in stored
        assert token.rpartition(".")[2] not in stored
        assert claims_of(token)["jti"] not in stored


def test_a_members_sign_ins_do_not_use_up_each_other(api, pair):
    other = sign_in(username="minji", password=PASSWORD)

    api.post(URL, {"refresh": pair.refresh})

    assert api.post(URL, {"refresh": other.refresh}).status_code == 200


def test_a_revoked_token_is_refused(api, pair):
    revoke_refresh_token(refresh=pair.refresh)

    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert sessions() == [(hash_of(pair.refresh), False)]


@pytest.mark.time_machine(NOON, tick=False)
def test_a_refresh_token_is_good_for_two_weeks(api, pair, time_machine):
    time_machine.move_to(NOON + timedelta(days=14))
    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    assert sessions() == [(hash_of(pair.refresh), True)]

    time_machine.move_to(NOON + timedelta(days=14) - timedelta(seconds=1))
    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200


@pytest.mark.time_machine(NOON, tick=False)
def test_rotating_does_not_move_the_end_of_a_session(api, pair, time_machine):
    refresh = pair.refresh
    for day in range(10, 90, 10):
        time_machine.move_to(NOON + timedelta(days=day))
        refresh = api.post(URL, {"refresh": refresh}).json()["refresh"]

    end = int((NOON + timedelta(days=90)).timestamp())
    assert claims_of(refresh)["exp"] == end
    time_machine.move_to(NOON + timedelta(days=90))
    assert refusal(api.post(URL, {"refresh": refresh})) == refused(401, "token_not_valid")


def test_a_deactivated_member_is_refused_also_when_active_again(api, pair):
    User.objects.update(is_active=False)
    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")

    User.objects.update(is_active=True)
    assert refusal(api.post(URL, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
    new = sign_in(username="minji", password=PASSWORD)
    assert api.post(URL, {"refresh": new.refresh}).status_code == 200


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


def with_a_deep_header(pair):
    """JSON that no parser reads without running out of stack."""
    deep = base64.urlsafe_b64encode(b"[" * 1_100).decode()
    return deep + "." + pair.refresh.partition(".")[2]


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
        lambda pair: forged(exp="soon"),
        lambda pair: forged(exp=10**30),
        lambda pair: forged(exp=float("inf")),
        lambda pair: forged(iat="now"),
        lambda pair: forged(session="x"),
        lambda pair: forged(session=[1]),
        lambda pair: forged(session=-1),
        lambda pair: forged(session=10**30),
        lambda pair: forged(session=999_999),
        with_a_deep_header,
    ],
)
def test_what_is_no_refresh_token_of_ours_is_refused(api, pair, token_from):
    answer = api.post(URL, {"refresh": token_from(pair)})

    assert refusal(answer) == refused(401, "token_not_valid")
    assert sessions() == [(hash_of(pair.refresh), True)]


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
    assert sessions() == [(hash_of(answer.json()["refresh"]), True)]
    assert api.post(URL, {"refresh": answer.json()["refresh"]}).status_code == 200
