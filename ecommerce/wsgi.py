"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from ecommerce.common.chunked_bodies import MeasureChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
# A request does not wait longer than this for the database; a command may.
os.environ.setdefault("DATABASE_TIMEOUT_SECONDS", "10")

application = MeasureChunkedBodies(get_wsgi_application())
