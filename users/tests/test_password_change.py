"""POST /api/v1/users/me/password/"""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.lost_commits import lost_commits
from users.models import User
from users.services import sign_in
from users.tests.conftest import PASSWORD
from users.tests.test_token import ME, bearer

URL = "/api/v1/users/me/password/"
REFRESH = "/api/v1/auth/token/refresh/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEW = "battery staple horse"

pytestmark = pytest.mark.django_db


def change(client, **changes):
    """Ask for a new password with these fields changed; those that are None are left out."""
    body = {"current_password": PASSWORD, "new_password": NEW} | changes
    return client.post(URL, {name: value for name, value in body.items() if value is not None})


def test_a_new_password_ends_every_session_and_begins_one(api, minji, pair):
    other = sign_in(username="minji", password=PASSWORD)

    answer = change(bearer(pair.access))

    assert answer.status_code == 200
    assert sorted(answer.json()) == ["access", "refresh"]
    for dead in (pair, other):
        refreshed = api.post(REFRESH, {"refresh": dead.refresh})
        assert refusal(refreshed) == refused(401, "token_not_valid")
        with nothing_changes():
            written = bearer(dead.access).patch(ME, {"email": "thief@example.com"})
        assert refusal(written) == refused(401, "token_not_valid")
    new = answer.json()
    assert bearer(new["access"]).patch(ME, {"email": "minji@example.com"}).status_code == 200
    assert api.post(REFRESH, {"refresh": new["refresh"]}).status_code == 200


def test_the_new_password_signs_in_and_the_old_one_does_not(api, minji, pair):
    change(bearer(pair.access))

    token = "/api/v1/auth/token/"
    old = api.post(token, {"username": "minji", "password": PASSWORD})
    assert refusal(old) == refused(401, "no_active_account")
    assert api.post(token, {"username": "minji", "password": NEW}).status_code == 200


def test_it_can_be_changed_again_at_once_with_the_tokens_of_the_answer(pair):
    first = change(bearer(pair.access)).json()
    second = change(bearer(first["access"]), current_password=NEW, new_password=PASSWORD)
    assert second.status_code == 200
    again = change(bearer(first["access"]), current_password=PASSWORD)
    assert refusal(again) == refused(401, "token_not_valid")


def test_a_wrong_current_password_changes_nothing(api, minji, pair):
    with nothing_changes():
        answer = change(bearer(pair.access), current_password="wrong horse battery")

    assert refusal(answer) == refused(400, "password_incorrect", "current_password")
    assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 200


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("k7#mQ2x", "password_too_short"),
        ("qwertyuiop", "password_too_common"),
        ("7291836450", "password_entirely_numeric"),
        ("minji.kim1", "password_too_similar"),
        ("x" * 129, "max_length"),
        ("", "blank"),
        ("nul\0nul\0nul", "null_characters_not_allowed"),
        (True, "invalid"),
        ([NEW], "invalid"),
    ],
)
def test_a_weak_or_impossible_new_password_is_refused(make_member, password, code):
    make_member(username="minji.kim", password=PASSWORD)
    client = bearer(sign_in(username="minji.kim", password=PASSWORD).access)

    with nothing_changes():
        answer = change(client, new_password=password)

    assert refusal(answer) == refused(400, code, "new_password")


def test_all_that_is_wrong_with_a_password_is_said(pair):
    assert refusal(change(bearer(pair.access), new_password="12345"))[2] == [
        ("password_too_short", "new_password"),
        ("password_too_common", "new_password"),
        ("password_entirely_numeric", "new_password"),
    ]


def test_what_is_missing_or_unknown_is_said(pair):
    client = bearer(pair.access)
    missing = client.post(URL, {})
    assert refusal(missing)[2] == [("required", "current_password"), ("required", "new_password")]
    unknown = change(client, password=NEW)
    assert refusal(unknown) == refused(400, "unknown_field", "password")


def test_who_is_not_signed_in_is_refused(api):
    assert refusal(change(api)) == refused(401, "not_authenticated")


def test_a_deactivated_member_changes_no_password(minji, pair):
    User.objects.update(is_active=False)
    with nothing_changes():
        assert refusal(change(bearer(pair.access))) == refused(401, "user_inactive")


def test_a_member_who_is_gone_changes_no_password(minji, pair):
    minji.delete()
    assert refusal(change(bearer(pair.access))) == refused(401, "user_inactive")


def test_a_bare_access_token_of_before_writes_nothing_afterwards(minji):
    client = client_of(minji)
    assert change(client).status_code == 200
    with nothing_changes():
        assert refusal(client.patch(ME, {"email": ""})) == refused(401, "token_not_valid")
        again = change(client, current_password=NEW)
        assert refusal(again) == refused(401, "token_not_valid")


@pytest.mark.time_machine(NOON, tick=False)
def test_a_bare_access_token_of_the_next_second_is_accepted(minji, time_machine):
    change(client_of(minji))
    time_machine.move_to(NOON + timedelta(seconds=1))
    assert bearer(AccessToken.for_user(minji)).patch(ME, {"email": ""}).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_a_change_whose_commit_was_lost_is_made_once(api, pair, happened):
    with lost_commits(happened=happened):
        answer = change(bearer(pair.access))

    assert answer.status_code == 200
    assert User.objects.get().check_password(NEW)
    assert api.post(REFRESH, {"refresh": answer.json()["refresh"]}).status_code == 200
    assert bearer(answer.json()["access"]).patch(ME, {"email": ""}).status_code == 200
