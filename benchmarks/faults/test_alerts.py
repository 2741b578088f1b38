"""The alerts by themselves, and a quiet sale that raises none (each fault's: `test_faults.py`).

It needs the programs `prometheus` and `promtool` (Debian's package has both); without them it is
skipped, and with REQUIRE_PROMETHEUS=1 that is an error.
"""

import os
import subprocess
import time

import pytest

from benchmarks.faults.clients import Load
from benchmarks.faults.conftest import WATCHED, Running
from benchmarks.faults.trial import await_first_successes
from benchmarks.faults.watch import MISSING, MONITORING

QUIET_SECONDS = 15

if MISSING:
    missing = f"no alert is looked at; not installed: {', '.join(MISSING)}"
    if os.environ.get("REQUIRE_PROMETHEUS") == "1":
        raise RuntimeError(missing)
    pytest.skip(missing, allow_module_level=True)

if not WATCHED:
    pytest.skip("on none of these databases does Prometheus look on", allow_module_level=True)


def test_the_rules_are_tested_by_themselves() -> None:
    for arguments in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(  # noqa: S603
            ["promtool", *arguments],  # noqa: S607
            cwd=MONITORING,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("running", WATCHED, indirect=True)
def test_a_quiet_sale_raises_no_alert(running: Running) -> None:
    assert running.watch
    began = time.time()
    load = Load(running.server.port, running.take_shop(), clients=8)
    load.start()
    await_first_successes(load, running.server)
    time.sleep(QUIET_SECONDS)
    load.stop()

    assert running.watch.fired_since(began) == set()
