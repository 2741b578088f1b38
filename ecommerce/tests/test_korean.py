"""The back office in Korean, as Korean staff say it; and what one writes, others read in theirs."""

from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import translation
from django.utils.html import strip_tags

from common.admin.particles import with_particles
from coupons.models import Coupon
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import filled_in, staff_client
from orders.models import Order
from products.models import Category, Product, StockAdjustment
from products.services import create_product
from products.tests.importing import confirm, upload
from scripts.messages import BOTH_PARTICLES, problems
from users.models import User

pytestmark = pytest.mark.django_db

KOREAN, ENGLISH = {"Accept-Language": "ko"}, {"Accept-Language": "en"}


def read(browser: Client, path: str, language: dict[str, str] = KOREAN) -> str:
    """What is written on a page of the back office, in one line."""
    answer = browser.get(f"/admin/{path}", headers=language, follow=True)
    assert answer.status_code == 200, path
    return " ".join(unescape(strip_tags(answer.content.decode())).split())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "products/product/add/",
            [
                "저장하고 하나 더 추가",
                "저장 후 계속 편집",
                "판매 중",
                "판매 중인 상품만 고객에게 보이고 구매할 수 있습니다",
                "기기 설정에 맞춤",
            ],
        ),
        ("products/product/", ["상품 목록", "판매 중", "품절", "상품 1,200개"]),
        ("products/product/import/", ["이번 가져오기의 이름"]),
        (
            "products/product/import/",
            [
                "판매여부: 판매 여부입니다. 예 또는 아니오로 적습니다",
                "상품코드: ",
                "상품명, 가격: ",
            ],
        ),
        ("products/category/", ["카테고리 9개"]),
        ("orders/order/", ["주문 목록", "주문 일시", "상태", "2026년 11월 26일 오전 11:35"]),
        ("admin/logentry/", ["작업 기록", "일시", "대상", "종류"]),
        (
            "password_change/",
            ["현재 비밀번호를 입력한 뒤 새 비밀번호를 두 번 입력하세요", "현재 비밀번호"],
        ),
        ("auth/group/", ["쇼핑몰 관리자", "고객 지원", "분석 담당", "그룹 3개"]),
        ("auth/group/add/", ["상품 추가", "주문 조회", "회원 조회"]),
    ],
)
def test_pages_say_what_staff_would(
    admin_client: Client, make_member: Callable[..., User], path: str, said: list[str]
) -> None:
    Product.objects.bulk_create(Product(name=f"컵 {n}", price=1) for n in range(1_200))
    Category.objects.bulk_create(Category(name=f"{n}", slug=f"{n}") for n in range(9))
    make_order(make_member())
    admin_client.get("/admin/products/category/export_csv/")
    page = read(admin_client, path)
    for text in said:
        assert text in page
    assert "(으)로" not in page
    assert "을(를)" not in page


def make_order(member: User) -> Order:
    moment = datetime(2026, 11, 26, 2, 35, 9, tzinfo=UTC)
    return Order.objects.create(
        number="ORD-1",
        user=member,
        subtotal=0,
        discount=0,
        total=0,
        day=moment.date(),
        created_at=moment,
    )


def test_the_page_of_an_order_is_there_to_be_seen(make_member: Callable[..., User]) -> None:
    order = make_order(make_member())
    assert "주문 보기" in read(
        staff_client("orders.view_order"), f"orders/order/{order.pk}/change/"
    )


def test_the_page_of_a_product(admin_client: Client, product: Product) -> None:
    page = read(admin_client, f"products/product/{product.pk}/change/")
    assert "변경 이력" in page
    assert "파일이나 다른 시스템에서 이 상품을 구분하는 코드입니다" in page
    assert "변경 이력" in read(admin_client, f"products/product/{product.pk}/history/")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("products/product/9999/change/", "해당 상품을 찾을 수 없습니다"),
        ("products/category/9999/change/", "해당 카테고리를 찾을 수 없습니다"),
        ("orders/order/9999/change/", "해당 주문을 찾을 수 없습니다"),
    ],
)
def test_what_is_not_there_is_named_with_its_particle(
    admin_client: Client, path: str, said: str
) -> None:
    assert said in read(admin_client, path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("상품을(를) 카테고리을(를) ‘컵’을(를)", "상품을 카테고리를 ‘컵’을"),
        ("가격이(가) 3이(가) 2이(가)", "가격이 3이 2가"),
        ("서울(으)로 부산(으)로 제주(으)로 10(으)로 1(으)로", "서울로 부산으로 제주로 10으로 1로"),
        ("SKU을(를) (으)로", "SKU을(를) (으)로"),
    ],
)
def test_particles_follow_how_a_word_ends(text: str, said: str) -> None:
    assert with_particles(text) == said


