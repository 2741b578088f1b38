"""Members, wallets and the ledger in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from rest_framework.test import APIClient

from coupons.models import Coupon
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.staff import errors_on, filled_in, logged, member_buys, staff_client
from products.models import Product
from users.models import User, Wallet, WalletTransaction
from users.services import charge_wallet

LIST = "/admin/users/user/"
WALLETS = "/admin/users/wallet/"
LEDGER = "/admin/users/wallettransaction/"
PASSWORD = "correct horse battery"


def change_url(user: User) -> str:
    return f"{LIST}{user.pk}/change/"


def adjust_url(user: User) -> str:
    return f"{LIST}{user.pk}/adjust_balance/"


def found(browser: Client, url: str, text: str) -> list[str]:
    return [str(row) for row in browser.get(url, {"q": text}).context["cl"].result_list]


# --- Accounts -----------------------------------------------------------------------------------


def test_a_member_is_created_with_a_password(admin_client: Client) -> None:
    form = filled_in(admin_client.get(LIST + "add/"))
    form |= {"username": "민지", "password1": PASSWORD, "password2": PASSWORD}
    answer = admin_client.post(LIST + "add/", form)
    user = User.objects.get(username="민지")
    assert (answer.status_code, answer["Location"]) == (302, change_url(user))
    assert user.check_password(PASSWORD)
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    assert not Wallet.objects.filter(user=user).exists()  # made when first written to
    assert "₩0" in admin_client.get(change_url(user)).content.decode()


def test_a_taken_name_is_refused(admin_client: Client, member: User) -> None:
    form = {"username": "minji"}
    form |= {"password1": PASSWORD, "password2": PASSWORD}
    with nothing_changes():
        answer = admin_client.post(LIST + "add/", form)
    assert errors_on(answer) == {"username": ["A user with that username already exists."]}


def test_a_charge_between_opening_and_saving_a_members_form_survives(
    admin_client: Client, member: User
) -> None:
    form = filled_in(admin_client.get(change_url(member)))
    charge_wallet(user_id=member.pk, amount=5_000)
    sent = {"first_name": "Minji", "balance": 7, "reason": "개명"}
    answer = admin_client.post(change_url(member), form | sent)
    assert answer.status_code == 302
    member.refresh_from_db()
    assert (member.first_name, member.wallet.balance) == ("Minji", 105_000)


def test_a_member_who_leaves_is_deactivated(admin_client: Client, member: User) -> None:
    form = filled_in(admin_client.get(change_url(member)))
    del form["is_active"]
    with nothing_changes():
        answer = admin_client.post(change_url(member), form)
    assert errors_on(answer) == {"reason": ["Say why: this is kept in the log."]}
    assert admin_client.post(change_url(member), form | {"reason": "탈퇴"}).status_code == 302
    member.refresh_from_db()
    assert not member.is_active
    assert logged() == [("admin", "Active: yes → no (탈퇴)")]


def test_no_page_shows_the_hash_of_a_password(admin_client: Client, make_member: Any) -> None:
    member = make_member(password="a long secret")
    assert member.password not in admin_client.get(change_url(member)).content.decode()


def test_a_form_from_before_a_member_was_deactivated_leaves_that_as_it_is(
    admin_client: Client, member: User
) -> None:
    form = filled_in(admin_client.get(change_url(member)))
    User.objects.filter(pk=member.pk).update(is_active=False, first_name="Minji")
    answer = admin_client.post(
        change_url(member), form | {"email": "minji@example.com", "reason": "요청"}
    )
    assert answer.status_code == 302
    member.refresh_from_db()
    assert (member.email, member.is_active, member.first_name) == (
        "minji@example.com",
        False,
        "Minji",
    )
    assert logged() == [("admin", "Email address: – → minji@example.com (요청)")]


def test_a_deactivated_member_writes_nothing_from_that_moment_on(
    admin_client: Client, member: User, client: APIClient, product: Product, coupon: Coupon
) -> None:
    form = filled_in(admin_client.get(change_url(member)))
    del form["is_active"]
    writes = [
        ("users/me/balance/charge/", {"amount": 1_000}),
        ("orders/", {"items": [{"product": product.pk, "quantity": 1}]}),
        (f"coupons/{coupon.pk}/issue/", None),
    ]
    assert client.post(f"/api/v1/{writes[0][0]}", writes[0][1]).status_code == 201
    assert admin_client.post(change_url(member), form | {"reason": "탈퇴"}).status_code == 302
    with nothing_changes():  # with the token of before, which has not expired
        answers = [client.post(f"/api/v1/{path}", body) for path, body in writes]
    assert [refusal(answer) for answer in answers] == [refused(401, "user_inactive")] * 3


def test_a_members_ledger_coupons_and_orders_are_on_one_page(
    admin_client: Client, member: User, client: APIClient, product: Product, coupon: Coupon
) -> None:
    issued = client.post(f"/api/v1/coupons/{coupon.pk}/issue/").json()
    member_buys(client, product, 2, coupon=issued["id"])
    page = admin_client.get(change_url(member))
    tables = {str(table.title): table for table in page.context["related_tables"]}
    cells = {title: [str(cell) for cell in table.rows[0]] for title, table in tables.items()}
    assert cells["ledger"][1:4] == ["payment", "-1,000", "₩99,000"]
    assert cells["coupons"][1] == "used"
    assert cells["orders"][2:] == ["paid", "₩1,000", "₩1,000"]
    assert "₩99,000" in page.content.decode()
    rows = {
        title: len(admin_client.get(table.more_url).context["cl"].result_list)
        for title, table in tables.items()
    }
    assert rows == {"balance": 1, "ledger": 2, "coupons": 1, "orders": 1}
    text = page.content.decode()
    assert text.index("₩99,000") < text.index('name="username"')  # before what hardly changes
    assert "algorithm" not in text


def test_a_superuser_changes_a_password(admin_client: Client, member: User) -> None:
    form = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    answer = admin_client.post(f"{LIST}{member.pk}/password/", form)
    assert (answer.status_code, answer["Location"]) == (302, change_url(member))
    member.refresh_from_db()
    assert member.check_password(PASSWORD)


def test_staff_who_change_members_cannot_give_themselves_or_others_more(
    db: None, member: User
) -> None:
    browser = staff_client("users.change_user", "users.view_user")
    form = filled_in(browser.get(change_url(member)))
    group = Group.objects.create(name="managers")
    more = {"is_staff": "on", "is_superuser": "on", "groups": [group.pk], "user_permissions": [1]}
    sent = form | more | {"last_name": "Kim", "reason": "개명"}
    assert browser.post(change_url(member), sent).status_code == 302
    member.refresh_from_db()
    assert (member.last_name, member.is_staff, member.is_superuser) == ("Kim", False, False)
    assert (member.groups.count(), member.user_permissions.count()) == (0, 0)


@pytest.mark.parametrize("page", ["change", "password"])
def test_staff_who_change_members_cannot_change_other_staff(admin_user: User, page: str) -> None:
    browser = staff_client("users.change_user", "users.view_user")
    form = {"username": "mine", "password1": PASSWORD, "password2": PASSWORD}
    with nothing_changes():
        assert browser.post(f"{LIST}{admin_user.pk}/{page}/", form).status_code == 403


@pytest.mark.parametrize("text", ["minji", "MINJI", "inj", "kim", "Kim minji", "@EXAMPLE"])
@pytest.mark.parametrize("rows", [LIST, WALLETS, LEDGER])
def test_members_are_found_in_any_case(
    admin_client: Client, make_member: Callable[..., User], text: str, rows: str
) -> None:
    make_member(username="Minji", last_name="KIM", email="m@example.org", balance=1_000)
    make_member(username="other", balance=1_000)
    User.objects.filter(username="admin").update(email="")
    (row,) = found(admin_client, rows, text)
    assert row.startswith(("Minji", "charge"))


def test_a_ledger_entry_is_found_by_its_whole_reference(admin_client: Client, member: User) -> None:
    first = WalletTransaction.objects.get()
    charge_wallet(user_id=member.pk, amount=5_000)
    assert found(admin_client, LEDGER, first.reference.lower()) == [
        f"charge +100,000 ({first.reference})"
    ]
    assert found(admin_client, LEDGER, first.reference[:-1]) == []


def test_a_group_gets_its_permissions(admin_client: Client) -> None:
    form = {"name": "상담", "permissions": [1, 2]}
    assert admin_client.post("/admin/auth/group/add/", form).status_code == 302
    assert Group.objects.get(name="상담").permissions.count() == 2


def test_a_change_of_a_group_needs_a_reason_and_is_logged_with_it(admin_client: Client) -> None:
    group = Group.objects.create(name="상담")
    url = f"/admin/auth/group/{group.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"name": "상담원", "permissions": [1]}

    assert errors_on(admin_client.post(url, form)) == {
        "reason": ["Say why: this is kept in the log."]
    }
    group.refresh_from_db()
    assert (group.name, group.permissions.count()) == ("상담", 0)
    assert admin_client.post(url, form | {"reason": "새 팀"}).status_code == 302
    group.refresh_from_db()
    assert (group.name, group.permissions.count()) == ("상담원", 1)
    assert logged()[0][1].endswith("(새 팀)")


# --- Adjusting balances -------------------------------------------------------------------------


def facts_on(page: Any) -> dict[str, str]:
    return {str(label): str(value) for label, value in page.context["facts"].items()}


def test_opening_the_adjustment_shows_the_balance_and_changes_nothing(
    admin_client: Client, admin_user: User, member: User
) -> None:
    with nothing_changes():
        page = admin_client.get(adjust_url(member), {"amount": 5, "reason": "a link"})
        assert facts_on(page) == {"member": "minji", "balance": "₩100,000"}
        page = admin_client.get(adjust_url(admin_user))
        assert facts_on(page) == {"member": "admin", "balance": "₩0"}


@pytest.mark.parametrize(("amount", "balance"), [(5_000, 105_000), (-100_000, 0)])
@pytest.mark.parametrize("of", ["user", "wallet"])
def test_a_balance_is_adjusted_for_a_reason(
    admin_client: Client, admin_user: User, member: User, of: str, amount: int, balance: int
) -> None:
    page = f"/admin/users/{of}/{member.pk if of == 'user' else member.wallet.pk}/"
    answer = admin_client.post(page + "adjust_balance/", {"amount": amount, "reason": " 사과 "})
    assert (answer.status_code, answer["Location"]) == (302, page + "change/")
    assert Wallet.objects.get(user=member).balance == balance
    entry = WalletTransaction.objects.latest("pk")
    assert (entry.kind, entry.amount, entry.balance_after) == ("adjustment", amount, balance)
    assert (entry.reason, entry.created_by) == ("사과", admin_user)
    done = f"Balance adjusted by {amount:+,} won to ₩{balance:,}: 사과"
    assert logged() == [("admin", done)]
    assert done in admin_client.get(page + "change/").content.decode()


def test_a_member_without_a_wallet_gets_one_by_the_first_adjustment(
    admin_client: Client, make_member: Callable[..., User]
) -> None:
    user = make_member()
    assert admin_client.post(adjust_url(user), {"amount": 5, "reason": "gift"}).status_code == 302
    assert Wallet.objects.get(user=user).balance == 5


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({"amount": -100_001, "reason": "fee"}, {"__all__": ["The balance is too low."]}),
        (
            {"amount": 999_900_001, "reason": "gift"},
            {"__all__": ["The balance would exceed its limit."]},
        ),
        (
            {"amount": 1_000_000_001, "reason": "gift"},
            {"amount": ["Ensure this value is less than or equal to 1000000000."]},
        ),
        ({"amount": 0, "reason": "none"}, {"amount": ["It must not be 0."]}),
        ({"amount": 1, "reason": ""}, {"reason": ["This field is required."]}),
    ],
)
def test_an_adjustment_that_cannot_be_is_refused_at_its_form(
    admin_client: Client, member: User, form: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    with nothing_changes():
        answer = admin_client.post(adjust_url(member), form)
    assert errors_on(answer) == errors
    assert logged() == []


def test_the_balance_by_now_is_shown_with_a_refusal(admin_client: Client, member: User) -> None:
    admin_client.get(adjust_url(member))
    charge_wallet(user_id=member.pk, amount=1)
    answer = admin_client.post(adjust_url(member), {"amount": -200_000, "reason": "fee"})
    assert facts_on(answer)["balance"] == "₩100,001"


@pytest.mark.parametrize(
    "permissions",
    [["users.view_user", "users.view_wallet"], ["users.view_user", "users.change_user"]],
    ids=["views", "changes members"],
)
def test_who_may_not_change_wallets_sees_no_button_and_is_refused(
    db: None, member: User, permissions: list[str]
) -> None:
    browser = staff_client(*permissions)
    for url in (LIST, change_url(member)):
        assert "adjust_balance" not in browser.get(url).content.decode()
    with nothing_changes():
        assert browser.get(adjust_url(member)).status_code == 403
        answer = browser.post(adjust_url(member), {"amount": 5, "reason": "mine"})
        assert answer.status_code == 403
        wallet = f"{WALLETS}{member.wallet.pk}/adjust_balance/"
        assert browser.post(wallet, {"amount": 5, "reason": "mine"}).status_code == 403


def test_who_may_change_wallets_has_the_button_in_list_and_page(db: None, member: User) -> None:
    browser = staff_client("users.view_wallet", "users.change_wallet")
    button = f'href="{WALLETS}{member.wallet.pk}/adjust_balance/"'
    for url in (WALLETS, f"{WALLETS}{member.wallet.pk}/change/"):
        assert button in browser.get(url).content.decode()
    assert browser.get(adjust_url(member)).status_code == 403  # may not see members
