"""Names of members: which may be had, and which are one."""

import unicodedata
from functools import lru_cache

import regex
from confusable_homoglyphs.confusables import is_confusable  # 40 ms: not in anybody's request
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

from common.texts import INVISIBLE

TOGETHER = ["Latn Hani Hang", "Latn Hani Hira Kana", "Latn Hani Bopo"]
ALONE = [
    *("Arab", "Armn", "Beng", "Cyrl", "Deva", "Ethi", "Geor", "Grek", "Gujr", "Guru", "Hebr"),
    *("Knda", "Khmr", "Laoo", "Mlym", "Mymr", "Orya", "Sinh", "Taml", "Telu", "Thaa", "Thai"),
    "Tibt",
]
"""The scripts in common use (UAX 31, table 5), and those of them that are written together."""
KEY_LENGTH = 450
"""So that there is room in the column for an id behind it."""


def _letters_of(script: str) -> str:
    return rf"\p{{scx={script}}}"


ONE_WRITING = regex.compile(
    "|".join(
        f"[{''.join(_letters_of(script) for script in ['Zyyy', 'Zinh', *scripts.split()])}]*"
        for scripts in [*TOGETHER, *ALONE]
    )
)
DOTTED_TWICE = regex.compile(r"(?<=\p{Soft_Dotted})\u0307")
WITH_SIGNS = [
    *("Beng", "Deva", "Gujr", "Guru", "Knda", "Khmr", "Laoo", "Mlym", "Mymr", "Orya", "Sinh"),
    *("Taml", "Telu", "Thaa", "Thai", "Tibt"),
]
"""The scripts in which a name can't be written without signs of vowels, which are no letters."""
SIGNS = regex.compile(
    "|".join(
        rf"(?<=\p{{sc={one}}})(?=\p{{M}})(?P<sign>\p{{sc={one}}})(?!(?P=sign))"
        for one in WITH_SIGNS
    )
)
"""Signs of a letter before them, none of them twice: that looks like once."""
DRAWN_ALIKE = [
    *("-ー", "lㅣ丨ㄴ乚しㄥ", "oㅇ", "tㅜㄒ丅", "eㅌ", "hㅐ", "uㄩ凵", "yㄚ丫", "πㅠ兀"),
    *("口ㅁ", "人ㅅ入", "卜ㅏ", "匚ㄷㄈ", "己ㄹ已巳", "乛ㄱフ", "ス丈ㅈ", "丄ㅗ", "廿ㅂ"),
    *("一ㄧ", "七セㄘち", "日曰ㄖ", "千チ干于", "三ミ彡", "匕ヒ", "乂メ㐅ㄨ", "又ヌㄡ", "才オ"),
    *("丶ヽ", "厶ムㄙ", "刂リり", "木ホ", "礻ネ", "氵シ", "冖ワ", "宀ウ", "勹クㄅ", "儿ルㄦ"),
    *("彐ヨ", "冫ン", "毛モ", "丰キ", "艹サ", "力ㄌ", "文ㄆ攵", "冂ㄇ", "乃ㄋ", "丂ㄎ", "厂ㄏ"),
    *("丩ㄐ", "巛ㄍ", "くㄑ巜", "彳ㄔ", "尸ㄕ", "卩ㄗ", "幺ㄠ", "尢ㄤ尤", "乁ㄟ", "未末"),
]
"""What Unicode's list of look-alikes lacks of the letters that are written together: bare letters
of Hangul, kana and phonetic signs that are drawn as a Han letter or a Latin one is, or as a part of
one, and Han letters of the same strokes. Each stands for those after it."""
MORE_LOOKS = {
    unicodedata.normalize("NFKC", one): alike[0] for alike in DRAWN_ALIKE for one in alike[1:]
}


PHONETIC = (
    *("LATIN LETTER ", "LATIN EPIGRAPHIC LETTER ", "LATIN SMALL LETTER DOTLESS J"),
    "MODIFIER LETTER LOW ",
)
"""So begins what Unicode calls a Latin letter that is neither small nor a capital: those of
phonetic transcription, such as "ᴀ", and of old writings, such as "ƿ". UTS 39 restricts them."""


