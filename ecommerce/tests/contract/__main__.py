"""Hold the OpenAPI description against the real server: `make contract`.

    python -m ecommerce.tests.contract [EXAMPLES]

A server of its own, on the demo shop in SQLite, is sent what the description allows and what it
forbids, signed in and not: thousands of requests, the same each time, and chains of them in which
one uses what another was answered. Every check of schemathesis' is made of every answer.
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.stack import REPOSITORY, Server, database, manage, server

EXAMPLES = "40"
"""How many requests of each kind an operation is sent at most."""
REPLACED = ("positive_data_acceptance", "negative_data_rejection")
"""Checks that `explained` has in its own words."""
VARIABLES = {
    "DJANGO_SETTINGS_MODULE": "ecommerce.tests.contract.settings",
    "LOG_LEVEL": "WARNING",
    "ACCESS_TOKEN_MINUTES": "60",
    "WORKERS": "1",
    "PIN_WORKERS": "0",
}


def main() -> int:
    examples = sys.argv[1] if len(sys.argv) > 1 else EXAMPLES
    with database("sqlite") as db:
        manage(db, "migrate", "--verbosity=0")
        manage(db, "seed")
        with server(db, **VARIABLES) as shop:
            signed_in = ("--header", f"Authorization: Bearer {access_token(shop)}")
            failed = [run(shop, examples), run(shop, examples, *signed_in)]
            printed = shop.printed()
    traces = [line for line in printed.splitlines() if '"exception"' in line]
    for line in traces:
        print(line, file=sys.stderr)  # noqa: T201
    return 1 if any(failed) or traces else 0


def access_token(shop: Server) -> str:
    """An access token of a demo member."""
    credentials = {"username": "demo", "password": "demo-pass-2026"}
    request = urllib.request.Request(  # noqa: S310
        f"{shop.url}/api/v1/auth/token/",
        json.dumps(credentials).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        token: str = json.load(answer)["access"]
    return token


def run(shop: Server, examples: str, *options: str) -> int:
    """Run schemathesis; its exit code."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{shop.url}/api/schema/"),
        *("--checks", "all", "--exclude-checks", ",".join(REPLACED)),
        *("--generation-deterministic", "--max-examples", examples, "--continue-on-failure"),
        *("--request-timeout", "10", "--warnings", "off", "--no-color"),
        *options,
    ]
    hooks = {
        "SCHEMATHESIS_HOOKS": "ecommerce.tests.contract.explained",
        "PYTHONPATH": str(REPOSITORY),
    }
    with TemporaryDirectory() as folder:  # it keeps what it has found beside itself
        done = subprocess.run(command, env=os.environ | hooks, cwd=folder, check=False)  # noqa: S603
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
