"""create_coupon and change_coupon."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from coupons.errors import TotalBelowIssued
from coupons.models import Coupon
from coupons.services import change_coupon, create_coupon, issue_coupon
from ecommerce.tests.expectations import nothing_changes

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TERMS = {
    "name": "선착순 30명",
    "discount_type": "percent",
    "discount_value": 10,
    "max_discount": 5_000,
    "min_order_amount": 20_000,
    "total_quantity": 30,
    "issue_starts_at": TEN_O_CLOCK,
    "issue_ends_at": TEN_O_CLOCK + timedelta(hours=1),
    "valid_days": 7,
}
NONSENSE = [
    ({"name": ""}, ["name"]),
    ({"name": "x" * 101}, ["name"]),
    ({"discount_type": "free"}, ["discount_type"]),
    ({"discount_value": 0}, ["discount_value"]),
    ({"discount_value": 101}, ["discount_value"]),
    ({"discount_type": "fixed", "max_discount": None, "discount_value": 0}, ["discount_value"]),
    (
        {"discount_type": "fixed", "max_discount": None, "discount_value": 1_000_000_001},
        ["discount_value"],
    ),
    ({"discount_type": "fixed"}, ["max_discount"]),
    ({"discount_value": "ten"}, ["discount_value"]),
    ({"max_discount": 0}, ["max_discount"]),
    ({"min_order_amount": -1}, ["min_order_amount"]),
    ({"total_quantity": -1}, ["total_quantity"]),
    ({"total_quantity": 0}, ["total_quantity"]),
    ({"total_quantity": 1_000_000_001}, ["total_quantity"]),
    ({"total_quantity": None}, ["total_quantity"]),
    ({"total_quantity": "many"}, ["total_quantity"]),
    ({"issue_ends_at": None}, ["issue_ends_at"]),
    ({"issue_ends_at": TEN_O_CLOCK}, ["issue_ends_at"]),
    ({"valid_days": 0}, ["valid_days"]),
    ({"valid_days": 3_651}, ["valid_days"]),
    ({"name": "", "valid_days": 0}, ["name", "valid_days"]),
]

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


@pytest.fixture
def campaign() -> Coupon:
    return create_coupon(**TERMS)


@pytest.fixture
def issue(make_member):
    """Issues so many coupons of a campaign."""

    def make(coupon: Coupon, count: int) -> None:
        for _ in range(count):
            issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)

    return make


def test_a_campaign_has_the_terms_it_was_created_with(campaign):
    stored = Coupon.objects.values(*TERMS, "issued_quantity").get(pk=campaign.pk)

    assert stored == TERMS | {"issued_quantity": 0}


def test_what_a_campaign_need_not_say():
    needed = ("name", "discount_type", "discount_value", "total_quantity", "issue_ends_at")

    campaign = create_coupon(**{name: TERMS[name] for name in needed})

    campaign.refresh_from_db()
    assert campaign.issue_starts_at == campaign.created_at == TEN_O_CLOCK
    assert (campaign.max_discount, campaign.min_order_amount, campaign.valid_days) == (None, 0, 30)


@pytest.mark.parametrize(("terms", "fields"), NONSENSE)
def test_no_campaign_is_created_on_nonsense(terms, fields):
    with nothing_changes(), pytest.raises(ValidationError) as caught:
        create_coupon(**(TERMS | terms))

    assert list(caught.value.message_dict) == fields


@pytest.mark.parametrize(("terms", "fields"), NONSENSE)
def test_no_campaign_is_changed_to_nonsense(campaign, terms, fields):
    with nothing_changes(), pytest.raises(ValidationError) as caught:
        change_coupon(coupon_id=campaign.pk, **terms)

    assert list(caught.value.message_dict) == fields


@pytest.mark.parametrize("field", ["issued_quantity", "created_at", "id", "pk", "is_open", "cupon"])
def test_a_field_that_is_no_term_is_a_bug_of_the_caller(campaign, field):
    with nothing_changes(), pytest.raises(TypeError, match=f"not a coupon's terms: {field}"):
        create_coupon(**TERMS, **{field: 1})

    with nothing_changes(), pytest.raises(TypeError, match=f"not a coupon's terms: {field}"):
        change_coupon(coupon_id=campaign.pk, **{field: 1})


def test_changing_one_term_leaves_the_others(campaign, issue):
    issue(campaign, 2)

    changed = change_coupon(coupon_id=campaign.pk, name="선착순 서른 명")

    assert changed.name == "선착순 서른 명"
    stored = Coupon.objects.values(*TERMS, "issued_quantity").get(pk=campaign.pk)
    assert stored == TERMS | {"name": "선착순 서른 명", "issued_quantity": 2}


def test_a_total_may_be_raised_and_more_are_issued_then(campaign, issue):
    change_coupon(coupon_id=campaign.pk, total_quantity=2)
    issue(campaign, 2)

    raised = change_coupon(coupon_id=campaign.pk, total_quantity=3)

    assert (raised.total_quantity, raised.issued_quantity, raised.remaining_quantity) == (3, 2, 1)
    issue(campaign, 1)
    assert list(campaign.issued.order_by("id").values_list("issue_number", flat=True)) == [1, 2, 3]


def test_a_total_may_be_lowered_to_what_is_issued_and_no_further(campaign, issue):
    issue(campaign, 2)

    lowered = change_coupon(coupon_id=campaign.pk, total_quantity=2)
    assert (lowered.total_quantity, lowered.remaining_quantity) == (2, 0)

    with nothing_changes(), pytest.raises(TotalBelowIssued):
        change_coupon(coupon_id=campaign.pk, total_quantity=1)


def test_changing_nothing_changes_nothing(campaign):
    with nothing_changes():
        assert change_coupon(coupon_id=campaign.pk) == campaign


def test_an_unknown_campaign_cannot_be_changed(campaign):
    with nothing_changes(), pytest.raises(Coupon.DoesNotExist):
        change_coupon(coupon_id=campaign.pk + 1, name="x")
