"""The real server on a demo shop, and a manager in a browser of each width."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stack import database, manage, server
from ecommerce.seeding.demo import ADMIN_PASSWORD, ADMIN_USERNAME
from ecommerce.tests.browser.chromium import BROWSERS, DRIVERS, chromium, installed
from ecommerce.tests.browser.clients import Shop, members_of
from ecommerce.tests.browser.manager import Manager

WIDTHS = [1280, 390]
AXE = "axe-core@4.14.1"
NPM_SECONDS = 120


@pytest.fixture(scope="session")
def axe(tmp_path_factory: Any) -> str:
    """The script of axe-core, which checks pages against WCAG; npm fetches it."""
    folder: Path = tmp_path_factory.mktemp("axe")
    if npm := shutil.which("npm"):
        command = [npm, "install", "--silent", "--ignore-scripts", "--prefix", str(folder), AXE]
        with suppress(subprocess.SubprocessError):
            subprocess.run(command, check=True, timeout=NPM_SECONDS, capture_output=True)  # noqa: S603
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        assert os.environ.get("REQUIRE_BROWSER") != "1", "npm can't fetch axe-core"
        pytest.skip("npm can't fetch axe-core")
    return script.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: Any) -> Iterator[Shop]:
    """Two processes on a demo shop with 60 more members, in SQLite."""
    if not (installed(BROWSERS) and installed(DRIVERS)):
        assert os.environ.get("REQUIRE_BROWSER") != "1", "no Chromium with its driver is installed"
        pytest.skip("no Chromium with its driver is installed")
    # Without collected files they are served from where they are written.
    static: Path = tmp_path_factory.mktemp("static") / "none"
    variables = {"STATIC_ROOT": str(static)}
    with database("sqlite") as db:
        manage(db, "migrate", "--verbosity=0")
        manage(db, "seed")
        manage(db, "seed", "--members=60")
        with server(db, THREADS="8", **variables) as running:
            yield Shop(running, db, members_of(db))


@pytest.fixture(scope="session", params=WIDTHS, ids=lambda width: f"{width}px")
def width(request: Any) -> int:
    return request.param


@pytest.fixture(scope="session")
def _signed_in(shop: Shop, width: int) -> Iterator[Manager]:
    with chromium(width=width) as driver:
        manager = Manager(driver, shop)
        manager.sign_in(ADMIN_USERNAME, ADMIN_PASSWORD)
        yield manager


@pytest.fixture
def manager(_signed_in: Manager) -> Iterator[Manager]:
    """Somebody who may do everything. In the end the console must be empty."""
    yield _signed_in
    _signed_in.leaves_no_trace()
