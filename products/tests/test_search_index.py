"""The full-text index behind a search: what it finds is what comparing every name finds."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from conftest import client_of
from products import pagination
from products.filters import ORDERINGS
from products.models import Category, Product
from products.pagination import ProductPagination
from products.search import (
    SCANNED,
    Counts,
    count_words,
    has_index,
    index_query,
    is_rare,
    readings,
    search_text,
    search_words,
    terms,
)
from products.services import create_product
from products.word_counts import FRESH_SECONDS, WordCounts

URL = "/api/v1/products/"
PIECES = [
    *("텀블러", "블루", "가", "나", "한글 이름", "ㄱㅏ", "ㅋㅋ", "ㅠ", "①", "ﬁ"),
    *(
        "a",
        "i",
        "A",
        "I",
        "is",
        "The",
        "in",
        "to",
        "Straße",
        "İ",
        "ǅ",
        "é",
        "e\u0301",
        "\u0323",
        "ℌ",
        "½",
        "Ⅳ",
        "™",
    ),
    *("ﾃﾞ", "ﾟ", "각", "ᄀ", "ᅡ", "ᆨ", "ς", "Σ", "ß", "ǰ", "ΐ", "\u00ad", "\u034f", "❤️", "¨", "ﷺ"),
    *("%", "_", "\\", "'", '"', '""', "+", "-", "*", "(", ")", "~", "<", ">", "@", "&", "|", ","),
    *(".", "/", ";", "#", ":", "😀", "😎🙂", "👩‍👧", "\u200d", "マグ", "ｶﾞ", "漢字", "Ωμέγα"),
    *(" ", "  ", "\u3000", "\u00a0", "\t", "0", "12", "500ml", "x", "þ", "ꭰ", "Ა", "א", "ก"),
]
OPERATORS = ["+a -b", '"ab', "ab*", "(ab", "~ab", "<ab", ">ab", '"ab cd"@2', "ab;--", "%ab", "a_b"]

names_ = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map("".join)
texts = st.one_of(names_, st.sampled_from(OPERATORS), st.text("abi가나텀블 +-\"*%_\\'", min_size=1))


@pytest.fixture
def _asked_at_once(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The index is asked as soon as there is one more product than the first."""
    settings.COSTLY_READ_SECONDS = 60
    monkeypatch.setattr(pagination, "word_counts", WordCounts())
    monkeypatch.setattr(ProductPagination, "scanned", 1)


asked_at_once = pytest.mark.usefixtures("_asked_at_once")
on_index = pytest.mark.skipif(
    "not __import__('products.search').search.has_index(__import__('django').db.connection)",
    reason="SQLite has no such index; that it finds the same is tested on all",
)


def _stripped(text: str) -> str:
    """As a form's field takes it."""
    return text.strip()


def _found(api: APIClient, **query: Any) -> list[str]:
    """Every name found, by following the pages."""
    answer = api.get(URL, query)
    found = []
    while True:
        assert answer.status_code == 200, answer.json()
        found += [product["name"] for product in answer.json()["results"]]
        if answer.json()["next"] is None:
            return found
        answer = api.get(answer.json()["next"])


@pytest.fixture
def committed(transactional_db: None) -> Iterator[Callable[[list[str]], None]]:
    """Replaces all products; committed, since the index knows nothing else."""

    def replace(names: list[str]) -> None:
        Product.objects.all().delete()
        Product.objects.bulk_create([Product(name=name, price=1) for name in names])

    return replace


# --- The same answers ---------------------------------------------------------------------------


@asked_at_once
@hypothesis_settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(names=st.lists(names_, min_size=2, max_size=6), text=texts)
@example(names=["a bag", "in a tin"], text="in")
@example(names=["aaa", "iii"], text="aa")
@example(names=["가나다", "나다가"], text="나다")
@example(names=["ab-cd", "abcd"], text="b-c")
@example(names=["ab cd", "abcd"], text="b c")
@example(names=["qЀz", "q𝟘z"], text="q")
def test_it_finds_what_comparing_the_folded_names_finds(
    names: list[str], text: str, committed: Callable[[list[str]], None]
) -> None:
    committed(names)
    text = _stripped(text)
    ways = readings(text)
    expected = sorted(
        name for name in names if not ways or any(way in search_text(name) for way in ways)
    )

    assert sorted(_found(client_of(), search=text, page_size=2)) == expected
    assert sorted(p.name for p in Product.objects.search(text)) == expected


shown = st.lists(st.sampled_from(PIECES), min_size=2, max_size=8).map("".join)


