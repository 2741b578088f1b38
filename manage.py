#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys

try:
    from django.conf import settings
    from django.core.management import execute_from_command_line

    from ecommerce.environment import wait_for_ever
    from ecommerce.trouble import in_a_sentence
except ModuleNotFoundError as error:
    sys.exit(f"{error}: `make run` installs what is needed into .venv, whose Python has it.")

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    with in_a_sentence():
        for database in settings.DATABASES.values():
            wait_for_ever(database)
        execute_from_command_line(sys.argv)
