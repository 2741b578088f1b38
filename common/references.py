"""References that are unique without asking the database."""

from base64 import b32encode
from hashlib import sha256
from secrets import token_bytes

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O or U to misread
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET)


def new_reference(prefix: str) -> str:
    """`prefix`, a dash and 80 random bits: known before a transaction, findable after it."""
    return f"{prefix}-{b32encode(token_bytes(10)).decode().translate(_CROCKFORD)}"


UNDOING = "UNDO-"
"""How references begin of what undoes something."""


def undoing(reference: str) -> str:
    """The one reference under which what has `reference` is undone: unique, so it is done once."""
    return UNDOING + sha256(reference.encode()).hexdigest()[:32]
