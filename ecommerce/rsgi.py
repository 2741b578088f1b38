"""The RSGI application that granian serves; `ecommerce.wsgi` is for any other server."""

import logging
import os

import django

from ecommerce.serving import worker_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
_main_process = worker_process.granians_main_process()
if _main_process is not None:
    worker_process.heed_sigterm_while_loading(_main_process)

django.setup(set_prefix=False)
logging.captureWarnings(True)  # or they would be the only lines that are no JSON

from ecommerce.serving.front import Front  # noqa: E402

application = Front()

if _main_process is not None:
    worker_process.keep_to_a_core()
    worker_process.leave_the_application_out_of_collections()
