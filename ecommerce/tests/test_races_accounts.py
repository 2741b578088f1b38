"""Names, tokens and accounts that are wanted, used up or closed in the same moment."""

from threading import Barrier, Event
from unittest import mock

import pytest

from conftest import client_of
from coupons.models import IssuedCoupon
from ecommerce.tests.race_controls import WAIT_SECONDS, calling_before, without_locks
from ecommerce.tests.races import balance_of, charge, order, post, race, send_at_once, tally
from ecommerce.tests.threads import place
from orders.models import Order
from users.models import User
from users.services import sign_in, sign_up

pytestmark = pytest.mark.django_db(transaction=True)

CREDENTIALS = {"username": "haneul", "password": "correct horse battery"}
BEGINNING = "common.db.transactions._run_once"


# --- Signing up ---------------------------------------------------------------------------------


@pytest.fixture
def both_found_the_name_free():
    """Two sign-ups begin to write only when both have passed the check of the name."""
    both = Barrier(2)
    with calling_before("users.services.members.run_transaction", lambda: both.wait(WAIT_SECONDS)):
        yield


@pytest.mark.usefixtures("both_found_the_name_free")
def test_of_two_members_signing_up_under_one_name_at_once_one_gets_it():
    answers = race([post(None, "auth/signup/", CREDENTIALS)] * 2)
    assert tally(answers) == {"201": 1, "400 unique": 1}
    (refusal,) = (answer.json() for answer in answers if answer.status_code == 400)
    assert refusal["type"] == "validation_error"
    assert refusal["errors"][0]["attr"] == "username"
    assert User.objects.filter(username="haneul").count() == 1


@pytest.mark.usefixtures("both_found_the_name_free")
def test_control_the_check_of_the_name_alone_lets_both_through_to_an_error():
    class Unheard(Exception):
        """What the service hears instead of the broken constraint."""

    with mock.patch("users.services.members.IntegrityError", Unheard):
        answers = send_at_once([post(None, "auth/signup/", CREDENTIALS)] * 2)
    assert tally(answers) == {"201": 1, "500 error": 1}


# --- Tokens -------------------------------------------------------------------------------------


@pytest.fixture
def refreshing():
    """The request that uses up a member's refresh token."""
    sign_up(**CREDENTIALS)
    return post(None, "auth/token/refresh/", {"refresh": sign_in(**CREDENTIALS).refresh})