def test_nothing_that_is_saved_or_refused_leaves_a_particle_open(
    admin_client: Client, product: Product
) -> None:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    Category.objects.create(name="컵", slug="cup")
    category = "/admin/products/category/"
    taken = admin_client.post(f"{category}add/", {"name": "컵", "slug": "cup"})
    for said in ("다른 카테고리에서 이미 사용 중인 이름입니다.", "이미 사용 중인 슬러그입니다."):
        assert said in unescape(taken.content.decode())
    assert Category.objects.count() == 1

    listed = "/admin/products/product/"
    rows = form_on(admin_client.get(listed))
    sent = filled(rows, reason="인상", _save="저장", **{"form-0-price": "1,234"})
    changed = admin_client.post(listed, sent, follow=True)
    assert "상품 1개를 변경했습니다." in changed.content.decode()
    product.refresh_from_db()
    assert product.price == 1_234

    page = f"{listed}{product.pk}/change/"
    form = filled(form_on(admin_client.get(page)), reason="정리", category="999")
    file = "sku,name,price,stock_adjustment,is_active\nA,,x,y,z\nB,,12.900,#N/A,#N/A\n"
    (used,) = Category.objects.all()
    answers = {
        "taken": taken,
        "saved": changed,
        "no such category": admin_client.post(page, form),
        "not there": admin_client.get(f"{category}999/change/", follow=True),
        "nothing typed": admin_client.post(f"{category}add/", {}),
        "asked to delete": admin_client.get(f"{category}{used.pk}/delete/"),
        "imported": upload(admin_client, file),
        "deleted": admin_client.post(f"{category}{used.pk}/delete/", {"post": "yes"}, follow=True),
        "password": admin_client.post("/admin/password_change/", {"old_password": "x"}),
        "login": Client().post("/admin/login/", {"username": "x", "password": "x"}),
    }
    for act, answer in answers.items():
        shown = " ".join(unescape(strip_tags(answer.content.decode())).split())
        assert BOTH_PARTICLES.findall(shown) == [], act
    assert "정수가 아닌 값입니다" in answers["imported"].content.decode()


def test_a_text_that_leaves_a_particle_open_is_no_translation() -> None:
    catalog = Catalog(locale="ko")
    for text, said in {
        "a": "%(a)s은/는 있습니다",
        "b": "%(b)s를(을) 봅니다",
        "c": "%(c)s을(를)",
    }.items():
        catalog.add(text, said.replace("%", ""))
    wrong = [one for one in problems(catalog) if "both particles" in one]
    assert len(wrong) == 2  # the third is settled when it is said


def test_a_preview_says_what_is_changed_and_what_is_skipped(admin_client: Client) -> None:
    create_product(name="컵", price=100, sku="CUP")
    create_product(name="병", price=100, sku="JAR", stock=3)
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    preview = upload(admin_client, "sku,name,price,stock\nCUP,,200,\nJAR,,100,9\nNEW,차,1,\n")
    shown = [row[0] for row in preview.context["result"].rows]
    assert shown == ["변경", "건너뜀", "신규"]


# --- What one writes, others read in their language ----------------------------------------------


def logged(language: dict[str, str]) -> list[str]:
    """What the list of the log tells a reader of a language, oldest first."""
    browser = staff_client("admin.view_logentry")
    answer = browser.get("/admin/admin/logentry/", headers=language)
    model_admin = answer.context["cl"].model_admin
    page = read(browser, "admin/logentry/", language)
    with translation.override(language["Accept-Language"]):
        told = [model_admin.what(entry) for entry in answer.context["cl"].result_list[::-1]]
    assert all(text in page for text in told)
    return told


