"""The WSGI application that granian serves."""

import os

import django

from ecommerce import worker_process
from ecommerce.common.chunked_bodies import MeasureChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
_main_process = worker_process.granians_main_process()
if _main_process is not None:
    worker_process.heed_sigterm_while_loading(_main_process)

django.setup(set_prefix=False)

from ecommerce.common.handler import AnswerFailures, ShopHandler  # noqa: E402  asks the settings

application = AnswerFailures(MeasureChunkedBodies(ShopHandler()))

if _main_process is not None:
    worker_process.keep_to_a_core()
    worker_process.leave_the_application_out_of_collections()
