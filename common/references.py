"""References that are unique without asking the database."""

from hashlib import sha256

from django.utils.crypto import get_random_string

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O or U to misread


def new_reference(prefix: str) -> str:
    """`prefix`, a dash and 80 random bits: known before a transaction, findable after it."""
    return f"{prefix}-{get_random_string(16, ALPHABET)}"


UNDOING = "UNDO-"
"""How references begin of what undoes something."""


def undoing(reference: str) -> str:
    """The one reference under which what has `reference` is undone: unique, so it is done once."""
    return UNDOING + sha256(reference.encode()).hexdigest()[:32]
