"""What a text shows, apart from how it is written."""

from typing import TYPE_CHECKING

import regex
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise
else:
    StrOrPromise = str | Promise  # in the language of the moment when it is said

INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
"""Characters of which nothing is seen."""
UNSEEN = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u2800\ufff9-\ufffb]"
)
"""Those, controls, ends of lines, and what only looks like a blank."""
SHAPING = regex.compile(
    r"(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic})"
    r"|(?<=\U0001f3f4[\U000e0020-\U000e007f]{0,6})[\U000e0020-\U000e007f]"
    r"|(?<=[\p{Extended_Pictographic}\p{Han}])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    r"|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    r"|(?<=\p{Arabic})[\u200c\u200d](?=\p{Arabic})"
    r"|(?<=\p{ccc=9})[\u200c\u200d]|[\u200c\u200d](?=\p{ccc=9})"
)
"""What isn't seen, but makes what it stands beside another: families and flags of emoji, forms of
signs and of Han letters, and letters of scripts that join them."""
NOT_IN_LINES = regex.compile(r"[^\P{Cc}\t\n\r]|[\p{Cs}\u202a-\u202e\u2066-\u2069]")
"""What no text of several lines has use for: controls, and what turns the direction around."""


def validate_is_visible(text: str) -> None:
    """Raises ValidationError when nothing is seen of a text: nobody could find or choose it."""
    if not INVISIBLE.sub("", text).strip():
        raise ValidationError(_("Nothing of it can be seen."), code="invisible")


def validate_is_plain(text: str, *, has_lines: bool = False) -> None:
    """Raises ValidationError when a text has characters that are there without being seen.

    It would look like another, hide a part of itself, or read backwards to whom it is shown. A text
    that `has_lines` may be laid out by such characters, but not be turned around.
    """
    found = (NOT_IN_LINES if has_lines else UNSEEN).search(text)
    if found and not has_lines:
        found = UNSEEN.search(SHAPING.sub("", text))
    if found:
        raise ValidationError(
            _("It has a character that can't be seen (%(character)s)."),
            code="invalid",
            params={"character": f"U+{ord(found[0]):04X}"},
        )
