"""POST /api/v1/auth/signup/"""

import unicodedata
from unittest.mock import ANY

import pytest
from django.db import IntegrityError

from ecommerce.tests.expectations import nothing_changes, refusal, refused
from users.errors import UsernameTaken
from users.models import User, Wallet
from users.services import members

URL = "/api/v1/auth/signup/"
PASSWORD = "correct horse battery"

pytestmark = pytest.mark.django_db


def sign_up(api, **changes):
    """Send a good request with these fields changed; those that are None are left out."""
    body = {"username": "minji", "password": PASSWORD} | changes
    return api.post(URL, {name: value for name, value in body.items() if value is not None})


def test_anyone_signs_up_with_a_name_a_password_and_an_email(api):
    answer = sign_up(api, email="minji@example.com")

    user = User.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {"id": user.pk, "username": "minji", "email": "minji@example.com"}
    assert (user.username, user.email) == ("minji", "minji@example.com")
    assert user.check_password(PASSWORD)
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)


def test_a_new_member_has_an_empty_wallet(api):
    sign_up(api)

    assert list(Wallet.objects.values_list("user__username", "balance")) == [("minji", 0)]


def test_the_email_may_be_left_out_or_blank(api):
    assert sign_up(api).json()["email"] == ""
    assert sign_up(api, username="haneul", email="").json()["email"] == ""


def test_emails_need_not_be_unique_and_their_domain_is_in_small_letters(api):
    first = sign_up(api, email="Family@EXAMPLE.com")
    second = sign_up(api, username="haneul", email="Family@example.com")

    assert [first.json()["email"], second.json()["email"]] == ["Family@example.com"] * 2


def test_a_token_that_comes_along_is_not_looked_at(api):
    api.credentials(HTTP_AUTHORIZATION="Bearer garbage")

    assert sign_up(api).status_code == 201


@pytest.mark.parametrize("name", ["민지", "김민지_2", "a@b+c-d", "x" * 150])
def test_names_are_letters_digits_and_a_few_signs(api, name):
    assert sign_up(api, username=name).json()["username"] == name


def test_a_name_is_trimmed(api):
    assert sign_up(api, username="  minji\n").json()["username"] == "minji"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("ｍｉｎｊｉ", "minji"),
        ("ﬁsh", "fish"),
        (unicodedata.normalize("NFD", "민지"), "민지"),
        ("①②", "12"),
    ],
)
def test_look_alikes_of_a_name_are_that_name(api, sent, stored):
    assert sign_up(api, username=sent).json()["username"] == stored
    with nothing_changes():
        assert refusal(sign_up(api, username=stored)) == refused(400, "unique", "username")
        assert refusal(sign_up(api, username=sent)) == refused(400, "unique", "username")


def test_names_that_differ_in_an_accent_are_different_names(api):
    for name in ("minji", "mínji", "minjî"):
        assert sign_up(api, username=name).status_code == 201


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("minji", "Minji"),
        ("MINJI", "minji"),
        ("minji", "ＭＩＮＪＩ"),
        ("Straße", "STRASSE"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("ＡB", "aｂ"),
        ("ﬁsh", "FISH"),
        ("mapio", "ΜΑΡΙΟ"),  # Greek capitals that look like Latin ones
        ("coca", "соса"),  # Cyrillic
        ("bob", "ВОВ"),
        ("bob", "ЬОЬ"),
        ("HOT", "ΗΟΤ"),
        ("ΗΟΤ", "hot"),
        ("admin", "admın"),  # no dot
        ("admin", "ADMİN"),  # two
        ("admin", "ɑdmin"),
        ("aesop", "æsop"),
        ("ヘロ", "へロ"),  # Katakana, Hiragana
        ("ベン", "べン"),
        ("ペン", "ぺン"),
        ("カ山", "力山"),  # and Han
        ("二コ", "ニコ"),
        ("ロロ", "口口"),
        ("ハト", "八卜"),
        ("工夕", "エタ"),
        ("一", "ー"),
        ("一", "ㅡ"),  # and Hangul
        ("minji-", "minjiㅡ"),  # and Latin
        ("minjil", "minjiㅣ"),
        ("minji丨", "minjil"),
        ("ㅣㅣ", "丨丨"),
        ("lㅋㅋ", "ㅣㅋㅋ"),
        ("ㅋㅋ", "\u11bf\u11bf"),  # of another place in the syllable
        ("ㅇㅇ", "oo"),
        ("ㅁ", "口"),
        ("ㄲ", "ㄱㄱ"),
        # What Unicode's list does not have.
        ("ㄧ", "一"),  # Bopomofo
        ("ㄖ木", "曰木"),  # and Han letters of the same strokes
        ("セ山", "七山"),
        ("メ丶", "乂ヽ"),
        ("ホ村", "木村"),
        ("サクラ", "艹クラ"),  # a part of a letter
        ("ㄴee", "Lee"),
        ("ㅜom", "丅om"),
        ("ㅌlㅣa", "Ella"),
        ("ㅐㅣ", "hl"),
        ("ㄷㄷ", "匚匚"),
        ("ㅈㄱ", "スフ"),
    ],
)
def test_names_that_differ_in_case_or_width_or_only_look_alike_are_one(api, first, second):
    assert sign_up(api, username=first).status_code == 201
    with nothing_changes():
        assert refusal(sign_up(api, username=second)) == refused(400, "unique", "username")
    assert User.objects.get().username == unicodedata.normalize("NFKC", first)


