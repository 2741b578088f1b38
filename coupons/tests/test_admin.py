"""Campaigns and the coupons they issued in the admin."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from common.admin.text import moment
from coupons.errors import CouponNotOpen
from coupons.models import Coupon, IssuedCoupon
from coupons.services import change_coupon, issue_coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in, logged, member_buys, staff_client
from users.models import User

LIST = "/admin/coupons/coupon/"
ADD = LIST + "add/"
ISSUED = "/admin/coupons/issuedcoupon/"

TERMS = {
    "name": "가을 쿠폰",
    "discount_type": "percent",
    "discount_value": 10,
    "max_discount": 5_000,
    "min_order_amount": 20_000,
    "total_quantity": 30,
    "issue_starts_at_0": "2036-11-01",
    "issue_starts_at_1": "10:00:00",
    "issue_ends_at_0": "2036-11-08",
    "issue_ends_at_1": "10:00:00",
    "valid_days": 14,
}


def change_url(coupon: Coupon) -> str:
    return f"{LIST}{coupon.pk}/change/"


def revoke_url(issued: IssuedCoupon) -> str:
    return f"{ISSUED}{issued.pk}/revoke/"


@pytest.fixture
def issued(coupon: Coupon, member: User) -> IssuedCoupon:
    return issue_coupon(coupon_id=coupon.pk, user_id=member.pk)


# --- Campaigns ----------------------------------------------------------------------------------


def test_a_campaign_is_created_with_its_terms(admin_client: Client) -> None:
    answer = admin_client.post(ADD, TERMS)
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    coupon = Coupon.objects.get()
    assert (coupon.name, coupon.discount_type, coupon.discount_value) == (
        "가을 쿠폰",
        "percent",
        10,
    )
    assert (coupon.max_discount, coupon.min_order_amount) == (5_000, 20_000)
    assert (coupon.total_quantity, coupon.issued_quantity, coupon.valid_days) == (30, 0, 14)
    assert coupon.issue_starts_at == datetime(2036, 11, 1, 1, tzinfo=UTC)  # 10 o'clock in Seoul
    assert coupon.issue_ends_at == datetime(2036, 11, 8, 1, tzinfo=UTC)
    assert logged() == [("admin", "Added.")]


@pytest.mark.parametrize(
    ("terms", "errors"),
    [
        ({"name": ""}, {"name": ["This field is required."]}),
        ({"discount_value": 101}, {"discount_value": ["A percentage is at most 100."]}),
        ({"discount_type": "fixed"}, {"max_discount": ["Only a percentage can be capped."]}),
        (
            {"issue_ends_at_0": "2036-11-01"},
            {"issue_ends_at": ["It must end after it starts."]},
        ),
        (
            {"total_quantity": 1_000_000_001},
            {"total_quantity": ["Ensure this value is less than or equal to 1000000000."]},
        ),
    ],
)
def test_a_campaign_whose_terms_contradict_is_refused(
    admin_client: Client, terms: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    with nothing_changes():
        answer = admin_client.post(ADD, TERMS | terms)
    assert errors_on(answer) == errors


def test_a_change_of_one_term_leaves_the_others_and_the_issued_quantity(
    admin_client: Client, coupon: Coupon, make_member: Callable[..., User]
) -> None:
    form = filled_in(admin_client.get(change_url(coupon)))
    issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    before = Coupon.objects.values().get()
    sent = {"name": "new", "issued_quantity": 9, "reason": "오타"}
    answer = admin_client.post(change_url(coupon), form | sent)
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert Coupon.objects.values().get() == before | {"name": "new", "issued_quantity": 1}
    assert logged() == [("admin", f"Name: {before['name']} → new (오타)")]


def test_the_total_may_be_lowered_to_what_is_issued_and_no_further(
    admin_client: Client, coupon: Coupon, issued: IssuedCoupon, make_member: Callable[..., User]
) -> None:
    issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    form = filled_in(admin_client.get(change_url(coupon))) | {"reason": "예산"}
    with nothing_changes():
        answer = admin_client.post(change_url(coupon), form | {"total_quantity": 1})
    assert errors_on(answer) == {"total_quantity": ["2 are issued already."]}
    assert admin_client.post(change_url(coupon), form | {"total_quantity": 2}).status_code == 302
    coupon.refresh_from_db()
    assert (coupon.total_quantity, coupon.issued_quantity) == (2, 2)
    assert logged() == [("admin", "How many coupons: 30 → 2 (예산)")]


def test_coupons_issued_since_the_form_was_opened_are_an_error_of_the_form(
    admin_client: Client, coupon: Coupon, make_member: Callable[..., User]
) -> None:
    form = filled_in(admin_client.get(change_url(coupon)))
    for _ in range(2):
        issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    answer = admin_client.post(
        change_url(coupon), form | {"name": "x", "total_quantity": 1, "reason": "r"}
    )
    assert errors_on(answer) == {"total_quantity": ["2 are issued already."]}
    coupon.refresh_from_db()
    assert (coupon.total_quantity, coupon.issued_quantity) == (30, 2)
    assert coupon.name != "x"
    assert logged() == []


def test_terms_that_contradict_a_colleagues_change_are_an_error_of_the_form(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    coupon = make_coupon(discount_type="percent", discount_value=10)
    form = filled_in(admin_client.get(change_url(coupon)))
    change_coupon(coupon_id=coupon.pk, discount_type="fixed", discount_value=1_000)
    answer = admin_client.post(change_url(coupon), form | {"max_discount": 2_000, "reason": "r"})
    assert errors_on(answer) == {"max_discount": ["Only a percentage can be capped."]}
    coupon.refresh_from_db()
    assert (coupon.discount_type, coupon.max_discount) == ("fixed", None)


def test_who_may_only_look_changes_no_campaign(db: None, coupon: Coupon) -> None:
    browser = staff_client("coupons.view_coupon")
    assert browser.get(change_url(coupon)).status_code == 200
    with nothing_changes():
        assert browser.post(change_url(coupon), TERMS).status_code == 403
        assert browser.post(ADD, TERMS).status_code == 403


def test_campaigns_are_filtered_by_their_state(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    now = timezone.now()
    hour = timedelta(hours=1)
    make_coupon(name="open")
    make_coupon(name="gone", total_quantity=0)
    make_coupon(name="early", issue_starts_at=now + hour, issue_ends_at=now + 2 * hour)
    make_coupon(name="late", issue_starts_at=now - 2 * hour, issue_ends_at=now - hour)
    shown = {
        state: [row.name for row in admin_client.get(LIST, {"state": state}).context["cl"].queryset]
        for state in ("open", "upcoming", "ended", "sold_out")
    }
    assert shown == {
        "open": ["gone", "open"],
        "upcoming": ["early"],
        "ended": ["late"],
        "sold_out": ["gone"],
    }


# --- In one sentence ----------------------------------------------------------------------------

SENTENCE = (
    "10 % off, at most 5,000 won, on orders from 20,000 won, 30 coupons,"
    " from 1 Nov 2036, 10:00 until 8 Nov 2036, 10:00, valid 14 days."
)


# --- Moments that no database holds -------------------------------------------------------------

EARLY = ["0001-01-01", "0001-01-02", "1000-01-01", "1999-12-31"]
TOO_EARLY = ["A campaign is of the year 2000 or later."]


@pytest.mark.parametrize("name", ["issue_starts_at", "issue_ends_at"])
@pytest.mark.parametrize("day", EARLY)
def test_a_moment_of_long_ago_is_refused_in_words_by_every_form(
    admin_client: Client, make_coupon: Callable[..., Coupon], day: str, name: str
) -> None:
    coupon = make_coupon(name="upcoming", issue_starts_at=timezone.now() + timedelta(minutes=1))
    clone, opening = (f"{LIST}{coupon.pk}/{page}/" for page in ("clone", "open_now"))
    moment = {f"{name}_0": day, f"{name}_1": "00:00:00"}
    opened = {"until_0": day, "until_1": "00:00:00", "reason": "early"}
    change = filled_in(admin_client.get(change_url(coupon))) | {"reason": "early"}
    copied = {one: TERMS[one] for one in TERMS if one.startswith("issue_")} | {"name": "copy"}

    with nothing_changes():
        pages = [
            admin_client.post(ADD, TERMS | moment),
            admin_client.post(change_url(coupon), change | moment),
            admin_client.post(clone, copied | moment),
        ]
        refused = admin_client.post(opening, opened)
        said = sentence_of(admin_client, TERMS | moment)

    assert [errors_on(page)[name] for page in pages] == [TOO_EARLY] * 3
    assert errors_on(refused)["__all__"] == TOO_EARLY
    assert TOO_EARLY[0] in said


def sentence_of(browser: Client, form: dict[str, Any]) -> str:
    answer = browser.post(LIST + "sentence/", form)
    assert answer.status_code == 200
    return str(answer.json()["sentence"])


@pytest.mark.time_machine(datetime(2036, 11, 5, tzinfo=UTC))
def test_the_form_says_in_one_sentence_what_it_will_do(admin_client: Client) -> None:
    with nothing_changes():
        assert sentence_of(admin_client, TERMS) == SENTENCE
        fixed = {"discount_type": "fixed", "discount_value": 1_000, "max_discount": "",
                 "min_order_amount": 0, "total_quantity": 1, "valid_days": 1}  # fmt: skip
        assert sentence_of(admin_client, TERMS | fixed) == (
            "1,000 won off, 1 coupon, from 1 Nov 2036, 10:00 until 8 Nov 2036, 10:00, valid 1 day."
        )
    admin_client.post(ADD, TERMS)
    page = admin_client.get(change_url(Coupon.objects.get())).content.decode()
    assert f">{SENTENCE}</p>" in page
    assert "sentence.js" in admin_client.get(ADD).content.decode()


@pytest.mark.time_machine(datetime(2036, 11, 9, tzinfo=UTC))
def test_the_sentence_says_that_a_campaign_is_over(admin_client: Client) -> None:
    over = f"{SENTENCE} It is over: nothing is issued any more."
    assert sentence_of(admin_client, TERMS) == over


def test_the_sentence_says_what_is_wrong_or_missing(admin_client: Client) -> None:
    said = sentence_of(admin_client, TERMS | {"discount_value": 101, "name": ""})
    assert said == "Discount: A percentage is at most 100. Still to be filled in: Name."


def test_who_sees_no_campaigns_hears_no_sentence(db: None) -> None:
    assert staff_client().post(LIST + "sentence/", TERMS).status_code == 403
    assert Client().post(LIST + "sentence/", TERMS).status_code == 302


# --- Open, close, clone -------------------------------------------------------------------------


def closed(make_coupon: Callable[..., Coupon], days: int) -> Coupon:
    start = timezone.now() + timedelta(days=days)
    return make_coupon(issue_starts_at=start, issue_ends_at=start + timedelta(hours=1))


def until(moment: datetime) -> dict[str, str]:
    local = timezone.localtime(moment)
    return {"until_0": f"{local:%Y-%m-%d}", "until_1": f"{local:%H:%M:%S}", "reason": "시작"}


@pytest.mark.parametrize("days", [-2, 2], ids=["over", "upcoming"])
def test_a_campaign_is_opened_now(
    admin_client: Client, make_coupon: Callable[..., Coupon], member: User, days: int
) -> None:
    coupon = closed(make_coupon, days)
    page = f"{LIST}{coupon.pk}/"
    assert f"{page}open_now/" in admin_client.get(page + "change/").content.decode()
    end = timezone.now().replace(microsecond=0) + timedelta(hours=3)
    answer = admin_client.post(page + "open_now/", until(end))
    assert (answer.status_code, answer["Location"]) == (302, page + "change/")
    coupon.refresh_from_db()
    assert (coupon.is_open, coupon.issue_ends_at) == (True, end)
    assert issue_coupon(coupon_id=coupon.pk, user_id=member.pk).issue_number == 1
    ((_who, what),) = logged()
    assert what == f"Opened, until {moment(end)}: 시작"
    shown = admin_client.get(page + "change/").content.decode()
    assert ("/open_now/" in shown, "/close_now/" in shown) == (False, True)


def test_an_open_campaign_is_not_opened_and_an_end_in_the_past_is_refused(
    admin_client: Client, coupon: Coupon, make_coupon: Callable[..., Coupon]
) -> None:
    now = timezone.now()
    late = closed(make_coupon, 2)
    with nothing_changes():
        opened = admin_client.post(f"{LIST}{coupon.pk}/open_now/", until(now + timedelta(days=1)))
        past = admin_client.post(f"{LIST}{late.pk}/open_now/", until(now - timedelta(days=1)))
    assert errors_on(opened) == {"__all__": ["This coupon is being issued already."]}
    assert errors_on(past) == {"__all__": ["It must end after it starts."]}


def test_a_campaign_is_closed_now(
    admin_client: Client, coupon: Coupon, issued: IssuedCoupon, make_member: Callable[..., User]
) -> None:
    page = f"{LIST}{coupon.pk}/close_now/"
    with nothing_changes():
        assert admin_client.get(page).status_code == 200
        assert errors_on(admin_client.post(page)) == {"reason": ["This field is required."]}
    assert admin_client.post(page, {"reason": "오류"}).status_code == 302
    member = make_member()
    with nothing_changes(), pytest.raises(CouponNotOpen):
        issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    with nothing_changes():
        answer = admin_client.post(page, {"reason": "오류"})
    assert errors_on(answer) == {"__all__": ["This coupon is not being issued now."]}
    assert logged() == [("admin", "Closed with 1 issued: 오류")]


def test_a_clone_has_the_terms_and_has_issued_nothing(
    admin_client: Client, coupon: Coupon, issued: IssuedCoupon
) -> None:
    form = {"name": "겨울", "issue_starts_at_0": "2027-01-01", "issue_starts_at_1": "10:00:00",
            "issue_ends_at_0": "2027-01-02", "issue_ends_at_1": "10:00:00"}  # fmt: skip
    answer = admin_client.post(f"{LIST}{coupon.pk}/clone/", form)
    clone = Coupon.objects.latest("pk")
    assert (answer.status_code, answer["Location"]) == (302, change_url(clone))
    same = ("discount_type", "discount_value", "max_discount", "total_quantity", "valid_days")
    assert [getattr(clone, name) for name in same] == [getattr(coupon, name) for name in same]
    assert (clone.name, clone.issued_quantity) == ("겨울", 0)
    assert clone.issue_starts_at == datetime(2027, 1, 1, 1, tzinfo=UTC)
    assert logged() == [
        ("admin", f"Added as a clone of “{coupon}”."),
        ("admin", "Cloned as “겨울”."),
    ]


@pytest.mark.parametrize("action", ["open_now", "close_now", "clone"])
def test_who_may_only_look_neither_opens_nor_closes_nor_clones(
    db: None, coupon: Coupon, action: str
) -> None:
    browser = staff_client("coupons.view_coupon")
    assert f"/{action}/" not in browser.get(change_url(coupon)).content.decode()
    with nothing_changes():
        assert browser.get(f"{LIST}{coupon.pk}/{action}/").status_code == 403
        assert browser.post(f"{LIST}{coupon.pk}/{action}/", {"reason": "r"}).status_code == 403


# --- Issued coupons -----------------------------------------------------------------------------


def test_issued_coupons_are_filtered_by_their_status(
    admin_client: Client, issue: Callable[..., IssuedCoupon], client: APIClient, product: Any
) -> None:
    rows = {name: issue(name=name) for name in ("usable", "used", "expired", "revoked")}
    member_buys(client, product, 1, coupon=rows["used"].pk)
    moment = timezone.now()
    gone = IssuedCoupon.objects.filter(pk=rows["expired"].pk)
    gone.update(issued_at=moment - timedelta(days=2), expires_at=moment - timedelta(days=1))
    admin_client.post(revoke_url(rows["revoked"]), {"reason": "abuse"})
    shown = {
        status: [
            row.coupon.name
            for row in admin_client.get(ISSUED, {"status": status}).context["cl"].queryset
        ]
        for status in rows
    }
    assert shown == {status: [status] for status in rows}


@pytest.mark.parametrize("text", ["MINJI", "여름", "summer"])
def test_issued_coupons_are_found_by_campaign_or_member(
    admin_client: Client,
    make_coupon: Callable[..., Coupon],
    make_member: Callable[..., User],
    member: User,
    text: str,
) -> None:
    summer, other = make_coupon(name="여름 Summer"), make_coupon(name="other")
    issue_coupon(coupon_id=summer.pk, user_id=member.pk)
    issue_coupon(coupon_id=other.pk, user_id=make_member().pk)
    page = admin_client.get(ISSUED, {"q": text})
    assert [str(row) for row in page.context["cl"].result_list] == ["여름 Summer #1"]


def test_a_coupon_is_revoked_after_asking(admin_client: Client, issued: IssuedCoupon) -> None:
    with nothing_changes():
        assert admin_client.get(revoke_url(issued)).status_code == 200
        answer = admin_client.post(revoke_url(issued), {"reason": " "})
    assert errors_on(answer) == {"reason": ["This field is required."]}
    answer = admin_client.post(revoke_url(issued), {"reason": "악용"})
    page = f"{ISSUED}{issued.pk}/change/"
    assert (answer.status_code, answer["Location"]) == (302, page)
    issued.refresh_from_db()
    assert issued.status == IssuedCoupon.Status.REVOKED
    assert logged() == [("admin", "Coupon revoked: 악용")]
    assert "/revoke/" not in admin_client.get(page).content.decode()


def test_a_campaigns_issued_coupons_are_on_its_page_and_exported(
    admin_client: Client, issue: Callable[..., IssuedCoupon], coupon: Coupon, issued: IssuedCoupon
) -> None:
    issue(name="other")
    page = admin_client.get(change_url(coupon))
    (table,) = page.context["related_tables"]
    assert [str(row[1]) for row in table.rows] == ["minji"]
    assert table.more_url == f"{ISSUED}?coupon__id__exact={coupon.pk}"
    listed = admin_client.get(table.more_url)
    assert list(listed.context["cl"].result_list) == [issued]
    export = f"{ISSUED}export_csv/?coupon__id__exact={coupon.pk}"
    assert f'href="{export}"' in listed.content.decode()
    lines = b"".join(admin_client.get(export).streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    head = "coupon,issue_number,member,status,issued_at,expires_at,used_at,revoked_at"
    assert lines[0] == f"\ufeff{head}"
    assert len(lines) == 2
    assert lines[1].startswith(f"{coupon.name},1,minji,usable,")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("query", "filters", "count"),
    [
        ("", "–", 2),
        ("?coupon__id__exact={}&p=1", "coupon__id__exact={}", 1),
        ("?q=nobody", "q=nobody", 0),
    ],
)
def test_who_took_out_what_and_how_much_is_logged(
    admin_client: Client, issued: IssuedCoupon, issue: Callable[..., IssuedCoupon],
    kind: str, query: str, filters: str, count: int,
) -> None:  # fmt: skip
    issue(name="other")
    answer = admin_client.get(f"{ISSUED}export_{kind}/{query.format(issued.coupon_id)}")
    assert answer.status_code == 200
    said = f"Exported as {kind}; rows: {count}; filters: {filters.format(issued.coupon_id)}"
    assert logged() == [("admin", said)]
    list(answer.streaming_content)  # type: ignore[attr-defined]


def test_an_export_that_is_refused_is_none(db: None, issued: IssuedCoupon) -> None:
    browser = staff_client("coupons.view_coupon")
    with nothing_changes():
        assert browser.get(f"{ISSUED}export_csv/").status_code == 403
    assert logged() == []


def test_a_used_coupon_is_not_revoked(
    admin_client: Client, issued: IssuedCoupon, client: APIClient, product: Any
) -> None:
    member_buys(client, product, 1, coupon=issued.pk)
    with nothing_changes():
        answer = admin_client.post(revoke_url(issued), {"reason": "악용"})
    assert errors_on(answer) == {"__all__": ["This coupon is used."]}
    assert logged() == []


def test_who_may_only_look_revokes_no_coupon(db: None, issued: IssuedCoupon) -> None:
    browser = staff_client("coupons.view_issuedcoupon")
    page = browser.get(f"{ISSUED}{issued.pk}/change/")
    assert (page.status_code, "/revoke/" in page.content.decode()) == (200, False)
    with nothing_changes():
        assert browser.get(revoke_url(issued)).status_code == 403
        assert browser.post(revoke_url(issued)).status_code == 403
