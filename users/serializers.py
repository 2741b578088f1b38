"""Members, tokens and wallets on the wire."""

import unicodedata
from typing import Any

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError as PasswordRefused
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.validators import UniqueValidator

from ecommerce.common.fields import NormalEmail, Normalized
from ecommerce.common.serializers import StrictSerializer, WholeNumberField
from users.models import User, WalletTransaction

PASSWORD_MAX_LENGTH = 128  # hashing takes time by length: a megabyte of password is an attack


class UsernameField(Normalized, serializers.CharField):
    """A name in the form it is stored in (NFKC), so that look-alikes of one name are one name."""

    def normalize(self, text: str) -> str:
        return unicodedata.normalize("NFKC", text)


class EmailField(NormalEmail, serializers.EmailField):
    """An address in the form it is stored in."""


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
        validators=[
            User.username_validator,
            UniqueValidator(
                User.objects.all(), message=_("A user with that username already exists.")
            ),
        ],
    )
    password = serializers.CharField(
        max_length=PASSWORD_MAX_LENGTH,
        write_only=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )
    email = EmailField(required=False, allow_blank=True, default="", max_length=254)

    extra_error_codes = {
        "password": [
            "password_too_short",
            "password_too_common",
            "password_entirely_numeric",
            "password_too_similar",
        ]
    }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        candidate = User(username=attrs["username"], email=attrs["email"])
        try:
            password_validation.validate_password(attrs["password"], candidate)
        except PasswordRefused as error:
            details = [
                ErrorDetail(str(one.message % (one.params or {})), code=one.code or "invalid")
                for one in error.error_list
            ]
            raise serializers.ValidationError({"password": details}) from error
        return attrs


class CredentialsSerializer(StrictSerializer):
    username = UsernameField(max_length=150)
    password = serializers.CharField(
        max_length=PASSWORD_MAX_LENGTH,
        write_only=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=2000)


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