def test_a_change_is_told_to_each_in_their_language(admin_client: Client, product: Product) -> None:
    path = f"/admin/products/product/{product.pk}/change/"
    form = {
        **filled_in(admin_client.get(path, headers=KOREAN)),
        "price": "1500",
        "reason": '"세일"',
    }
    form.pop("is_active")
    assert admin_client.post(path, form, headers=KOREAN).status_code == 302

    old = f"{product.price:,}"
    assert logged(ENGLISH) == [f'Price (won): {old} → 1,500; Active: yes → no ("세일")']
    assert logged(KOREAN) == [f'가격(원): {old} → 1,500; 판매 중: 예 → 아니요 ("세일")']
    history = f"products/product/{product.pk}/history/"
    assert "판매 중: 예 → 아니요" in read(admin_client, history, KOREAN)
    assert "Active: yes → no" in read(admin_client, history, ENGLISH)
    entry = LogEntry.objects.get()
    assert "판매" not in entry.change_message
    for text in ("세일", '"세일"', "price"):
        found = admin_client.get("/admin/admin/logentry/", {"q": text}).context["cl"].result_list
        assert list(found) == [entry], text


def test_acts_are_told_to_each_in_their_language(
    admin_client: Client, product: Product, coupon: Coupon
) -> None:
    stock = f"/admin/products/product/{product.pk}/adjust_stock/"
    admin_client.post(stock, {"quantity": "5", "reason": "납품"}, headers=KOREAN)
    opened = f"/admin/coupons/coupon/{coupon.pk}/close_now/"
    admin_client.post(opened, {"reason": "끝"}, headers=ENGLISH)
    admin_client.get("/admin/products/category/export_csv/", headers=KOREAN)

    total = f"{product.stock + 5:,}"
    assert logged(ENGLISH) == [
        f"Stock adjusted by +5 to {total}: 납품",
        "Closed with 0 issued: 끝",
        "Exported as csv; rows: 0; filters: –",
    ]
    assert logged(KOREAN) == [
        f"재고를 +5 조정하여 {total}개가 되었습니다: 납품",
        "0장을 발급하고 종료했습니다: 끝",
        "0행을 csv 파일로 내보냄, 필터: –",
    ]
    assert "categories" in read(admin_client, "admin/logentry/", ENGLISH)
    assert "categories" not in read(admin_client, "admin/logentry/", KOREAN)


def test_an_import_is_told_to_each_in_their_language(admin_client: Client) -> None:
    product = create_product(name="컵", price=100, sku="CUP")
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    file = "sku,price,is_active,stock_adjustment\nCUP,200,no,3\n"
    confirm(admin_client, upload(admin_client, file, name="납품 1"))

    product.refresh_from_db()
    assert (product.price, product.stock) == (200, 3)
    assert logged(ENGLISH) == [
        "price (won): 100 → 200; active: yes → no; stock adjusted by +3 to 3 (import: 납품 1)"
    ]
    assert logged(KOREAN) == [
        "가격(원): 100 → 200; 판매 중: 예 → 아니요; 재고를 +3 조정하여 3개 (가져오기: 납품 1)"
    ]
    for path in ("products/stockadjustment/", f"products/product/{product.pk}/change/"):
        assert "가져오기: 납품 1" in read(admin_client, path, KOREAN)
        assert "import: 납품 1" in read(admin_client, path, ENGLISH)
    imports = "products/importfile/"
    assert "신규 0건, 변경 1건, 그대로 0건" in read(admin_client, imports, KOREAN)
    assert "Imported: 0 new, 1 changed, 0 as they were." in read(admin_client, imports, ENGLISH)


@pytest.mark.parametrize(
    "written",
    ["a sentence of before", '{"text": broken', '{"text": 1}', '{"text": "x", "values": 3}', ""],
)
def test_what_was_logged_otherwise_is_shown_as_it_is(
    admin_client: Client, admin_user: User, written: str
) -> None:
    LogEntry.objects.create(
        user=admin_user, object_repr="one", action_flag=2, change_message=written
    )
    assert logged(KOREAN) == [written]
    assert logged(ENGLISH) == [written]


