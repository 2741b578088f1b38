"""Corrections by staff, and what other services build on: wallets locked, credited and debited."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from common.errors import NotSignedIn
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.race_controls import calling_before
from users.errors import BalanceLimitExceeded, InsufficientBalance, UsernameTaken
from users.models import User, Wallet, WalletTransaction
from users.services import (
    adjust_balance,
    charge_wallet,
    credit,
    debit,
    lock_active_members,
    lock_wallets,
    save_wallets,
    sign_up,
)

pytestmark = pytest.mark.django_db

happened_or_not = pytest.mark.parametrize("happened", [True, False])


# --- Corrections --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "balance"), [(500, 100_500), (-500, 99_500), (-100_000, 0), (999_900_000, 10**9)]
)
def test_staff_correct_a_balance_for_a_reason(member, make_member, amount, balance):
    staff = make_member(is_staff=True)

    entry = adjust_balance(
        user_id=member.pk, amount=amount, reason=" lost parcel ", staff_id=staff.pk
    )

    entry.refresh_from_db()
    assert (entry.kind, entry.amount, entry.balance_after) == ("adjustment", amount, balance)
    assert (entry.reason, entry.created_by) == ("lost parcel", staff)
    assert entry.reference.startswith("ADJ-")
    assert Wallet.objects.get().balance == balance


def test_a_closed_account_is_paid_out(make_member):
    member = make_member(balance=7_000)
    User.objects.update(is_active=False)

    adjust_balance(user_id=member.pk, amount=-7_000, reason="account closed")

    assert Wallet.objects.get().balance == 0


@pytest.mark.parametrize(
    ("amount", "error"),
    [
        (-100_001, InsufficientBalance),
        (-(10**30), InsufficientBalance),
        (999_900_001, BalanceLimitExceeded),
        (10**30, BalanceLimitExceeded),
    ],
)
def test_a_correction_keeps_the_balance_within_its_bounds(member, amount, error):
    with nothing_changes(), pytest.raises(error):
        adjust_balance(user_id=member.pk, amount=amount, reason="a mistake")


@pytest.mark.parametrize(("amount", "reason"), [(0, "why"), (5, ""), (5, "  \n"), (5, "x" * 201)])
def test_a_correction_needs_an_amount_and_a_reason(member, amount, reason):
    with nothing_changes(), pytest.raises(ValueError, match="an amount, and a reason"):
        adjust_balance(user_id=member.pk, amount=amount, reason=reason)


def test_the_reason_of_a_correction_may_be_as_long_as_it_may(member):
    entry = adjust_balance(user_id=member.pk, amount=1, reason=f" {'x' * 200} ")

    entry.refresh_from_db()
    assert entry.reason == "x" * 200


def test_nobodys_balance_is_not_corrected(member):
    with nothing_changes(), pytest.raises(User.DoesNotExist):
        adjust_balance(user_id=member.pk + 1, amount=5, reason="a mistake")


@pytest.mark.django_db(transaction=True)
@happened_or_not
def test_a_correction_whose_commit_was_lost_is_made_once(member, happened):
    with lost_commits(happened=happened):
        entry = adjust_balance(user_id=member.pk, amount=500, reason="a gift")

    assert WalletTransaction.objects.latest("id") == entry
    assert (entry.amount, entry.balance_after) == (500, 100_500)
    assert (WalletTransaction.objects.count(), Wallet.objects.get().balance) == (2, 100_500)


# --- Sign-up ------------------------------------------------------------------------------------


def test_a_name_that_was_taken_a_moment_ago_is_refused(member):
    with nothing_changes(), pytest.raises(UsernameTaken):
        sign_up(username="minji", password="correct horse battery")


def test_another_broken_constraint_is_not_taken_for_a_taken_name(db, monkeypatch):
    def broken(**fields):
        raise IntegrityError(1048, "Column 'balance' cannot be null")

    monkeypatch.setattr(Wallet.objects, "create", broken)
    with nothing_changes(), pytest.raises(IntegrityError, match="balance"):
        sign_up(username="minji", password="correct horse battery")


@pytest.mark.django_db(transaction=True)
@happened_or_not
def test_a_sign_up_whose_commit_was_lost_is_made_once(happened):
    with lost_commits(happened=happened):
        user = sign_up(username="minji", password="correct horse battery")

    assert User.objects.get() == user
    assert Wallet.objects.get().user == user


@pytest.mark.django_db(transaction=True)
def test_a_name_that_another_takes_after_our_commit_was_lost_is_theirs(make_member, monkeypatch):
    monkeypatch.setattr("common.db.transactions.pause", lambda _: make_member(username="minji"))

    with lost_commits(happened=False), pytest.raises(UsernameTaken):
        sign_up(username="minji", password="correct horse battery")

    assert not User.objects.get().has_usable_password()


# --- What other services build on ---------------------------------------------------------------


def test_a_credit_up_to_the_limit_is_good(settings):
    settings.BALANCE_MAX = 1_000
    wallet = Wallet(balance=400)

    credit(wallet, 600)
    with pytest.raises(BalanceLimitExceeded):
        credit(wallet, 1)

    assert wallet.balance == 1_000


def test_a_debit_down_to_nothing_is_good():
    wallet = Wallet(balance=400)

    debit(wallet, 400)
    debit(wallet, 0)
    with pytest.raises(InsufficientBalance):
        debit(wallet, 1)

    assert wallet.balance == 0


def test_wallets_are_locked_in_the_order_of_their_members(make_member):
    members = [make_member(balance=amount) for amount in (1, 2, 3)]

    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        wallets = lock_wallets([member.pk for member in reversed(members)])

    assert list(wallets) == [member.pk for member in members]
    assert [wallet.balance for wallet in wallets.values()] == [1, 2, 3]
    assert len(queries) == 1
    assert 'ORDER BY "users_wallet"."user_id" ASC' in queries[0]["sql"].replace("`", '"')


def test_a_wallet_is_made_for_a_member_who_has_none_but_not_for_nobody(make_member):
    member, root = make_member(balance=5), make_member()

    with transaction.atomic():
        wallets = lock_wallets([root.pk, member.pk, root.pk + 1])

    assert {pk: wallet.balance for pk, wallet in wallets.items()} == {member.pk: 5, root.pk: 0}
    assert Wallet.objects.count() == 2


def test_a_wallet_that_another_makes_at_the_same_moment_is_taken_as_it_is(make_member):
    root = make_member()

    def made_by_another():
        if not Wallet.objects.filter(user=root).exists():
            Wallet.objects.create(user=root, balance=7)

    held = "users.services.wallets.WALLETS.held"
    with calling_before(held, made_by_another), transaction.atomic():
        wallets = lock_wallets([root.pk])

    assert {pk: wallet.balance for pk, wallet in wallets.items()} == {root.pk: 7}
    assert Wallet.objects.count() == 1


def test_only_active_members_may_act(make_member):
    active, closed = make_member(), make_member(is_active=False)

    with transaction.atomic():
        assert lock_active_members([active.pk, closed.pk, closed.pk + 1]) == {active.pk: 0}


@pytest.mark.parametrize("members", [1, 3])
def test_wallets_and_their_entries_are_written_in_two_statements(
    make_member, django_assert_num_queries, members
):
    pks = [make_member(balance=100).pk for _ in range(members)]
    with transaction.atomic():
        wallets = list(lock_wallets(pks).values())
        entries = []
        for wallet in wallets:
            debit(wallet, 30)
            entries.append(
                WalletTransaction(
                    wallet=wallet,
                    kind="payment",
                    amount=-30,
                    balance_after=wallet.balance,
                    reference=f"ORD-{wallet.pk}",
                )
            )
        with django_assert_num_queries(2):
            save_wallets(wallets, entries)

    assert list(Wallet.objects.values_list("balance", flat=True)) == [70] * members
    assert WalletTransaction.objects.filter(kind="payment").count() == members


def test_a_charge_needs_an_open_account(make_member):
    closed = make_member(is_active=False)

    with nothing_changes(), pytest.raises(NotSignedIn):
        charge_wallet(user_id=closed.pk, amount=5)