@asked_at_once
@hypothesis_settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=st.one_of(
        shown,
        st.text(
            st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
            min_size=2,
            max_size=12,
        ),
    )
)
@example(name="ㅋㅋㅠㅠ 인형")
@example(name="ㄱㅏ방")
@example(name="ﾏｸﾞ ﾃﾞｽｸ")
@example(name="ΟΔΥΣΣΕΥΣ")
@example(name="a\u0301\u0323\u0301")
@example(name=unicodedata.normalize("NFD", "각설탕 é"))
def test_every_part_of_two_characters_finds_the_name(
    name: str, committed: Callable[[list[str]], None]
) -> None:
    """As it was written, and as it is shown: in the one form as in the other."""
    committed([name, "다른 것", "another"])
    for form in {name, unicodedata.normalize("NFC", name)}:
        parts = {form[at : at + size] for size in (2, 3) for at in range(len(form) - size + 1)}
        for part in sorted(parts):
            text = _stripped(part)
            if readings(text):
                assert name in _found(client_of(), search=text), (name, part)


@asked_at_once
@pytest.mark.parametrize("ordering", ORDERINGS)
@pytest.mark.parametrize("filters", [{}, {"category": "tea"}, {"in_stock": "true"}])
def test_every_page_of_a_search_is_that_of_comparing_every_name(
    transactional_db: None, api: APIClient, ordering: str, filters: dict[str, str]
) -> None:
    tea = Category.objects.create(name="tea", slug="tea")
    for number in range(30):
        create_product(
            name=f"{'텀블러' if number % 3 else '머그'} {number % 7}",
            price=100 * (number % 4),
            stock=number % 2,
            category=tea if number % 5 else None,
        )
    products = Product.objects.all()
    if "category" in filters:
        products = products.filter(category=tea)
    if "in_stock" in filters:
        products = products.filter(stock__gt=0)
    sign = "-" if ordering.startswith("-") else ""
    named = [p.name for p in products.order_by(ordering, f"{sign}id") if "텀블" in p.name]
    assert len(named) > 9

    found = _found(api, search="텀블", ordering=ordering, page_size=3, **filters)

    assert found == named


@asked_at_once
def test_back_pages_of_a_search_are_the_same_as_forth(
    transactional_db: None, api: APIClient
) -> None:
    for number in range(9):
        create_product(name=f"텀블러 {number}", price=1, stock=0)
    first = api.get(URL, {"search": "블러", "page_size": 3}).json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()

    assert api.get(third["previous"]).json()["results"] == second["results"]
    assert api.get(second["previous"]).json()["results"] == first["results"]


@asked_at_once
def test_a_renamed_product_is_found_by_its_new_name_only(
    transactional_db: None, api: APIClient
) -> None:
    products = [create_product(name=f"텀블러 {n}", price=1, stock=0) for n in range(3)]
    products[0].name = "머그"
    products[0].save(update_fields=["name", "search_name"])
    products[1].delete()

    assert _found(api, search="텀블러") == ["텀블러 2"]
    assert _found(api, search="머그") == ["머그"]


def test_words_are_of_six_letters_and_digits_whatever_the_characters() -> None:
    assert search_words("텀블") == "Dw0Ceq Ceq00A"
    assert search_words("a b a b") == "01Z00W 00W01a 01a00W 00W01Z 01a00A"
    for name in [*PIECES, *OPERATORS, "".join(PIECES)]:
        assert all(re.fullmatch("[0-9A-Za-z]{6}", word) for word in search_words(name).split())


def test_the_index_is_asked_for_pairs_or_for_what_begins_with_one_character() -> None:
    assert index_query(["텀블"]) == "+Dw0Ceq"
    assert index_query(["텀블텀"]) == "+Dw0Ceq +CeqDw0"
    assert index_query(["텀"]) == "+Dw0*"
    assert index_query(["텀블", "텀"]) == "(+Dw0Ceq) (+Dw0*)"
    assert index_query(["x" * 100]) == "+01w01w"
    assert index_query(["0a1b2c3d4e5f6g7h8i9j"]).count("+") == 8


def test_the_index_is_asked_for_what_is_rare_as_far_as_that_is_known() -> None:
    first, last = terms("텀블러")
    assert index_query(["텀블러"], {first: 400, last: 50}) == f"+{last}"
    assert index_query(["텀블러"], {first: 40, last: 50}) == f"+{first} +{last}"
    assert index_query(["텀블러"], {first: 400, last: 500}) == f"+{first}"
    assert index_query(["텀블러"], {first: 2, last: 50}) == f"+{first}"
    assert index_query(["텀블러", "텀"], {"other": 2}) == f"(+{first}) (+{first[:3]}*)"

    assert is_rare(["텀블러"], {first: 3, last: 50})
    assert is_rare(["텀블러", "텀"], {"other": 50})
    assert not is_rare(["텀블러", "텀"], {f"{first[:3]}*": 4})
    assert not is_rare(["텀블러"], {first: 4, last: 50})
    assert not is_rare(["텀블러"], {})


