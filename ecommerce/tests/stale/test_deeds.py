"""That no page that asks before it acts on an object acts on what is another by now, unasked.

The kind: B has such a page open, a colleague (or B in another tab) does something to the same
object, B presses the button. Its relatives: every page that there is, two who press in the same
moment, what is done to other objects, and pages that say nothing or nonsense of what they showed.
"""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from common.admin.form_key import LOG_SHOWN
from common.admin.text import moment
from common.admin.told import Told
from coupons.models import Coupon
from ecommerce.tests.admin_acts import ACTS, Act
from ecommerce.tests.races import send_at_once
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import errors_on, logged, staff_client
from ecommerce.tests.stale.conftest import Page
from ecommerce.tests.test_admin_once import answered, everything, signed_in
from events.models import Endpoint
from events.services import create_endpoint
from products.models import Product, StockAdjustment
from users.models import User

pytestmark = pytest.mark.django_db

OTHERWISE = {"add": "no object yet", "start": "none", "change": "test_fields", "rows": "test_rows"}
DEEDS = [act for act in ACTS if act.page not in OTHERWISE]
ASKED = "Nothing was done now. Send it once more if you still want it."


@pytest.fixture
def colleague(db: None) -> Client:
    return signed_in(User.objects.create_superuser("동료"))


def told(page: HttpResponse) -> list[str]:
    return errors_on(page)["__all__"]


@pytest.mark.parametrize("act", DEEDS, ids=lambda act: act.name)
def test_what_a_colleague_did_to_the_object_is_said_first(
    admin_client: Client, admin_user: User, one_of_each: SimpleNamespace, act: Act
) -> None:
    form = act.form(admin_client, one_of_each)
    request: Any = SimpleNamespace(user=User.objects.create_superuser("동료"))
    done = Told("Balance adjusted by %(amount)s won to %(balance)s: %(reason)s", dict.fromkeys(
        ("amount", "balance", "reason"), "7"))  # fmt: skip
    act.model_admin.log_change(request, act.object(one_of_each), done)
    before = everything()

    page = act.send(admin_client, one_of_each, form)

    is_at_form = page.status_code == 200
    text = " ".join(told(page)) if is_at_form else answered(page)[2][0]
    assert text.startswith("Since you opened the page: 동료, ")
    assert text.endswith(f"{done} {ASKED}")
    assert everything() == before
    button = {"step": "confirm"} if "step" in form else {}
    again = filled(form_on(page), **button) if is_at_form else act.form(admin_client, one_of_each)
    assert act.send(admin_client, one_of_each, again).status_code == 302
    assert everything() != before


def test_every_deed_is_known() -> None:
    assert len(DEEDS) > 20


@pytest.mark.parametrize("page", ["password", "delete"])
def test_who_may_not_see_the_log_is_told_nothing_of_it(
    admin_client: Client, admin_user: User, page: str
) -> None:
    group = Group.objects.create(name="예전")
    row = admin_user if page == "password" else group
    url = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/"
    admin_client.post(f"{url}change/", filled(form_on(admin_client.get(f"{url}change/"))))
    answer = staff_client("users.view_wallet").post(f"{url}{page}/", {LOG_SHOWN: "0"})
    assert answer.status_code == 403
    assert len(logged()) == 1


def test_open_now_leaves_the_end_that_a_colleague_gave(
    admin_client: Client, colleague: Client, make_coupon: Any
) -> None:
    start = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    coupon = make_coupon(issue_starts_at=start, issue_ends_at=start + timedelta(days=1))
    url = f"/admin/coupons/coupon/{coupon.pk}/open_now/"
    form = filled(form_on(admin_client.get(url)), reason="지금")
    theirs = timezone.localtime(start + timedelta(days=30))
    saved = Page(colleague, coupon).saves(
        issue_ends_at_0=f"{theirs:%Y-%m-%d}", issue_ends_at_1=f"{theirs:%H:%M:%S}"
    )
    assert saved.status_code == 302

    page = admin_client.post(url, form)

    assert moment(theirs) in told(page)[0]
    assert Coupon.objects.get(pk=coupon.pk).issue_starts_at == start
    assert admin_client.post(url, form_on(page)).status_code == 302
    opened = Coupon.objects.get(pk=coupon.pk)
    assert opened.is_open
    assert opened.issue_ends_at == theirs


@pytest.fixture
def endpoint(db: None) -> Endpoint:
    return create_endpoint(
        name="창고", url="https://8.8.8.8/", kinds=["order.paid"], is_active=True
    )


def test_a_second_new_secret_is_asked_about(
    admin_client: Client, colleague: Client, endpoint: Endpoint
) -> None:
    url = f"/admin/events/endpoint/{endpoint.pk}/new_secret/"
    forms = [filled(form_on(one.get(url)), reason="교체") for one in (admin_client, colleague)]
    assert colleague.post(url, forms[1]).status_code == 302
    page = admin_client.post(url, forms[0])
    assert told(page)[1] == ASKED
    endpoint.refresh_from_db()
    assert (endpoint.old_secret, len(logged())) == (Endpoint.objects.get().old_secret, 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_in_one_moment_one_is_asked(
    admin_client: Client, colleague: Client, endpoint: Endpoint
) -> None:
    before = endpoint.secret
    url = f"/admin/events/endpoint/{endpoint.pk}/new_secret/"
    forms = [filled(form_on(one.get(url)), reason="교체") for one in (admin_client, colleague)]
    answers = send_at_once(
        [
            lambda: admin_client.post(url, forms[0]),
            lambda: colleague.post(url, forms[1]),
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    endpoint.refresh_from_db()
    assert endpoint.old_secret == before
    assert len(logged()) == 1


def test_what_was_done_to_another_object_is_not_said(
    admin_client: Client, product: Product, make_product: Any
) -> None:
    urls = [f"/admin/products/product/{pk}/adjust_stock/" for pk in (product.pk, make_product().pk)]
    forms = [filled(form_on(admin_client.get(url)), quantity=1, reason="입고") for url in urls]
    for url, form in zip(urls, forms, strict=True):
        assert admin_client.post(url, form).status_code == 302


@pytest.mark.parametrize("shown", [None, "", "x", "-1", "٣", "9" * 40, "1 OR 1"])
def test_a_page_that_does_not_say_what_it_showed_acts(
    admin_client: Client, product: Product, shown: str | None
) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    forms = [filled(form_on(admin_client.get(url)), quantity=1, reason="입고") for _ in range(2)]
    for form in forms:
        sent = filled(form, **{LOG_SHOWN: shown})
        assert admin_client.post(url, sent).status_code == 302
    assert StockAdjustment.objects.filter(quantity=1).count() == 2


def test_an_entry_that_was_on_its_way_when_the_page_was_made_is_said(
    admin_client: Client, colleague: Client, product: Product, make_product: Any
) -> None:
    """Its number is lower than one that was there before it."""
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    other = f"/admin/products/product/{make_product().pk}/adjust_stock/"
    for path in (url, other):
        form = filled(form_on(colleague.get(path)), quantity=1, reason="입고")
        assert colleague.post(path, form).status_code == 302
    late = LogEntry.objects.order_by("pk").first()
    assert late
    LogEntry.objects.filter(pk=late.pk).delete()
    form = filled(form_on(admin_client.get(url)), quantity=1, reason="입고")
    late.save(force_insert=True)
    assert told(admin_client.post(url, form))[1] == ASKED
