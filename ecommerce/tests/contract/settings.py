"""The shop's settings, with passwords that are hashed in no time: they are not what is tried."""

from django.conf.global_settings import PASSWORD_HASHERS as _HASHERS

from ecommerce.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *_HASHERS]
