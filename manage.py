#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    # A migration or an audit may keep the database busy for longer than a request would wait.
    os.environ.setdefault("DATABASE_TIMEOUT_SECONDS", "0")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # a sentence for the operator, not a bug
        sys.exit(str(error))
