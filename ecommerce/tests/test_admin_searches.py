"""Staff's searches find a text whatever its case and form, in every list that has a search.

The kind: a database's own idea of case. SQLite's ends with ASCII, MySQL's differs by the column.
"""

from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from coupons.models import Coupon
from ecommerce.models import AuditRun
from products.models import Category, Product
from products.services import create_product
from users.models import User
from users.services import charge_wallet

pytestmark = pytest.mark.django_db(transaction=True)

PAIRS = [
    ("Ärzte", "ÄRZTE"),
    ("Ωμέγα", "ωμέγα"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ("οδυσσευς", "ΟΔΥΣΣΕΥΣ"),
    ("Страна", "сТРАНА"),
    ("Straße", "STRASSE"),
    ("İstanbul", "istanbul"),
    ("café", normalize("NFD", "CAFÉ")),
    ("민지", normalize("NFD", "민지")),
    ("Älg", "äLG"),
    ("MiNJi", "minji"),
]


def found(browser: Client, model: Any, text: str) -> list[Any]:
    opts = model._meta
    answer = browser.get(f"/admin/{opts.app_label}/{opts.model_name}/", {"q": text})
    assert answer.status_code == 200, text
    return list(answer.context["cl"].result_list)


@pytest.mark.parametrize(("stored", "typed"), PAIRS)
def test_a_search_ignores_case(
    admin_client: Client,
    admin_user: User,
    make_coupon: Callable[..., Coupon],
    stored: str,
    typed: str,
) -> None:
    member = User.objects.create(username=stored, email="someone@example.com")
    entry = charge_wallet(user_id=member.pk, amount=1_000).value
    coupon = make_coupon(name=f"{stored} 쿠폰")
    category = Category.objects.create(name=stored, slug="one")
    group = Group.objects.create(name=stored)
    product = create_product(name=f"x{stored}x", price=1)
    run = AuditRun.objects.create(violation_count=0, seconds=1, text=stored)
    log = LogEntry.objects.create(
        user=admin_user,
        content_type=ContentType.objects.get_for_model(User),
        object_id="1",
        object_repr="one",
        action_flag=CHANGE,
        change_message=stored,
    )
    User.objects.create(username="somebody")
    make_coupon(name="other")

    for one in [member, entry, member.wallet, coupon, category, group, product, log, run]:
        assert found(admin_client, type(one), typed) == [one], type(one)
        assert found(admin_client, type(one), stored) == [one], type(one)
        assert found(admin_client, type(one), typed + "zz") == [], type(one)


def test_each_word_is_found_by_itself(admin_client: Client, make_coupon: Any) -> None:
    coupon = make_coupon(name="Ärzte mögen  Äpfel")
    for text in ["äPFEL ärzte", "  MÖGEN\tÄrzte ", "ä"]:
        assert found(admin_client, Coupon, text) == [coupon]
    assert found(admin_client, Coupon, "äpfel birnen") == []
    for text in ["%", "_", "\\", "'", '"', "*"]:
        assert found(admin_client, Coupon, text) == []


@pytest.mark.parametrize("typed", ["KR-1", "kr-1", " KR-1 "])
def test_a_whole_short_sku_finds_its_product_beside_names(admin_client: Client, typed: str) -> None:
    whole = create_product(name="케이블", price=1, sku="KR-1")
    create_product(name="긴 케이블", price=1, sku="KR-10")
    named = create_product(name="KR-1용 가방", price=1, sku="BAG-KR1")

    assert found(admin_client, Product, typed) == [named, whole]
    assert found(admin_client, Product, "BAG-KR") == [named]
    assert found(admin_client, Product, "bag-kr1") == [named]
    assert found(admin_client, Product, "케이블") == [
        *Product.objects.filter(name__contains="케이블").order_by("-id")
    ]


@pytest.mark.parametrize("typed", ["GALAXY", "galaxy-7", "GALAXY-"])
def test_the_beginning_of_a_sku_hides_no_names(admin_client: Client, typed: str) -> None:
    coded = create_product(name="휴대전화", price=1, sku="GALAXY-7")
    named = [create_product(name=f"{n} Galaxy-7 case", price=1) for n in range(2)]
    create_product(name="Galax", price=1, sku="GALAX-7")

    assert found(admin_client, Product, typed) == [*reversed(named), coded]
    coded.delete()
    assert found(admin_client, Product, typed) == [*reversed(named)]


def test_a_sku_is_found_as_it_is_written_in_capitals_or_in_small_letters(
    admin_client: Client,
) -> None:
    """On every database alike: SQLite's LIKE ignores the case of ASCII, MySQL's doesn't."""
    mixed, capital, small = (
        create_product(name="컵", price=1, sku=sku) for sku in ("Kr-77_a", "KR-77_A", "kr-77_a")
    )
    create_product(name="컵", price=1, sku="kr-77xa")  # to LIKE "_" is any letter

    assert found(admin_client, Product, "Kr-77_") == [small, capital, mixed]
    for typed in ("KR-77_", "kr-77_", "kR-77_", "KR-77_a"):
        assert found(admin_client, Product, typed) == [small, capital], typed


def test_two_spaces_between_words_are_one(admin_client: Client) -> None:
    product = create_product(name="긴  소매 셔츠", price=1)
    for text in ["긴 소매", "소매   셔츠", "긴\u3000소매"]:
        assert found(admin_client, Product, text) == [product]