@deconstructible
class NameValidator(UnicodeUsernameValidator):
    """Letters with their signs, digits and @.+-_, visible, of scripts that are written together.

    That is the restriction level "highly restrictive" of UTS 39: Korean, Latin and digits mix, a
    Cyrillic letter among Latin ones does not.
    """

    described = (
        r"^[^\x00-*,/:-?\[-^`{-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7"
        r"\u2000-\u206f\u20a0-\u20ff\u2190-\u245f\u2500-\u2bff"
        r"\u3000-\u3004\u3008-\u3020\ue000-\uf8ff]+$"
    )
    """As far as a pattern can say it that means the same in every dialect: `\\w` is ASCII in
    JavaScript, and its `\\p` needs a flag."""

    def __call__(self, value: object) -> None:
        name = str(value)
        super().__call__(SIGNS.sub("", name))
        if INVISIBLE.search(name):
            raise ValidationError(_("A name has no invisible characters."), code="invalid")
        if not ONE_WRITING.fullmatch(name):
            raise ValidationError(
                _("A name does not mix scripts whose letters look alike."), code="invalid"
            )
        phonetic = any(unicodedata.name(letter, "").startswith(PHONETIC) for letter in name)
        if phonetic or len(_latin_readings(_folded(name))) > 1:
            raise ValidationError(_("A name does not imitate Latin letters."), code="invalid")


def normalise(name: str) -> str:
    """The form in which a name is stored, and looked up (NFKC)."""
    return unicodedata.normalize("NFKC", name)


def fold(name: str) -> str:
    """What names have in common that differ in case or width only, or that look alike.

    That is a skeleton as in UTS 39: each letter is folded to the one that stands for all that look
    like it, "ニ" as "二" and "ı" as "i". A name of another script whose letters all look like Latin
    ones, small or capital, is folded to these. Whichever of two names with one skeleton comes
    first, the other is taken. Within ASCII only case is folded: "0" is not "O", nor "1" "l".
    """
    folded = _folded(name)
    if folded.isascii():
        return folded
    latin = _latin_readings(folded)
    key = latin[0] if latin else "".join(map(_look, folded)).casefold()
    return unicodedata.normalize("NFC", key)[:KEY_LENGTH]


def _folded(name: str) -> str:
    folded = unicodedata.normalize("NFKC", normalise(name).casefold())
    return str(DOTTED_TWICE.sub("", folded))


def _latin_readings(folded: str) -> list[str]:
    """The names of ASCII that a folded one looks like: none, one, or the outer two of several.

    There are several where a letter looks like another one than its capital does: "ν", "Ν".
    """
    looks = [sorted(_latin_looks(letter)) for letter in folded]
    if not all(looks):
        return []
    return sorted({"".join(one[0] for one in looks), "".join(one[-1] for one in looks)})


@lru_cache(4_096)
def _latin_looks(letter: str) -> frozenset[str]:
    """What of ASCII a letter looks like, small or as a capital, in small letters."""
    small, capital = _look(letter), letter.upper()
    looks = {small.lower()} if small.isascii() else set()
    if capital != letter and len(capital) == 1 and (look := _look(capital)).isascii():
        # The list has "I" as an "l".
        looks.add("i" if look == "l" else look.lower())
    return frozenset(looks)


@lru_cache(4_096)
def _look(character: str) -> str:
    """What stands for all that look like the character, or like its parts."""
    if character.isascii() or "가" <= character <= "힣":
        return character
    if (look := _listed_look(MORE_LOOKS.get(character, character))) != character:
        return look
    return "".join(map(_listed_look, unicodedata.normalize("NFD", character)))


def _listed_look(character: str) -> str:
    look = character
    alike = _listed_with(character)
    if not character.isascii() and len(alike) == 1:
        # That one stands for several, or the two look like each other and like no third.
        (other,) = alike
        look = other if len(_listed_with(other)) > 1 else min(character, other)
    return "".join(MORE_LOOKS.get(one, one) for one in unicodedata.normalize("NFKC", look))


def _listed_with(text: str) -> list[str]:
    """What the list of UTS 39 has beside a text: what stands for it, or all that it stands for."""
    found = is_confusable(text) or [{"homoglyphs": []}]
    return [one["c"].strip("\u200e") for one in found[0]["homoglyphs"]]
