"""Names of members: which may be had, and which are one."""

import unicodedata

import regex
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext_lazy as _

TOGETHER = ["Latn Hani Hang", "Latn Hani Hira Kana", "Latn Hani Bopo"]
ALONE = [
    *("Arab", "Armn", "Beng", "Cyrl", "Deva", "Ethi", "Geor", "Grek", "Gujr", "Guru", "Hebr"),
    *("Knda", "Khmr", "Laoo", "Mlym", "Mymr", "Orya", "Sinh", "Taml", "Telu", "Thaa", "Thai"),
    "Tibt",
]
"""The scripts in common use (UAX 31, table 5), and those of them that are written together."""


def _letters_of(script: str) -> str:
    return rf"\p{{scx={script}}}"


INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
ONE_WRITING = regex.compile(
    "|".join(
        f"[{''.join(_letters_of(script) for script in ['Zyyy', 'Zinh', *scripts.split()])}]*"
        for scripts in [*TOGETHER, *ALONE]
    )
)
LOOK_LATIN = str.maketrans(
    "авсԁеһіјкӏмнорԛѕтуѵԝхαβεηικμνοπρτυχγζ",
    "abcdehijklmhopqstyvwxabenikmvonptuxyz",
)
"""Small letters of Cyrillic and Greek that, small or capital, look like one of Latin."""


@deconstructible
class NameValidator(UnicodeUsernameValidator):
    """Letters, digits and @.+-_, all of them visible, of scripts that are written together.

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
        super().__call__(value)
        name = str(value)
        if INVISIBLE.search(name):
            raise ValidationError(_("A name has no invisible characters."), code="invalid")
        if not ONE_WRITING.fullmatch(name):
            raise ValidationError(
                _("A name does not mix scripts whose letters look alike."), code="invalid"
            )


def normalise(name: str) -> str:
    """The form in which a name is stored, and looked up (NFKC)."""
    return unicodedata.normalize("NFKC", name)


def fold(name: str) -> str:
    """What names have in common that differ in case or width only, or that look alike as a whole.

    A name of letters that all look like Latin ones is folded to these: whichever of the two comes
    first, the other is taken.
    """
    folded = unicodedata.normalize("NFKC", normalise(name).casefold())
    latin = folded.translate(LOOK_LATIN)
    return latin if latin.isascii() else folded
