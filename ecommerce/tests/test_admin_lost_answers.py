"""A form whose answer is lost is sent again, without the cookie that the answer brought.

The kind: what a form did ended the session that it was sent in, as one's own new password does, so
who sends it again is nobody, and was told nothing. Its relatives: a password that staff set for
somebody else, a second click in the same moment, a session that ended of itself meanwhile, and a
form that was never done.
"""

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.test import Client

from common.models import SentForm
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.races import send_at_once
from ecommerce.tests.rendered_forms import Form, filled, form_on
from ecommerce.tests.staff import logged
from products.models import Product
from users.models import User

pytestmark = pytest.mark.django_db

OLD, NEW = "correct horse battery", "another horse battery"
DONE = "This form was sent before, and was done."
OWN: dict[str, Callable[[User], tuple[str, Form]]] = {
    "own-page": lambda user: (
        "/admin/password_change/",
        {"old_password": [OLD], "new_password1": [NEW], "new_password2": [NEW]},
    ),
    "members-page": lambda user: (
        f"/admin/users/user/{user.pk}/password/",
        {"password1": [NEW], "password2": [NEW]},
    ),
    "same-member-by-another-address": lambda user: (
        f"/admin/users/user/0{user.pk}/password/",
        {"password1": [NEW], "password2": [NEW]},
    ),
}
own = pytest.mark.parametrize("form_of", OWN.values(), ids=OWN)


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password=OLD)


@pytest.fixture
def browser(boss: User) -> Client:
    return signed_in(OLD)


def signed_in(password: str) -> Client:
    browser = Client()
    login = {"username": "boss", "password": password, "next": "/admin/"}
    assert browser.post("/admin/login/", login).status_code == 302
    return browser


def as_before(browser: Client) -> Client:
    """The same browser, to which no answer comes from now on."""
    other = Client()
    other.cookies = SimpleCookie({name: one.value for name, one in browser.cookies.items()})
    return other


def opened(browser: Client, path: str, values: Form) -> Form:
    return filled(form_on(browser.get(path)), **values)


def goes_on_at(login: Any) -> str:
    assert (login.status_code, login["Location"].split("?")[0]) == (302, "/admin/login/")
    return str(login["Location"].split("?next=")[1])


@own
def test_ones_own_new_password_is_told_to_who_sends_it_again(
    browser: Client, boss: User, form_of: Callable[[User], tuple[str, Form]]
) -> None:
    path, values = form_of(boss)
    form = opened(browser, path, values)
    first = as_before(browser).post(path, form)
    assert first.status_code == 302
    boss.refresh_from_db()
    assert boss.check_password(NEW)

    with nothing_changes():
        again = browser.post(path, form)
        assert goes_on_at(again) == first["Location"]
        assert DONE in browser.get(again["Location"]).content.decode()
    assert browser.get("/admin/").status_code == 302  # by the old cookie nobody comes in
    signing_in = {"username": "boss", "password": NEW, "next": first["Location"]}
    answer = browser.post("/admin/login/", signing_in)
    assert (answer.status_code, answer["Location"]) == (302, first["Location"])
    assert browser.get(answer["Location"], follow=True).status_code == 200


def test_somebody_elses_new_password_leaves_the_session_as_it_is(
    browser: Client, member: User
) -> None:
    path = f"/admin/users/user/{member.pk}/password/"
    form = opened(browser, path, {"password1": [NEW], "password2": [NEW]})
    first = as_before(browser).post(path, form)
    assert "sessionid" not in first.cookies

    with nothing_changes():
        again = browser.post(path, form, follow=True)

    assert again.redirect_chain == [(first["Location"], 302)]
    assert "Password changed successfully." in again.content.decode()
    member.refresh_from_db()
    assert member.check_password(NEW)
    assert len(logged()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_click_on_ones_own_new_password_is_told_too(browser: Client, boss: User) -> None:
    path, values = OWN["own-page"](boss)
    form = opened(browser, path, values)
    session: SessionBase = browser.session
    session["used_at"] -= 100  # it is written again with the next request
    session.save()
    browsers = [as_before(browser) for _ in range(2)]

    answers = send_at_once([lambda one=one: one.post(path, form) for one in browsers])

    (first,) = [one for one in answers if one["Location"] == "/admin/password_change/done/"]
    (again,) = [one for one in answers if one is not first]
    assert goes_on_at(again) == first["Location"]
    assert first.cookies["sessionid"].value
    assert "sessionid" not in again.cookies or not again.cookies["sessionid"].value
    boss.refresh_from_db()
    assert boss.check_password(NEW)
    assert SentForm.objects.count() == 1


def test_what_was_done_before_the_session_ended_is_not_done_again(
    browser: Client, product: Product
) -> None:
    path = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = opened(browser, path, {"quantity": ["5"], "reason": ["비밀 창고"]})
    first = as_before(browser).post(path, form)
    del browser.cookies["sessionid"]

    with nothing_changes():
        again = browser.post(path, form)
        page = browser.get(again["Location"]).content.decode()

    assert goes_on_at(again) == first["Location"]
    assert DONE in page
    assert "비밀 창고" not in page


def test_what_was_not_done_goes_on_where_it_was_sent(browser: Client, product: Product) -> None:
    path = f"/admin/products/product/{product.pk}/adjust_stock/"
    form = opened(browser, path, {"quantity": ["-999"], "reason": ["파손"]})
    assert as_before(browser).post(path, form).status_code == 200  # refused
    del browser.cookies["sessionid"]
    with nothing_changes():
        again = browser.post(path, form)
        assert DONE not in browser.get(again["Location"]).content.decode()
    assert goes_on_at(again) == path
