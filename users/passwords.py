"""Hashing passwords: one password in every normal form of Unicode is one password."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import password_validation
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password, verify_password
from django.core.exceptions import ValidationError

from common.errors import ErrorItem
from users.hashing import hash_now

NOBODYS = UNUSABLE_PASSWORD_PREFIX
"""A stored hash that is no password's; comparing takes as long as with any other."""


MAX_LENGTH = 128
"""Characters, normalised: hashing takes time by length, and a megabyte of password is an attack."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of comparing a password with a stored hash."""

    correct: bool
    renewed: str | None = None
    """Another hash of the same password, when the stored one is outdated."""


def normalise(raw: str) -> str:
    """The form in which a password is hashed (NFC): what a keyboard sends is not what it shows."""
    return unicodedata.normalize("NFC", raw)


def make(raw: str | None) -> str:
    """A salted hash to store, slow by design; of None, one that no password has.

    Raises:
        Busy: too many are being hashed.
    """
    if raw is None:
        return make_password(None)
    return hash_now(lambda: make_password(normalise(raw)))


def check(raw: str, encoded: str) -> Checked:
    """Compare a password with a stored hash, slow by design.

    Hashes from before passwords were normalised are of whatever form was typed then.

    Raises:
        Busy: too many are being hashed.
    """

    def compare() -> Checked:
        for form in dict.fromkeys([normalise(raw), raw, unicodedata.normalize("NFD", raw)]):
            correct, outdated = verify_password(form, encoded)
            if correct:
                return Checked(True, make(raw) if outdated or form != normalise(raw) else None)
        return Checked(False)

    return hash_now(compare)


def weaknesses(raw: str, user: Any) -> list[ErrorItem]:
    """What is wrong with a password that `user` wants to have, if anything is."""
    try:
        password_validation.validate_password(normalise(raw), user)
    except ValidationError as error:
        return [
            ErrorItem(found.code or "invalid", str(found.message % (found.params or {})))
            for found in error.error_list
        ]
    return []
