"""GET /api/v1/products/?search="""

import unicodedata

import pytest

from ecommerce.tests.expectations import refusal, refused
from products.models import Product
from products.tests.test_product_list import URL, names

NAMES = {
    "tumbler": "스테인리스 텀블러 500ml",
    "mug": "ABC Mug ① Blue",
    "wide": "ＡＢＣ ﾏｸﾞ",
    "cotton": "100% Cotton",
    "bag": "snake_case bag",
    "tie": r"back\slash tie",
    "cup": """Tom's "best" cup; --""",
    "grin": "😀 sticker",
    "cool": "😎 sticker",
    "street": "Straße 7",
    "cafe": "café crème",
    "plain": "cafe creme",
    "istanbul": "İSTANBUL",
    "sigma": "ΟΔΥΣΣΕΥΣ",
    "laugh": "ㅋㅋㅠㅠ 인형",
    "bag2": "ㄱㅏ방",
    "half": "½ Ⅳ™ ﾃﾞｽｸ ２０",
    "family": "👩‍👧 ❤️ 스테인\u00ad리스",
    "spaced": "긴  소매\u3000셔츠",
    "apple": unicodedata.normalize("NFD", "사과 잼"),
    "marks": "!? ~*~",
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def catalogue(make_product):
    for name in NAMES.values():
        make_product(name=name)


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("텀블러", "tumbler"),
        ("블", "tumbler"),
        ("스 텀", "tumbler"),
        (unicodedata.normalize("NFD", "텀블러"), "tumbler"),
        ("텀 블러", ""),
        ("500ML", "tumbler"),
        ("mug", "mug"),
        ("MUG", "mug"),
        ("c m", "mug"),
        ("abc", "mug wide"),
        ("ａｂｃ", "mug wide"),
        ("マグ", "wide"),
        ("1 blue", "mug"),
        ("  blue  ", "mug"),
        ("%", "cotton"),
        ("100%", "cotton"),
        ("1%n", ""),
        ("_", "bag"),
        ("snake_c", "bag"),
        ("snake__", ""),
        ("\\", "tie"),
        ("k\\s", "tie"),
        ("\\%", ""),
        ("\\\\", ""),
        ("'", "cup"),
        ('"best"', "cup"),
        ("; --", "cup"),
        ("' OR 1=1 --", ""),
        ("*", "marks"),
        ("[a-z]", ""),
        ("😀", "grin"),
        ("😎", "cool"),
        ("🙂", ""),
        ("sticker", "grin cool"),
        ("strasse", "street"),
        ("STRASSE", "street"),
        ("straße", "street"),
        ("café", "cafe"),
        ("cafe", "plain"),
        ("텀블", "tumbler"),
        ("CRÈME", "cafe"),
        ("İstanbul", "istanbul"),
        ("istanbul", "istanbul"),
        ("stanbul", "istanbul"),
        ("οδυσσευς", "sigma"),
        ("ㅋㅋ", "laugh"),
        ("ㅋㅠ", "laugh"),
        ("ㅠㅠ 인", "laugh"),
        ("ㅋㅋㅋ", ""),
        ("ㅏ방", "bag2"),
        ("ㄱㅏ", "bag2"),
        ("가방", "bag2"),  # what it means, too
        ("½", "half"),
        ("1⁄2", "half"),
        ("ⅳ", "half"),
        ("iv", "half"),
        ("v™", "half"),
        ("ﾃﾞ", "half"),
        ("ﾞｽ", "half"),
        ("ﾃ", "half"),
        ("デスク", "half"),
        ("20", "half"),
        ("👩‍👧", "family"),
        ("👧 ❤", "family"),
        ("❤️", "family"),
        ("인리", "tumbler family"),
        ("긴 소매", "spaced"),
        ("소매  셔츠", "spaced"),
        ("과 잼", "apple"),
        (unicodedata.normalize("NFD", "사과"), "apple"),
        ("사고", ""),
        ("!?", "marks"),
        ("*~", "marks"),
        ("?!", ""),
        ("\u200d\u200b", " ".join(NAMES)),  # nothing is seen: not asked
        ("nothing like it", ""),
        ("\u3000", " ".join(NAMES)),  # blank: not asked
    ],
)
def test_a_part_of_the_name_finds_it_whatever_the_case(api, text, found):
    expected = [NAMES[key] for key in reversed(found.split())]

    assert names(api.get(URL, {"search": text, "page_size": 100})) == expected


def test_the_description_is_not_searched(api, make_product):
    make_product(name="cup", description="a tumbler")

    assert names(api.get(URL, {"search": "tumbler"})) == []


def test_a_renamed_product_is_found_by_its_new_name_only(api, product):
    product.name = "머그"
    product.save(update_fields=["name", "search_name"])

    assert names(api.get(URL, {"search": "머그"})) == ["머그"]
    assert names(api.get(URL, {"search": "텀블러"})) == []


def test_a_name_of_the_longest_letters_is_kept_whole(api, make_product):
    name = "ﷺ" * 200  # each becomes 18 letters

    make_product(name=name)

    assert len(Product.objects.get().search_name) == 3_600
    assert names(api.get(URL, {"search": "ﷺ" * 100})) == [name]


def test_a_text_is_as_long_as_it_is_shown(api, make_product):
    name = "가나다라마바사아자차" * 10  # 100 characters; 200 and more as some systems send them
    make_product(name=name)

    assert names(api.get(URL, {"search": unicodedata.normalize("NFD", name)})) == [name]
    answer = api.get(URL, {"search": name + "카"})
    assert refusal(answer) == refused(400, "max_length", "search")
