"""Asking whether somebody means what is possible, but hardly ever meant."""

from collections.abc import Collection, Sequence

from django.core.exceptions import ValidationError


def ensure_sure(questions: Sequence[ValidationError], sure: Collection[str]) -> None:
    """Ask what nobody has said yes to, by errors of the field `sure`.

    A question's code says what exactly is asked: a yes to another discount, say, is none to this.

    Raises:
        django.core.exceptions.ValidationError: a question's code isn't among those in `sure`.
    """
    asked = [question for question in questions if question.code not in sure]
    if asked:
        raise ValidationError({"sure": asked})
