"""The serializer that every request body and parameter set goes through."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from operator import attrgetter
from threading import local
from typing import TYPE_CHECKING, Any

from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import empty
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from common.api.shapes import shape_of
from common.errors import ERRORS_MAX

if TYPE_CHECKING:
    from django.http import QueryDict

PROHIBITIONS = (ProhibitNullCharactersValidator(), ProhibitSurrogateCharactersValidator())
NO_NULL_CHARACTER = r"^[^\x00]*$"
NOT_BLANK = r"^[^\x00]*[^\x00\x1c-\x1f\s\x85][^\x00]*$"
"""With something in it besides what is taken off a text's ends, in any dialect's sense of `\\s`."""
PLAIN_DIGITS = re.compile(r"-?[0-9]+", re.ASCII)
LENGTH_BEFORE_NORMALISING = 4
"""How many times longer a text may be than the one that it is normalised to (NFD of Hangul: 3)."""
UNKNOWN_FIELD = _("This field is not known here.")


def unknown_field_errors(sent: Iterable[Any], known: Iterable[str]) -> dict[str, list[ErrorDetail]]:
    """An `unknown_field` error for each name in `sent` that is not in `known`, or for too many."""
    known = set(known)
    unknown = islice((str(name) for name in sent if name not in known), ERRORS_MAX + 1)
    return {name: [ErrorDetail(str(UNKNOWN_FIELD), code="unknown_field")] for name in unknown}


def query_errors(sent: "QueryDict", known: Iterable[str]) -> dict[str, list[ErrorDetail]]:
    """What is wrong with parameters before anybody reads them: which there are, how often."""
    errors = unknown_field_errors(sent, known)
    for name, values in sent.lists():
        if len(values) > 1 and name not in errors:  # all but one would be ignored
            errors[name] = [ErrorDetail(str(_("It is given more than once.")), code="invalid")]
    return errors


class TextField(serializers.CharField):
    """A text and nothing else: DRF's reads a number as one.

    `max_length` (characters) holds for what the text is after normalising; what is too long even
    before costs no more than the look at its length.
    """

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.looked_at = LENGTH_BEFORE_NORMALISING * max_length

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str):
            if len(data) > self.looked_at:
                self.fail("max_length", max_length=self.max_length)
            for prohibition in PROHIBITIONS:  # before a validator that asks the database
                prohibition(data)
        elif data is not None and data is not empty:
            self.fail("invalid")
        return super().run_validation(data)


class BoundedListField(serializers.ListField):
    """A list of at most `max_length` items, which are counted before any is looked at."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.counted = max_length

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > self.counted:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)

    def run_child_validation(self, data: Any) -> list[Any]:
        """As DRF does it, but no further than an answer lists errors."""
        values = []
        errors: dict[Any, Any] = {}
        for index, item in enumerate(data):
            try:
                values.append(self.child.run_validation(item))
            except serializers.ValidationError as error:
                errors[index] = error.detail
                if len(errors) > ERRORS_MAX:
                    break
        if errors:
            raise serializers.ValidationError(errors)
        return values


class WholeNumberField(serializers.IntegerField):
    """An integer, or its plain decimal digits; JSON's 5.0 is the integer 5.

    Python's `int`, which DRF asks, reads "1_000" and "３" as numbers too.
    """

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int | float | str) or isinstance(data, bool):
            self.fail("invalid")
        if isinstance(data, str) and not PLAIN_DIGITS.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class TrueOrFalseField(serializers.BooleanField):
    """JSON's true or false; DRF's reads "yes", "on", 1 and "t" as true, too."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelt `cupon` must not silently cost a discount."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        value: Any = None
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            errors = dict(error.detail)
        if isinstance(data, Mapping):
            errors |= unknown_field_errors(data, self._known_fields())
        if errors:
            raise serializers.ValidationError(errors)
        return value

    def _known_fields(self) -> list[str]:
        return [name for name, field in self.fields.items() if not field.read_only]


class NoFields(StrictSerializer):
    """The body of a request that takes none: empty, or an empty object."""


# --- Serializers that are made once -------------------------------------------------------------

_own = local()
_validation = attrgetter("run_validation")


def represent(serializer_class: type[serializers.BaseSerializer[Any]], instance: Any) -> Any:
    """An object in the form in which it is answered."""
    return _once(shape_of, serializer_class)(instance)


def answering(
    serializer_class: type[serializers.BaseSerializer[Any]], status: int = 200
) -> Callable[[Any], Response]:
    """What answers with an object in the form of this serializer."""
    return lambda instance: Response(represent(serializer_class, instance), status=status)


def validate(serializer_class: type[serializers.BaseSerializer[Any]], data: Any) -> Any:
    """What was sent, validated; raises rest_framework's ValidationError."""
    if data is None:
        nothing = ErrorDetail(str(_("No data provided")), code="null")
        raise serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [nothing]})
    return _once(_validation, serializer_class)(data)


def _once(
    make: Callable[[serializers.BaseSerializer[Any]], Callable[[Any], Any]],
    serializer_class: type[serializers.BaseSerializer[Any]],
) -> Callable[[Any], Any]:
    """What `make` makes of this thread's serializer of that class, in the language of the moment.

    DRF makes a serializer's fields from the model each time, which costs more than all that is
    done with them. Neither of the two uses above keeps anything in the serializer, but for the
    texts of its rules, which DRF formats once, in the language in which they are first needed.
    """
    try:
        made: dict[Any, Callable[[Any], Any]] = _own.made
    except AttributeError:
        made = _own.made = {}
    key = make, serializer_class, get_language()
    if key not in made:
        made[key] = make(serializer_class())
    return made[key]
