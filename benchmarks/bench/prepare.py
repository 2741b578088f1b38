"""Call a function of `contents` in the shop's own environment, and print what it returned as JSON.

python -m benchmarks.bench.prepare new_campaigns '{"count": 5, "quantity": 30}'
"""

import json
import os
import sys

import django


def main(function: str, arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    django.setup()
    from benchmarks.bench import contents  # noqa: PLC0415  models need Django to be set up

    print(json.dumps(getattr(contents, function)(**json.loads(arguments))))


if __name__ == "__main__":
    main(*sys.argv[1:])
