"""That every form of the admin acts once, however often and however concurrently it is sent.

The kind: a form that was rendered once is sent again, by the back button, a second click, or a
browser that got no answer. Its relatives: every button of every page (`ACTS` has all that there
are), two sendings in one moment, other values under the same key, another person with the same
form, an answer of the database that is lost, a popup, and another page that wants the same.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver

from common.errors import Busy, OutcomeUnknown
from common.models import SentForm
from ecommerce.tests.admin_acts import ACTS, TOLD, Act, acts
from ecommerce.tests.expectations import SHOP
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import assert_sound, send_at_once
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import errors_on, logged
from products.models import Category, Product, StockAdjustment
from users.models import User, Wallet

REASONLESS = [act for act in ACTS if act.page.startswith("delete") or act.page == "start"]
PAGES = [act for act in ACTS if act.page in ("revoke", "cancel", "close_now", "open_now_action")]

pytestmark = pytest.mark.django_db

BY_THEMSELVES = {
    "login": "who isn't signed in has no forms yet",
    "logout": "a session ends once",
    "products_product_import_file": "what is sent is looked at, and kept to be confirmed",
    "events_endpoint_secret": "its answer is kept nowhere",
    "coupons_coupon_sentence": "what is being typed is told in a sentence, and nothing is done",
}


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of the one_of_each, and of what staff write besides."""
    models = [model for label in SHOP for model in apps.get_app_config(label).get_models()]
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())  # type: ignore[attr-defined]
        for model in [*models, Group, LogEntry]
    }


def rows() -> Counter[str]:
    return Counter({name: len(found) for name, found in everything().items()})


def answered(answer: HttpResponse) -> tuple[int, str, list[str]]:
    """An answer's status, where it leads, and what it says there."""
    said = [str(message) for message in get_messages(answer.wsgi_request)]  # type: ignore[attr-defined]
    return answer.status_code, answer["Location"], said


def signed_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def test_every_act_is_known() -> None:
    """Who adds a form to the admin says in `TOLD` how it is filled in."""
    assert [act.name for act in ACTS] == sorted(TOLD)


class Claimed(Exception):
    pass


