"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from ecommerce import worker_process
from ecommerce.common.chunked_bodies import MeasureChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
_main_process = worker_process.granians_main_process()
if _main_process is not None:
    worker_process.heed_sigterm_while_loading(_main_process)

application = MeasureChunkedBodies(get_wsgi_application())

if _main_process is not None:
    worker_process.keep_to_a_core()
    worker_process.leave_the_application_out_of_collections()
