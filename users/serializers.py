"""Members, tokens and wallets on the wire."""

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from common.api.serializers import StrictSerializer, TextField, TrueOrFalseField, WholeNumberField
from common.db.fields import NormalEmail, Normalized
from common.texts import validate_is_plain
from users import names, passwords
from users.models import NAME_TAKEN, User, WalletTransaction
from users.names import NameValidator

WEAK_PASSWORD = [
    "password_too_short",
    "password_too_common",
    "password_entirely_numeric",
    "password_too_similar",
]


class UsernameField(Normalized, TextField):
    """A name in the form it is stored in (NFKC), so that look-alikes of one name are one name."""

    def normalize(self, text: str) -> str:
        return names.normalise(text)


def validate_name_is_free(name: str) -> None:
    """Raises ValidationError when a member has this name, in whatever case or width."""
    if User.objects.with_a_name_like(name).exists():
        raise serializers.ValidationError(str(NAME_TAKEN), code="unique")


class EmailField(NormalEmail, TextField, serializers.EmailField):
    """An address in the form it is stored in."""

    default_validators = [validate_is_plain]


class PasswordField(TextField):
    """A password as it was typed; its length is that of its normal form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_length=passwords.MAX_LENGTH,
            write_only=True,
            trim_whitespace=False,
            style={"input_type": "password"},
            **kwargs,
        )

    def run_validators(self, value: str) -> None:
        super().run_validators(passwords.normalise(value))


class MemberSerializer(serializers.ModelSerializer[User]):
    email = serializers.CharField(read_only=True, help_text="Empty when none was given.")

    class Meta:
        model = User
        fields = ["id", "username", "email", "date_joined"]
        read_only_fields = fields


class SignedUpSerializer(MemberSerializer):
    class Meta:
        model = User
        fields = ["id", "username", "email"]
        read_only_fields = fields


class SignUpSerializer(StrictSerializer):
    username = UsernameField(
        max_length=150,
        validators=[NameValidator(), validate_name_is_free],
    )
    password = PasswordField()
    email = EmailField(required=False, allow_blank=True, default="", max_length=254)

    extra_error_codes = {"username": ["unique"], "password": WEAK_PASSWORD}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        candidate = User(username=attrs["username"], email=attrs["email"])
        if weak := passwords.weaknesses(attrs["password"], candidate):
            details = [ErrorDetail(str(item.detail), code=item.code) for item in weak]
            raise serializers.ValidationError({"password": details})
        return attrs


class CredentialsSerializer(StrictSerializer):
    username = UsernameField(max_length=150)
    password = PasswordField()


class PasswordChangeSerializer(StrictSerializer):
    current_password = PasswordField()
    new_password = PasswordField()

    extra_error_codes = {"new_password": WEAK_PASSWORD}


class EmailSerializer(StrictSerializer):
    email = EmailField(required=False, allow_blank=True, max_length=254)


class RefreshSerializer(StrictSerializer):
    refresh = TextField(max_length=2000)


class RevocationSerializer(RefreshSerializer):
    everywhere = TrueOrFalseField(
        required=False, default=False, help_text="Whether to end all sessions of the member."
    )


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class BalanceSerializer(serializers.Serializer[Any]):
    balance = serializers.IntegerField(help_text="Won.")
    currency = serializers.CharField(help_text="ISO 4217.")
    updated_at = serializers.DateTimeField()


class ChargeSerializer(StrictSerializer):
    amount = WholeNumberField(min_value=1, max_value=settings.CHARGE_MAX, help_text="Won to add.")


class WalletTransactionSerializer(serializers.ModelSerializer[WalletTransaction]):
    class Meta:
        model = WalletTransaction
        fields = ["id", "kind", "amount", "balance_after", "reference", "created_at"]
        read_only_fields = fields
        extra_kwargs = {
            "amount": {"help_text": "Won, signed."},
            "balance_after": {"help_text": "Won."},
        }
