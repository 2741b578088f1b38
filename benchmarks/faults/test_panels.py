"""The dashboard, after all that happened to the shop. DASHBOARD_PNG=file draws it."""

import os
import time
from pathlib import Path

import pytest

from benchmarks.faults.conftest import WATCHED, Running
from benchmarks.faults.watch import MISSING, draw

SHOWN_SECONDS = 600


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
@pytest.mark.parametrize("running", WATCHED, indirect=True)
def test_no_panel_asks_for_what_is_not_there(running: Running) -> None:
    assert running.watch
    now = time.time()

    answers = running.watch.panels(now - SHOWN_SECONDS, now, "10s")

    assert [title for title, targets in answers.items() for _, found in targets if not found] == []
    if picture := os.environ.get("DASHBOARD_PNG"):
        draw(answers, Path(picture))
