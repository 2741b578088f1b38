"""What is wrong with a file, in words for the person who made it."""

from django.core.exceptions import ValidationError


class UnreadableFile(ValidationError):
    """The file as a whole can't be read."""


class UnreadableCell(ValidationError):
    """A cell of it doesn't say what the person sees."""
