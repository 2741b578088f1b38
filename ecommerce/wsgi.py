"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from ecommerce.common.chunked_bodies import MeasureChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")

application = MeasureChunkedBodies(get_wsgi_application())