HONEST = [
    *("Иван", "Анна", "Μαρία", "Νίκος", "محمد", "соса", "김민지minji99", "김민지", "ㅋㅋ민지"),
    *(
        "さくらサクラ桜",
        "さくらさくら桜",
        "山田太郎",
        "山田次郎",
        "ギター",
        "ヘルプ",
        "一二三",
        "minji1",
        "minjil",
        "minji0",
    ),
    *("minjio", "가나다", "가나라"),
]


def test_names_of_every_script_are_good_beside_each_other(api):
    for name in HONEST:
        stored = unicodedata.normalize("NFKC", name)
        assert sign_up(api, username=name).json() == {"id": ANY, "username": stored, "email": ""}


@pytest.mark.parametrize("name", ["νονο", "ΝΟΝΟ", "ΝΙΚΟ"])
def test_no_name_looks_like_two_of_latin_letters(api, name):
    """A small "ν" is a "v", a capital "Ν" an "N": which name it imitates depends on the case."""
    with nothing_changes():
        assert refusal(sign_up(api, username=name)) == refused(400, "invalid", "username")


@pytest.mark.parametrize(
    "name", ["pᴀypal", "ƿaypal", "ꜱhop", "ǀeader", "민지ɪ", "ᴘᴀʏᴘᴀʟ", "minȷi", "mꟾnji", "minˍji"]
)
def test_no_name_has_letters_of_phonetics_or_of_old_writings(api, name):
    """UTS 39 restricts them: nobody's name is written so, and they look like others."""
    with nothing_changes():
        assert refusal(sign_up(api, username=name)) == refused(400, "invalid", "username")


@pytest.mark.parametrize(
    "name",
    [
        *("Søren", "Łukasz", "Þóra", "Əli", "Ŋun", "Trần", "Ștefan", "Hŏjun"),
        # With signs that Unicode does not call letters, without which they can't be written.
        *("राम", "தமிழ்", "สมชัย", "ကျော်", "ខ្មែរ", "ދިވެހި", "আশা_7", "ලක්ෂ්මී", "བསྟན"),
    ],
)
def test_letters_that_names_are_written_with_are_good(api, name):
    assert sign_up(api, username=name).status_code == 201


def test_the_longest_name_folds_into_its_column(api):
    for name in ("\u1f82" * 150, "ﬃ" * 50, "ǽ" * 150, "ᆄ" * 150):
        assert sign_up(api, username=name).status_code == 201


IGNORABLE = [
    *"\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200d\u200e\u202e\u2060\u2066\u206f",
    *"\u3164\ufe0f\ufeff\uffa0\U0001d173\U000e0001\U000e0041\U000e0100",
]


@pytest.mark.parametrize("invisible", IGNORABLE, ids=lambda one: f"U+{ord(one):04X}")
@pytest.mark.parametrize("name", ["{}", "{0}minji", "min{}ji", "minji{}", "민{}지"])
def test_no_name_has_what_cannot_be_seen(api, invisible, name):
    with nothing_changes():
        answer = sign_up(api, username=name.format(invisible))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "username"


@pytest.mark.parametrize(
    "name",
    [
        "аdmin",  # Cyrillic a
        "admın\u0456",
        "αdmin",
        "paypаl",
        "민지а",
        "минjи",
        "Αа",  # Greek, Cyrillic
        "user\u0661",  # an Arabic digit
        "민지の",
        "ᎪᎳᎵ",  # Cherokee: letters that look Latin
        "ɑdmin\u0430",
        # Signs of no letter, of another script's, twice, and those that any letter may have.
        *("\u093eरा", "minji\u093e", "ram_\u093e", "रा\u0e34म", "रा\u093eम", "ม\u0e34\u0e34"),
        *("x\u0302", "रा\u0302म", "민\u0302지", "Ива\u0488н", "か\u3099\u3099"),
    ],
)
def test_no_name_mixes_scripts_or_uses_one_that_hardly_anyone_writes(api, name):
    with nothing_changes():
        assert refusal(sign_up(api, username=name)) == refused(400, "invalid", "username")


