"""What a start prints: the log, and nothing else."""

import json

from ecommerce.tests.starts import run


def test_the_log_goes_to_standard_output_as_one_json_line_per_request():
    code = """
import django
django.setup()
from django.test import Client
Client(SERVER_NAME="localhost").get("/health/live", headers={"X-Request-ID": "abc"})
Client(SERVER_NAME="localhost").get("/nothing")
"""
    process = run("-c", code, DJANGO_SETTINGS_MODULE="ecommerce.settings")

    lines = [json.loads(line) for line in process.stdout.splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/health/live", 200),
        ("/nothing", 404),
    ]
    assert lines[0]["request_id"] == "abc"
    assert process.stderr == ""
