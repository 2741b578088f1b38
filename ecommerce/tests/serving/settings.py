"""The shop's settings with some paths more, at which a test decides how long a view takes."""

from ecommerce.settings import *  # noqa: F403

ROOT_URLCONF = "ecommerce.tests.serving.urls"
