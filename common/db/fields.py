"""Fields that mean the same on every database, and that check what is stored."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from common.texts import validate_is_plain

DB_IDS = range(1, 2**63)
"""What an id can be; asked for any other number, a database may raise instead of finding none."""


class ExactCharField(models.CharField):  # type: ignore[type-arg]
    """Text that is compared and sorted by code point, on every database.

    The default collation of MySQL takes "A" for "a" and MariaDB's takes any emoji for any other;
    SQLite compares bytes already. (`db_collation` would name MySQL's collation on SQLite too.)
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class ExactSlugField(ExactCharField, models.SlugField):  # type: ignore[type-arg]
    """A slug that is compared like `ExactCharField`."""


if TYPE_CHECKING:
    from typing import TypeAlias

    AnyField: TypeAlias = Any
else:
    AnyField = object


class Normalized(AnyField):  # type: ignore[misc]
    """A text field that checks a text in the form in which it is used, not as it was sent.

    Normalising may lengthen a text, or bring about what is not allowed in it; so it comes first,
    and lengths, forms and uniqueness are of its result. To be mixed into a text field of any kind:
    Django's fields (of models and forms) read a value by `to_python`, the API's by
    `to_internal_value`, and each kind runs its validators after that.
    """

    def normalize(self, text: str) -> str:
        """The form of `text` that is checked, and stored. Normalising it again changes nothing."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return self.normalize(value) if isinstance(value, str) else value

    def to_internal_value(self, data: Any) -> str:
        text = self.normalize(super().to_internal_value(data))
        if not text and not self.allow_blank:
            self.fail("blank")
        return text


class NormalEmail(Normalized):
    """An address with its domain in lower case, which "İ" makes longer."""

    def normalize(self, text: str) -> str:
        return str(BaseUserManager.normalize_email(text))


class NormalEmailField(NormalEmail, models.EmailField):  # type: ignore[type-arg]
    """The address of a member, however it gets into the database."""

    default_validators = [*models.EmailField.default_validators, validate_is_plain]

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.EmailField", args, kwargs  # the same column
