"""The WSGI application, for servers other than granian: views that must wait hold their thread."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
django.setup(set_prefix=False)

from common.api.handler import AnswerFailures, ShopHandler  # noqa: E402  asks the settings

application = AnswerFailures(ShopHandler())
