"""Run a command if there is a browser to run it in.

    python -m ecommerce.tests.in_browser pytest ecommerce/tests/browser

Without Chromium and its driver it says so in one line and runs nothing; with REQUIRE_BROWSER=1 that
is an error.
"""

import os
import subprocess
import sys

from ecommerce.tests.browser.chromium import BROWSERS, DRIVERS, installed


def main(command: list[str]) -> int:
    if not (installed(BROWSERS) and installed(DRIVERS)):
        required = os.environ.get("REQUIRE_BROWSER") == "1"
        verdict = "REQUIRE_BROWSER=1 makes that an error" if required else "skipping its tests"
        print(  # noqa: T201
            f"Browser: no Chromium with its driver is installed; {verdict}.", file=sys.stderr
        )
        return int(required)
    return subprocess.run(command, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