def test_one_refresh_token_used_twice_at_once_gives_one_pair(refreshing):
    answers = race([refreshing] * 2)
    assert tally(answers) == {"200": 1, "401 token_not_valid": 1}
    (pair,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert post(None, "auth/token/refresh/", {"refresh": pair["refresh"]})().status_code == 200


def test_who_came_at_the_same_time_and_is_served_later_does_not_end_the_session(refreshing):
    """The loser's turn comes when the winner has its answer: the processes share two cores."""
    both_came, won = Barrier(2), Event()

    def step():
        both_came.wait(WAIT_SECONDS)
        assert place() == 0 or won.wait(WAIT_SECONDS)

    def first():
        try:
            return refreshing()
        finally:
            won.set()

    with calling_before("users.services.tokens.read_refresh_token", step):
        winner, loser = send_at_once([first, refreshing])
    assert tally([winner, loser]) == {"200": 1, "401 token_not_valid": 1}
    refresh = {"refresh": winner.json()["refresh"]}
    assert post(None, "auth/token/refresh/", refresh)().status_code == 200


def test_who_comes_once_the_other_has_its_answer_ends_the_session(refreshing):
    refresh = {"refresh": refreshing().json()["refresh"]}
    answers = [refreshing(), post(None, "auth/token/refresh/", refresh)()]
    assert tally(answers) == {"401 token_not_valid": 2}


def test_control_without_the_lock_one_refresh_token_is_good_twice(refreshing):
    with without_locks("users.models.Session.save", parties=2):
        answers = send_at_once([refreshing] * 2)
    assert tally(answers) == {"200": 2}


def test_a_refresh_token_that_is_used_while_all_sessions_end_is_no_way_around_it(member):
    member.set_password(CREDENTIALS["password"])
    member.save()
    first, other = (sign_in(username="minji", password=CREDENTIALS["password"]) for _ in range(2))
    everywhere = {"refresh": other.refresh, "everywhere": True}
    refresh = {"refresh": first.refresh}
    answers = race(
        [post(None, "auth/token/refresh/", refresh), post(None, "auth/token/revoke/", everywhere)]
    )
    assert answers[1].status_code == 200
    if answers[0].status_code == 200:  # it came first
        refresh = {"refresh": answers[0].json()["refresh"]}
    assert tally([post(None, "auth/token/refresh/", refresh)()]) == {"401 token_not_valid": 1}


def test_of_two_new_passwords_at_once_one_is_set(member):
    member.set_password(CREDENTIALS["password"])
    member.save()
    pair = sign_in(username="minji", password=CREDENTIALS["password"])

    def change(new):
        client = client_of()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        body = {"current_password": CREDENTIALS["password"], "new_password": new}
        return lambda: client.post("/api/v1/users/me/password/", body)

    passwords = ["battery staple horse", "horse battery staple"]
    answers = race([change(new) for new in passwords])
    assert sorted(answer.status_code for answer in answers) in ([200, 400], [200, 401])
    (won,) = (
        new for new, answer in zip(passwords, answers, strict=True) if answer.status_code == 200
    )
    assert User.objects.get(pk=member.pk).check_password(won)


# --- Closing an account -------------------------------------------------------------------------


def deactivate(member):
    User.objects.filter(pk=member.pk).update(is_active=False)


def test_charges_while_the_member_is_deactivated_are_booked_or_refused(member):
    answers = race([charge(member, 1_000)] * 10, meanwhile=[lambda: deactivate(member)])
    counts = tally(answers)
    booked = counts.pop("201", 0)
    assert counts in ({}, {"401 user_inactive": 10 - booked})
    assert balance_of(member) == 100_000 + 1_000 * booked
    assert tally([charge(member, 1_000)()]) == {"401 user_inactive": 1}


@pytest.mark.parametrize("kind", ["charge", "order", "issue", "cancel"])
def test_a_member_deactivated_before_the_transaction_begins_writes_nothing(
    kind, member, product, coupon
):
    placed = order(member, (product.pk, 1))().json()
    requests = {
        "charge": charge(member, 1_000),
        "order": order(member, (product.pk, 1)),
        "issue": post(member, f"coupons/{coupon.pk}/issue/"),
        "cancel": post(member, f"orders/{placed['id']}/cancel/"),
    }
    with calling_before(BEGINNING, lambda: deactivate(member)):
        answers = race([requests[kind]])
    assert tally(answers) == {"401 user_inactive": 1}
    assert balance_of(member) == 99_000
    assert list(Order.objects.values_list("status")) == [("paid",)]
    assert not IssuedCoupon.objects.exists()


@pytest.mark.parametrize("kind", ["charge", "order", "issue", "cancel"])
@pytest.mark.parametrize("in_batches", [True, False])
def test_a_new_password_before_the_transaction_begins_leaves_nothing_to_the_old_session(
    kind, in_batches, settings, member, product, coupon
):
    if not in_batches:
        settings.GROUP_COMMIT_MAX_BATCH = 1
    placed = order(member, (product.pk, 1))().json()
    requests = {
        "charge": charge(member, 1_000),
        "order": order(member, (product.pk, 1)),
        "issue": post(member, f"coupons/{coupon.pk}/issue/"),
        "cancel": post(member, f"orders/{placed['id']}/cancel/"),
    }

    def new_password():
        User.objects.filter(pk=member.pk).update(password="!")

    with calling_before(BEGINNING, new_password):
        answers = race([requests[kind]])
    assert tally(answers) == {"401 token_not_valid": 1}
    assert balance_of(member) == 99_000
    assert list(Order.objects.values_list("status")) == [("paid",)]
    assert not IssuedCoupon.objects.exists()


def test_of_one_batch_only_those_of_an_ended_session_are_refused(member, make_member, coupon):
    others = [make_member() for _ in range(5)]
    client = client_of(member)  # a token of a second later would be good
    issues = [post(one, f"coupons/{coupon.pk}/issue/") for one in (member, *others)]
    ends = lambda: User.objects.filter(pk=member.pk).update(password="!")  # noqa: E731
    answers = race(issues, meanwhile=[ends])
    assert tally(answers[1:]) == {"201": 5}
    assert answers[0].status_code in {201, 401}
    late = client.post("/api/v1/users/me/balance/charge/", {"amount": 1_000})
    assert tally([late]) == {"401 token_not_valid": 1}


def test_control_a_member_looked_up_before_the_lock_charges_after_being_deactivated(member):
    with (
        calling_before(BEGINNING, lambda: deactivate(member)),
        mock.patch("users.services.wallets.lock_active_members", return_value={member.pk: 0}),
    ):
        answers = send_at_once([charge(member, 1_000)])
    assert tally(answers) == {"201": 1}
    assert balance_of(member) == 101_000
