"""What spreadsheets do to texts that begin like formulas."""

from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""OWASP, "CSV Injection"."""


def escape_formula(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula: with an apostrophe before it, if need be."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def unescape_formula(text: str) -> str:
    """The text that `escape_formula` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text
