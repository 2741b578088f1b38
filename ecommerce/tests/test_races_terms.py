"""A campaign's terms are changed while its first coupon is issued."""

from threading import Thread

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from coupons.models import Coupon, IssuedCoupon
from coupons.services import change_coupon
from ecommerce.tests.race_controls import calling_before, without_locks
from ecommerce.tests.races import order, post, race, summary
from ecommerce.tests.threads import run_together

pytestmark = pytest.mark.django_db(transaction=True)

ISSUING, CHANGING = "coupons.services.issuing._decide", "coupons.services.campaigns._ensure_kept"


def press(member, coupon):
    return post(member, f"coupons/{coupon.pk}/issue/")


def change(coupon, told):
    """Changes 1,000 won off to 2,000, and keeps whether that was refused."""

    def work():
        try:
            change_coupon(coupon_id=coupon.pk, discount_value=2_000)
            told.append("changed")
        except ValidationError as error:
            told.append([*error.message_dict])

    return work


def promised(coupon):
    """What the campaign says, and what its coupons give."""
    coupon.refresh_from_db()
    given = IssuedCoupon.objects.values_list("discount_value", flat=True)
    return coupon.discount_value, *given


@pytest.mark.usefixtures("batch_limit")
def test_campaign_and_first_coupon_agree_whoever_is_first(make_member, coupon):
    told = []
    members = [make_member() for _ in range(3)]
    race([press(one, coupon) for one in members], meanwhile=[change(coupon, told)])
    assert promised(coupon) == (2_000,) * 4 if told == ["changed"] else (1_000,) * 4
    assert told in (["changed"], [["discount_value"]])


class _Meanwhile:
    """Lets somebody begin, once, while who calls it holds the campaign's lock."""

    def __init__(self, work):
        self.answer = None
        self._thread = Thread(target=self._run, args=[work])

    def _run(self, work):
        try:
            self.answer = work()
        finally:
            connection.close()

    def __call__(self):
        if self._thread.ident is None:
            self._thread.start()

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_who_changes_while_the_first_coupon_is_issued_is_refused(member, coupon):
    told = []
    meanwhile = _Meanwhile(change(coupon, told))
    with calling_before(ISSUING, meanwhile):
        answer = press(member, coupon)()
        meanwhile.join()
    assert summary(answer) == "201"
    assert told == [["discount_value"]]
    assert promised(coupon) == (1_000, 1_000)


def test_who_gets_the_first_coupon_while_terms_change_gets_it_on_the_new_ones(
    member, coupon, product
):
    told = []
    meanwhile = _Meanwhile(press(member, coupon))
    with calling_before(CHANGING, meanwhile):
        change(coupon, told)()
        meanwhile.join()
    assert (told, summary(meanwhile.answer)) == (["changed"], "201")
    assert promised(coupon) == (2_000, 2_000)
    issued = meanwhile.answer.json()["id"]
    (paid,) = race([order(member, (product.pk, 3), coupon=issued)])
    assert paid.json()["discount"] == 2_000


def test_control_without_the_lock_the_campaign_says_other_than_its_coupon_gives(member, coupon):
    told = []
    with without_locks(ISSUING, CHANGING, parties=2):
        answer, _ = run_together([press(member, coupon), change(coupon, told)])
    assert (summary(answer), told) == ("201", ["changed"])
    assert promised(coupon) == (2_000, 1_000)
    assert Coupon.objects.get().issued_quantity == 1
