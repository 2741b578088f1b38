"""POST /api/v1/auth/token/revoke/"""

import pytest

from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.lost_commits import lost_commits
from users.models import Session, User
from users.services import sign_in
from users.services.tokens import rotate_refresh_token
from users.tests.conftest import PASSWORD
from users.tests.test_token import ME, bearer

URL = "/api/v1/auth/token/revoke/"
REFRESH = "/api/v1/auth/token/refresh/"

pytestmark = pytest.mark.django_db


def test_a_revoked_refresh_token_is_useless(api, pair):
    answer = api.post(URL, {"refresh": pair.refresh})

    assert (answer.status_code, answer.json()) == (200, {})
    assert refusal(api.post(REFRESH, {"refresh": pair.refresh})) == refused(401, "token_not_valid")


def test_revoking_again_changes_nothing(api, pair):
    api.post(URL, {"refresh": pair.refresh})

    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200
    assert Session.objects.filter(ended_at=None).count() == 0


def test_a_used_token_ends_its_session_too(api, pair):
    new = rotate_refresh_token(refresh=pair.refresh)

    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200
    assert refusal(api.post(REFRESH, {"refresh": new.refresh})) == refused(401, "token_not_valid")


def test_other_sign_ins_and_the_access_token_stay_good(api, minji, pair):
    other = sign_in(username="minji", password=PASSWORD)

    api.post(URL, {"refresh": pair.refresh})

    assert api.post(REFRESH, {"refresh": other.refresh}).status_code == 200
    assert bearer(pair.access).get(ME).status_code == 200


def test_a_deactivated_member_may_sign_out(api, pair):
    User.objects.update(is_active=False)

    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200


@pytest.mark.parametrize("token_from", [lambda pair: "garbage", lambda pair: pair.access])
def test_what_is_no_refresh_token_of_ours_is_refused(api, pair, token_from):
    answer = api.post(URL, {"refresh": token_from(pair)})

    assert refusal(answer) == refused(401, "token_not_valid")
    assert Session.objects.filter(ended_at=None).count() == 1


def test_a_request_without_a_token_is_refused(api):
    assert refusal(api.post(URL, {})) == refused(400, "required", "refresh")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_a_revocation_whose_commit_was_lost_is_made_once(api, pair, happened):
    with lost_commits(happened=happened):
        assert api.post(URL, {"refresh": pair.refresh}).status_code == 200

    assert Session.objects.filter(ended_at=None).count() == 0


# --- Everywhere ---------------------------------------------------------------------------------


def everywhere(api, refresh):
    return api.post(URL, {"refresh": refresh, "everywhere": True})


def test_everywhere_ends_every_session_of_the_member_and_nobody_elses(api, pair, make_member):
    other = sign_in(username="minji", password=PASSWORD)
    make_member(username="haneul", password=PASSWORD)
    stranger = sign_in(username="haneul", password=PASSWORD)

    assert everywhere(api, pair.refresh).json() == {}
    for dead in (pair, other):
        answer = api.post(REFRESH, {"refresh": dead.refresh})
        assert refusal(answer) == refused(401, "token_not_valid")
        with nothing_changes():
            answer = bearer(dead.access).patch(ME, {"email": "a@example.com"})
        assert refusal(answer) == refused(401, "token_not_valid")
    assert api.post(REFRESH, {"refresh": stranger.refresh}).status_code == 200
    new = sign_in(username="minji", password=PASSWORD)
    assert bearer(new.access).patch(ME, {"email": "a@example.com"}).status_code == 200
    assert api.post(REFRESH, {"refresh": new.refresh}).status_code == 200


def test_everywhere_sent_again_is_answered_again_and_ends_nothing_that_began_since(api, pair):
    everywhere(api, pair.refresh)
    new = sign_in(username="minji", password=PASSWORD)

    assert everywhere(api, pair.refresh).status_code == 200
    assert api.post(REFRESH, {"refresh": new.refresh}).status_code == 200


def test_a_token_whose_session_has_ended_signs_nobody_else_out(api, pair):
    other = sign_in(username="minji", password=PASSWORD)
    api.post(URL, {"refresh": pair.refresh})

    with nothing_changes():
        assert refusal(everywhere(api, pair.refresh)) == refused(401, "token_not_valid")
    assert api.post(REFRESH, {"refresh": other.refresh}).status_code == 200


def test_a_token_from_before_a_new_password_signs_nobody_out(api, minji, pair):
    minji.set_password("battery staple horse")
    minji.save()
    new = sign_in(username="minji", password="battery staple horse")

    assert everywhere(api, pair.refresh).status_code == 200
    assert api.post(REFRESH, {"refresh": new.refresh}).status_code == 200


@pytest.mark.parametrize("value", ["true", "yes", 1, 0, "", None, [], {}])
def test_everywhere_is_true_or_false(api, pair, value):
    with nothing_changes():
        answer = api.post(URL, {"refresh": pair.refresh, "everywhere": value})

    code = "null" if value is None else "invalid"
    assert refusal(answer) == refused(400, code, "everywhere")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_signing_out_everywhere_whose_commit_was_lost_is_done_once(api, pair, happened):
    with lost_commits(happened=happened):
        assert everywhere(api, pair.refresh).status_code == 200

    assert User.objects.get().sessions_ended > 0
    assert refusal(api.post(REFRESH, {"refresh": pair.refresh})) == refused(401, "token_not_valid")
