"""What a text shows, apart from how it is written."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Characters of which nothing is seen: Unicode's property Default_Ignorable_Code_Point."""


def validate_is_visible(text: str) -> None:
    """Raises ValidationError when nothing is seen of a text: nobody could find or choose it."""
    if not INVISIBLE.sub("", text).strip():
        raise ValidationError(_("Nothing of it can be seen."), code="invisible")