def test_a_group_is_told_to_each_in_their_language(
    admin_client: Client, make_member: Callable[..., User]
) -> None:
    Group.objects.create(name="주말 조")
    member = make_member()
    path = f"/admin/users/user/{member.pk}/change/"
    page = admin_client.get(path, headers=KOREAN)
    form: dict[str, Any] = filled_in(page)
    groups = [group.pk for group in Group.objects.filter(name__in=["support", "주말 조"])]
    form |= {"groups": groups, "is_staff": "on", "reason": "입사"}
    assert admin_client.post(path, form, headers=KOREAN).status_code == 302

    assert list(member.groups.values_list("pk", flat=True)) == groups
    assert logged(ENGLISH) == ["Staff status: no → yes; Groups: – → support, 주말 조 (입사)"]
    assert logged(KOREAN) == ["직원: 아니요 → 예; 그룹: – → 고객 지원, 주말 조 (입사)"]
    assert "고객 지원" in read(admin_client, f"users/user/{member.pk}/change/")


def test_a_groups_page_and_its_entries_are_told_to_each_in_their_language(
    admin_client: Client,
) -> None:
    group = Group.objects.get(name="support")
    path = f"/admin/auth/group/{group.pk}/change/"
    page = admin_client.get(path, headers=KOREAN)
    form = {**filled_in(page), "permissions": [], "reason": "정리"}
    assert admin_client.post(path, form, headers=KOREAN).status_code == 302
    trail = "그룹 chevron_right 고객 지원"
    assert trail in read(admin_client, path.removeprefix("/admin/"), KOREAN)
    assert "Support" not in read(admin_client, path.removeprefix("/admin/"), KOREAN)
    browser = staff_client("admin.view_logentry")
    for language, kind, name in ((KOREAN, "그룹", "고객 지원"), (ENGLISH, "group", "support")):
        page = browser.get("/admin/admin/logentry/", headers=language)
        with translation.override(language["Accept-Language"]):
            (entry,) = page.context["cl"].result_list
            model_admin = page.context["cl"].model_admin
            assert (model_admin.kind(entry), model_admin.about(entry)) == (kind, name)
    group.refresh_from_db()
    assert group.name == "support"


def test_the_opening_stock_is_told_to_each_in_their_language(
    admin_client: Client, admin_user: User
) -> None:
    product = create_product(name="컵", price=100, stock=7, staff_id=admin_user.pk)
    for path in ("products/stockadjustment/", f"products/product/{product.pk}/change/"):
        assert "초기 재고" in read(admin_client, path, KOREAN)
        assert "opening stock" not in read(admin_client, path, KOREAN)
        assert "opening stock" in read(admin_client, path, ENGLISH)
    assert StockAdjustment.objects.get().reason == "opening stock"
    answer = admin_client.get("/admin/products/stockadjustment/export_csv/", headers=KOREAN)
    lines = b"".join(answer).decode("utf-8-sig").splitlines()  # type: ignore[arg-type]
    assert lines[0].split(",")[3] == "reason"
    assert lines[1].split(",")[3] == "초기 재고"


def test_what_a_colleague_did_meanwhile_is_told_in_the_readers_language(
    admin_client: Client, product: Product
) -> None:
    path = f"/admin/products/product/{product.pk}/change/"
    page = admin_client.get(path, headers=ENGLISH)
    mine = {**filled_in(page), **form_on(page), "price": "7", "reason": "mine"}
    theirs = {**filled_in(admin_client.get(path, headers=KOREAN)), "price": "9", "reason": "세일"}
    assert admin_client.post(path, theirs, headers=KOREAN).status_code == 302
    english = unescape(admin_client.post(path, mine, headers=ENGLISH).content.decode())
    assert f"Price (won): {product.price:,} → 9 (세일)" in english
    assert "Nothing was saved. To put yours in its place, save once more." in english
    korean = unescape(admin_client.post(path, mine, headers=KOREAN).content.decode())
    assert f"가격(원): {product.price:,} → 9 (세일)" in korean
    assert "아무것도 저장하지 않았습니다. 입력한 값으로 바꾸려면 한 번 더 저장하세요." in korean
    product.refresh_from_db()
    assert product.price == 9
