"""Starts of Python in a process of its own, where nothing is set but what a test sets."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEY = "k3y-for-tests-only-0123456789-0123456789-0123456789-äöü"
NOTHING_SET = {"PATH": os.environ["PATH"], "READ_DOT_ENV": "0", "PYTHONWARNINGS": "ignore"}


def run(*arguments, cwd=ROOT, **environment):
    """Run Python in an environment with nothing but a key and these variables set, if not None."""
    variables = NOTHING_SET | {"SECRET_KEY": KEY} | environment
    return subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        cwd=cwd,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings_with(*names, **environment):
    """The values that these settings have in such an environment."""
    code = (
        "import json, sys; from ecommerce import settings;"
        "print(json.dumps([getattr(settings, name) for name in sys.argv[1:]], default=str))"
    )
    process = run("-c", code, *names, **environment)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def told_of(*environments):
    """What a start says with each of these settings; nothing where it starts."""
    code = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
from ecommerce import settings
told = []
before = dict(os.environ)
for variables in json.loads(sys.argv[1]):
    os.environ |= dict(one.split("=", 1) for one in variables)
    try:
        importlib.reload(settings)
        told.append("")
    except ImproperlyConfigured as error:
        told.append(str(error))
    os.environ.clear()
    os.environ |= before
print(json.dumps(told))
"""
    process = run("-c", code, json.dumps(environments))
    return json.loads(process.stdout or "null") or process.stderr
