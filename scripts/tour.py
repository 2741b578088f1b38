"""Run the README's tour against a server, and hold its answers against those the README shows.

    python -m scripts.tour http://127.0.0.1:8000

Each ```bash block of the section "A tour" is run as it stands, in one shell, with the address
replaced; the ```json block behind it, if any, is what it printed when the README was written. The
answer must have the same shape: the same fields and types, lists of anything or of nothing.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent / "README.md"
DOCUMENTED_ADDRESS = "http://127.0.0.1:8000"
MARK = "<<<tour step>>>"
TIMEOUT_SECONDS = 120

Step = tuple[str, Any]
"""The commands of a step, and the JSON that they print, or None where nothing is shown."""


def read_steps(readme: str) -> list[Step]:
    """The steps of the section "A tour"."""
    section = re.split(r"^## ", readme.split("\n## A tour\n", 1)[1], maxsplit=1, flags=re.M)[0]
    blocks = re.findall(r"```bash\n(.*?)```(?:\s*```json\n(.*?)```)?", section, re.S)
    return [(commands, json.loads(shown) if shown else None) for commands, shown in blocks]


def run_steps(steps: list[Step], address: str) -> list[str]:
    """Run all steps in one shell against the server at `address`; what each printed.

    Raises:
        RuntimeError: a command failed.
    """
    script = "set -euo pipefail\n" + f"echo '{MARK}'\n".join(commands for commands, _ in steps)
    done = subprocess.run(
        ["bash", "-c", script.replace(DOCUMENTED_ADDRESS, address)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a command of the tour failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout.split(MARK)


def difference(shown: Any, got: Any, at: str = "answer") -> str | None:
    """Where the shape of an answer differs from the one shown, or None."""
    if isinstance(shown, dict) and isinstance(got, dict):
        if shown.keys() != got.keys():
            return f"{at}: fields {sorted(got)} instead of {sorted(shown)}"
        found = (difference(shown[key], got[key], f"{at}.{key}") for key in shown)
        return next(filter(None, found), None)
    if isinstance(shown, list) and isinstance(got, list):
        found = (difference(shown[0], one, f"{at}[]") for one in got if shown)
        return next(filter(None, found), None)
    if type(shown) is not type(got):
        return f"{at}: {got!r} instead of something like {shown!r}"
    return None


def main(address: str) -> int:
    steps = read_steps(README.read_text(encoding="utf-8"))
    try:
        outputs = run_steps(steps, address.rstrip("/"))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    for (commands, shown), output in zip(steps, outputs, strict=True):
        problem = difference(shown, json.loads(output)) if shown is not None else None
        if problem:
            print(f"{problem}\nafter:\n{commands}", file=sys.stderr)
            return 1
    print(f"tour: {len(steps)} steps, as the README shows them")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
