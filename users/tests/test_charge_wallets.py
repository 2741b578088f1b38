"""charge_wallets for a batch: decided in the order of arrival, written together."""

import pytest
from django.db import transaction

from common.db.idempotency import IdempotencyKey, IdempotencyKeyReused, Outcome
from common.errors import NotSignedIn
from ecommerce.tests.expectations import nothing_changes
from users.errors import BalanceLimitExceeded
from users.models import Wallet, WalletTransaction
from users.services.wallets import Charge, charge_wallets

pytestmark = pytest.mark.django_db


def charge(user, amount, *, key=None):
    said = IdempotencyKey.of(key, {"amount": amount}) if key else None
    return Charge(user.pk, amount, said)


def charged(*charges):
    """What each charge became: the balance after it and whether it was replayed, or a refusal."""
    with transaction.atomic():
        outcomes = charge_wallets(charges)
    return [
        (one.value.balance_after, one.replayed) if isinstance(one, Outcome) else type(one)
        for one in outcomes
    ]


def test_one_key_twice_in_a_batch_charges_once(make_member):
    member, other = make_member(), make_member()

    assert charged(
        charge(member, 500, key="press"),
        charge(other, 500, key="press"),
        charge(member, 500, key="press"),
        charge(member, 70),
        charge(member, 70),
        charge(member, 501, key="press"),
    ) == [(500, False), (500, False), (500, True), (570, False), (640, False), IdempotencyKeyReused]
    assert dict(Wallet.objects.values_list("user_id", "balance")) == {member.pk: 640, other.pk: 500}
    assert WalletTransaction.objects.count() == 4


def test_a_key_that_came_before_is_replayed_wherever_it_is_in_the_batch(make_member):
    member, other = make_member(), make_member()
    charged(charge(member, 500, key="press"))

    assert charged(
        charge(other, 1, key="press"), charge(member, 500, key="press"), charge(other, 2)
    ) == [(1, False), (500, True), (3, False)]
    assert WalletTransaction.objects.filter(wallet__user=member).count() == 1


def test_a_key_of_a_refused_charge_is_free_for_the_next_of_the_batch(make_member, settings):
    settings.BALANCE_MAX = 1_000
    member = make_member()

    assert charged(charge(member, 1_001, key="press"), charge(member, 1_000, key="press")) == [
        BalanceLimitExceeded,
        (1_000, False),
    ]


def test_who_is_not_active_leaves_the_others_of_the_batch_alone(make_member):
    closed, member = make_member(is_active=False), make_member()

    with nothing_changes():
        assert charged(charge(closed, 5)) == [NotSignedIn]
    assert charged(charge(closed, 5), charge(member, 6)) == [NotSignedIn, (6, False)]