def test_words_are_counted_by_name_and_by_what_they_begin_with() -> None:
    words = search_words("텀블텀")
    assert count_words([words, words, ""]) == {
        **dict.fromkeys(words.split(), 2),
        **dict.fromkeys({f"{word[:3]}*" for word in words.split()}, 2),
    }


def _create(name: str, pk: int) -> None:
    """A product of that id: the sample goes by ids, and a server's go on from test to test."""
    Product.objects.filter(pk=create_product(name=name, price=1).pk).update(id=pk)


@pytest.mark.django_db
def test_a_process_counts_the_words_of_a_sample_once_in_a_while() -> None:
    _create("텀블러", 1)
    counts = WordCounts()
    with CaptureQueriesContext(connection) as context:
        first = counts.read()
        _create("머그", 2)
        assert counts.read() is first
    assert first == count_words([search_words("텀블러")])
    assert sum("search_words" in one["sql"] for one in context if "SELECT" in one["sql"]) >= 1
    counts._counted_at -= FRESH_SECONDS
    assert counts.read() == count_words([search_words("텀블러"), search_words("머그")])


# --- When the index is asked --------------------------------------------------------------------


def _statements(api: APIClient, query: dict[str, Any]) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as context:
        assert api.get(URL, query).status_code == 200
    return [captured["sql"] for captured in context]


@on_index
@asked_at_once
def test_the_index_is_asked_only_for_a_page_that_the_stretch_does_not_fill(
    transactional_db: None, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        create_product(name=f"텀블러 {number}", price=1, stock=0)
    counts: Counts = {}
    monkeypatch.setattr(WordCounts, "read", lambda self: counts)

    def asked(**query: Any) -> list[bool]:
        return ["MATCH" in sql for sql in _statements(api, query)]

    assert asked() == [False]
    assert asked(search="텀블") == [False, False, True]
    assert asked(search="텀") == [False, False, True]
    assert asked(search="😀") == [False, False, True]
    monkeypatch.setattr(ProductPagination, "scanned", 4)
    assert asked(search="텀블", page_size=2) == [False, False]  # filled
    assert asked(search="텀블", page_size=5) == [False, False, True]
    monkeypatch.setattr(ProductPagination, "scanned", 6)
    assert asked(search="머그") == [False, False]  # the list ends before the stretch does
    counts = count_words([search_words("텀블러")] * 4)
    monkeypatch.setattr(ProductPagination, "scanned", 4)
    assert asked(search="텀블", page_size=5) == [False, False, True]
    assert asked(search="머그") == [False, True]  # rare: at once


@on_index
def test_the_index_is_used_when_it_is_asked(transactional_db: None) -> None:
    create_product(name="텀블러", price=1, stock=0)
    found = Product.objects.filter(search_words__among_indexed=index_query(["텀블러"]))

    assert "product_words_fulltext" in found.explain()


def _fulltext_indexes() -> int:
    if not has_index(connection):
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SHOW INDEX FROM products_product WHERE Index_type = 'FULLTEXT'")
        return len(cursor.fetchall())


def test_the_migration_goes_back_and_forth(transactional_db: None) -> None:
    product = create_product(name="ㅋㅋ in a bag", price=1, stock=0)
    try:
        call_command("migrate", "products", "0006", verbosity=0)
        with connection.cursor() as cursor:  # as it was written then
            cursor.execute("UPDATE products_product SET search_name = 'ᄏᄏ in a bag'")
    finally:
        call_command("migrate", verbosity=0)
    assert _fulltext_indexes() == int(has_index(connection))
    product.refresh_from_db()
    assert product.search_name == search_text("ㅋㅋ in a bag")
    assert product.search_words == search_words("ㅋㅋ in a bag")


@pytest.mark.django_db
def test_staff_find_by_the_index_among_many_products_only() -> None:
    assert "MATCH" not in str(Product.objects.search_all("텀블러").query)
    with mock.patch("products.models.SCANNED", -0):
        create_product(name="텀블러", price=1, stock=0)
        query = str(Product.objects.search_all("텀블러").query)
        assert ("MATCH" in query) == has_index(connection)
        query = str(Product.objects.search_all("텀").query)
        assert ("MATCH" in query) == has_index(connection)
    assert SCANNED == 3_000