def test_a_taken_name_is_refused(api):
    sign_up(api)

    with nothing_changes():
        answer = sign_up(api, password="another horse battery")

    assert refusal(answer) == refused(400, "unique", "username")


def test_a_deactivated_members_name_stays_taken(api, make_member):
    make_member(username="minji", is_active=False)

    with nothing_changes():
        assert refusal(sign_up(api)) == refused(400, "unique", "username")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "blank"),
        ("   ", "blank"),
        ("a b", "invalid"),
        ("minji!", "invalid"),
        ("<b>", "invalid"),
        ("😀", "invalid"),
        ("minji😀", "invalid"),
        ("a\u200bb", "invalid"),
        ("x" * 151, "max_length"),
        ("ﬁ" * 76, "max_length"),  # 152 characters once composed
        (True, "invalid"),
        (["minji"], "invalid"),
        ({"name": "minji"}, "invalid"),
    ],
)
def test_other_names_are_refused(api, name, code):
    with nothing_changes():
        answer = sign_up(api, username=name)

    assert refusal(answer) == refused(400, code, "username")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", "blank"),
        ("k7#mQ2x", "password_too_short"),
        ("qwertyuiop", "password_too_common"),
        ("7291836450", "password_entirely_numeric"),
        ("minji.kim1", "password_too_similar"),
        ("x" * 129, "max_length"),
        ("nul\0nul\0nul", "null_characters_not_allowed"),
        (True, "invalid"),
        (["correct horse battery"], "invalid"),
    ],
)
def test_weak_and_impossible_passwords_are_refused(api, password, code):
    with nothing_changes():
        answer = sign_up(api, username="minji.kim", password=password)

    assert refusal(answer) == refused(400, code, "password")


def test_all_that_is_wrong_with_a_password_is_said(api):
    answer = sign_up(api, password="12345")

    assert refusal(answer)[2] == [
        ("password_too_short", "password"),
        ("password_too_common", "password"),
        ("password_entirely_numeric", "password"),
    ]


def test_a_password_may_have_128_characters_and_keeps_its_blanks(api):
    password = f" {'민지' * 63} "
    assert len(password) == 128

    assert sign_up(api, password=password).status_code == 201
    assert User.objects.get().check_password(password)


@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("minji", "invalid"),
        ("minji@", "invalid"),
        ("a b@example.com", "invalid"),
        (5, "invalid"),
        (f"{'x' * 64}@{'y' * 63}.{'y' * 63}.{'y' * 58}.com", "max_length"),  # 255
    ],
)
def test_other_emails_are_refused(api, email, code):
    with nothing_changes():
        answer = sign_up(api, email=email)

    assert refusal(answer) == refused(400, code, "email")


def test_what_is_missing_is_said_at_once(api):
    with nothing_changes():
        answer = api.post(URL, {})

    assert refusal(answer)[2] == [("required", "username"), ("required", "password")]


@pytest.mark.parametrize("field", ["username", "password", "email"])
def test_null_is_no_value(api, field):
    with nothing_changes():
        answer = api.post(URL, {"username": "minji", "password": PASSWORD, field: None})

    assert refusal(answer) == refused(400, "null", field)


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "id", "balance", "e-mail"])
def test_nobody_makes_more_of_themselves_than_a_member(api, field):
    with nothing_changes():
        answer = sign_up(api, **{field: True})

    assert refusal(answer) == refused(400, "unknown_field", field)


def test_the_answer_and_the_database_keep_the_password_to_themselves(api):
    answer = sign_up(api)

    assert PASSWORD not in answer.content.decode()
    assert PASSWORD not in User.objects.get().password


def test_a_lost_commit_that_comes_through_late_is_not_a_taken_name(db, monkeypatch):
    """The retry's insert waits for the lost transaction and then meets its row."""

    def commit_late(work, find_again):
        work()
        raise IntegrityError("duplicate")

    monkeypatch.setattr(members, "run_transaction", commit_late)
    made = members.sign_up(username="haneul", password="correct horse battery")
    assert User.objects.get() == made

    monkeypatch.undo()
    with pytest.raises(UsernameTaken):
        members.sign_up(username="haneul", password="another horse battery")