def _addresses(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _addresses(one.url_patterns)
        else:
            yield one


def test_whatever_is_sent_to_the_admin_acts_under_the_key_of_its_form(
    admin_user: User, rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every address that there is, whoever adds it: nothing runs before the key is claimed."""

    def is_claimed(*args: Any, **kwargs: Any) -> None:
        raise Claimed

    monkeypatch.setattr(SentForm.objects, "create", is_claimed)
    claimed = 0
    for address in _addresses(admin.site.get_urls()):
        if address.name in BY_THEMSELVES:
            continue
        request = rf.post("/admin/")
        request.user = admin_user
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        parts = {**address.pattern.converters, **address.pattern.regex.groupindex}
        with pytest.raises(Claimed):
            address.callback(request, **dict.fromkeys(parts, "1"))
        claimed += 1
    assert claimed > 100


@acts
def test_a_form_sent_again_acts_once(
    admin_client: Client, one_of_each: SimpleNamespace, act: Act
) -> None:
    form = act.form(admin_client, one_of_each)
    before = everything()
    first = answered(act.send(admin_client, one_of_each, form))
    after = everything()
    assert (first[0], after != before, len(first[2])) == (302, True, 1)
    assert len(after["LogEntry"]) == len(before["LogEntry"]) + act.log_entries

    again = act.send(admin_client, one_of_each, form)

    assert answered(again) == first
    assert everything() == after
    assert again["Idempotency-Replayed"] == "true"


@acts
@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_in_one_moment_acts_once(
    admin_user: User,
    one_of_each: SimpleNamespace,
    act: Act,
) -> None:
    browsers = [signed_in(admin_user) for _ in range(3)]
    form = act.form(browsers[0], one_of_each)
    before = rows()

    answers = send_at_once(
        [lambda browser=browser: act.send(browser, one_of_each, form) for browser in browsers]
    )

    first, *others = [answered(answer) for answer in answers]
    assert (first[0], others) == (302, [first, first])
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 2
    added = {name: count for name, count in (rows() - before).items() if name != "OutstandingToken"}
    assert added.pop("LogEntry") == act.log_entries
    assert set(added.values()) <= {1}
    assert SentForm.objects.count() == 1
    assert_sound()


@acts
@pytest.mark.parametrize("happened", [True, False], ids=["carried-out", "not"])
@pytest.mark.django_db(transaction=True)
def test_a_form_whose_commit_was_lost_acts_once(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    act: Act,
    happened: bool,
) -> None:
    form = act.form(admin_client, one_of_each)
    before = rows()
    with lost_commits(happened=happened):
        answer = act.send(admin_client, one_of_each, form)
    assert (answer.status_code, len(answered(answer)[2])) == (302, 1)
    assert (rows() - before)["LogEntry"] == act.log_entries
    assert SentForm.objects.count() == 1
    assert_sound()


@pytest.mark.parametrize(
    "act", [act for act in ACTS if act not in REASONLESS], ids=lambda act: act.name
)
def test_other_values_under_the_same_key_are_refused_in_words(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    act: Act,
) -> None:
    form = act.form(admin_client, one_of_each)
    assert act.send(admin_client, one_of_each, form).status_code == 302
    after = everything()

    field = next(name for name in ("reason", "name", "username", "usable_password") if name in form)
    page = act.send(admin_client, one_of_each, filled(form, **{field: "다른"}))

    if page.status_code == 302:  # a page of a library's, which can't show it at its form
        page = admin_client.get(page["Location"])
    assert "This form was sent before, with other values" in page.content.decode()
    assert everything() == after


def test_a_form_on_a_page_that_is_made_anew_is_the_same_by_its_key(
    admin_client: Client, product: Product
) -> None:
    """As a browser sends it that went back: the key is kept, what the page shows is of by now."""
    url = f"/admin/products/product/{product.pk}/change/"
    form = filled(form_on(admin_client.get(url)), price=2_000, reason="인상")
    first = answered(admin_client.post(url, form))
    anew = filled(form_on(admin_client.get(url)), reason="인상", form_key=form["form_key"])
    assert answered(admin_client.post(url, anew)) == first
    assert len(logged()) == 1


def test_a_form_with_other_values_acts_when_it_is_sent_from_the_page_that_says_so(
    admin_client: Client, product: Product
) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = filled(form_on(admin_client.get(url)), quantity=5, reason="입고")
    assert admin_client.post(url, form).status_code == 302
    refused = admin_client.post(url, filled(form, quantity=7))
    assert admin_client.post(url, form_on(refused)).status_code == 302
    assert [one.quantity for one in StockAdjustment.objects.order_by("pk")] == [10, 5, 7]


def test_somebody_else_with_the_same_form_is_not_told_what_it_did(
    admin_client: Client, product: Product
) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = filled(form_on(admin_client.get(url)), quantity=5, reason="입고")
    assert admin_client.post(url, form).status_code == 302
    other = signed_in(User.objects.create_superuser("other"))
    errors = errors_on(other.post(url, form))
    assert errors["__all__"][0].startswith("This form was sent before")
    product.refresh_from_db()
    assert product.stock == 15


def test_a_refused_form_may_be_sent_again(admin_client: Client, product: Product) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = filled(form_on(admin_client.get(url)), quantity=-11, reason="파손")
    assert errors_on(admin_client.post(url, form)) == {
        "__all__": ["Not enough of this product is left."]
    }
    Product.objects.update(stock=11)
    assert admin_client.post(url, form).status_code == 302
    assert Product.objects.get().stock == 0


def test_a_form_without_a_key_acts_each_time(admin_client: Client, product: Product) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    for _ in range(2):
        assert admin_client.post(url, {"quantity": 1, "reason": "r"}).status_code == 302
    assert Product.objects.get().stock == 12


@pytest.mark.parametrize("key", ["", "x", "9" * 5_000, "\x00", "1.2", "'; --", "키"])
def test_any_key_is_a_key(admin_client: Client, product: Product, key: str) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = {"quantity": 1, "reason": "r", "form_key": key}
    assert admin_client.post(url, form).status_code == 302


def test_every_page_has_a_key_of_its_own(admin_client: Client, product: Product) -> None:
    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    keys = {form_on(admin_client.get(url))["form_key"][0] for _ in range(3)}
    assert len(keys) == 3


@pytest.mark.parametrize("act", PAGES, ids=lambda act: act.name)
def test_what_a_colleague_did_already_is_said_to_who_has_an_older_page(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    act: Act,
) -> None:
    here, there = act.form(admin_client, one_of_each), act.form(admin_client, one_of_each)
    assert act.send(admin_client, one_of_each, there).status_code == 302
    after = everything()
    (error,) = errors_on(act.send(admin_client, one_of_each, here))["__all__"]
    assert (
        error
        == {
            "revoke": "This coupon is revoked.",
            "cancel": "This order is cancelled already.",
            "close_now": "This coupon is not being issued now.",
            "open_now_action": "This coupon is being issued already.",
        }[act.page]
    )
    assert everything() == after


@pytest.mark.parametrize("url", ["/admin/products/category/", "/admin/auth/group/"])
def test_a_row_added_in_a_popup_is_added_once(admin_client: Client, url: str) -> None:
    url += "add/?_popup=1"
    form = filled(form_on(admin_client.get(url)), name="주방")
    if "category" in url:
        form = filled(form, slug="주방")
    first, again = (admin_client.post(url, form) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.context["popup_response_data"] == again.context["popup_response_data"]
    assert again.content == first.content
    assert Category.objects.count() + Group.objects.filter(name="주방").count() == 1


def test_what_is_done_and_its_entry_in_the_log_are_one(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    (act,) = [act for act in ACTS if act.name == "users.user adjust_balance"]
    form = act.form(admin_client, one_of_each)
    balance = Wallet.objects.get(user=one_of_each.user).balance
    before = everything()
    with monkeypatch.context() as patch:
        patch.setattr(LogEntry, "save", fails)
        with pytest.raises(ZeroDivisionError):
            act.send(admin_client, one_of_each, form)
    assert everything() == before
    assert act.send(admin_client, one_of_each, form).status_code == 302
    assert Wallet.objects.get(user=one_of_each.user).balance == balance + 5_000


@acts
def test_who_is_told_to_try_again_loses_nothing_that_was_typed(
    admin_client: Client,
    one_of_each: SimpleNamespace,
    act: Act,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form = act.form(admin_client, one_of_each)
    before = everything()
    told = []

    def is_busy(*args: Any, **kwargs: Any) -> None:
        told.append(1)
        raise Busy

    with monkeypatch.context() as patch:
        patch.setattr(SentForm.objects, "create", is_busy)
        page = act.send(admin_client, one_of_each, form)
    assert told
    if page.status_code == 302:
        page = admin_client.get(page["Location"])
    text = page.content.decode()
    assert str(Busy.message) in text
    assert "reason" not in form or 'value="이유"' in text
    assert everything() == before


def test_who_cannot_be_told_the_outcome_sends_the_form_under_its_key_again(
    admin_client: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_lost(*args: Any, **kwargs: Any) -> None:
        raise OutcomeUnknown

    url = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = filled(form_on(admin_client.get(url)), quantity=5, reason="입고")
    with monkeypatch.context() as patch:
        patch.setattr(SentForm.objects, "create", is_lost)
        page = admin_client.post(url, form)
    assert "what was done already is not done again" in errors_on(page)["__all__"][0]
    assert form_on(page)["form_key"] == form["form_key"]
    assert logged() == []
