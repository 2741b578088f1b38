"""POST /api/v1/auth/token/revoke/"""

import pytest
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

from ecommerce.tests.expectations import refusal, refused
from ecommerce.tests.lost_commits import lost_commits
from users.models import User
from users.services import rotate_refresh_token, sign_in
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
    assert BlacklistedToken.objects.count() == 1


def test_a_used_token_may_be_revoked(api, pair):
    new = rotate_refresh_token(refresh=pair.refresh)

    assert api.post(URL, {"refresh": pair.refresh}).status_code == 200
    assert api.post(REFRESH, {"refresh": new.refresh}).status_code == 200


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
    assert not BlacklistedToken.objects.exists()


def test_a_request_without_a_token_is_refused(api):
    assert refusal(api.post(URL, {})) == refused(400, "required", "refresh")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [True, False])
def test_a_revocation_whose_commit_was_lost_is_made_once(api, pair, happened):
    with lost_commits(happened=happened):
        assert api.post(URL, {"refresh": pair.refresh}).status_code == 200

    assert BlacklistedToken.objects.count() == 1
