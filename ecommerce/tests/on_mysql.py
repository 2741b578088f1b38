"""Run a command with DATABASE_URL pointing to a fresh MySQL (or MariaDB) in a container.

    python -m ecommerce.tests.on_mysql pytest -x

MYSQL_IMAGE picks the image. Without a Docker Engine or mysqlclient it says so in one line and runs
nothing; with REQUIRE_MYSQL=1 that is an error.
"""

import os
import subprocess
import sys
from importlib.util import find_spec

from testcontainers.community.mysql import MySqlContainer

from benchmarks.stack import Database, engine_answers, without_proxy

PASSWORD = "only-for-tests"


def main(command: list[str]) -> int:
    missing = "" if find_spec("MySQLdb") else "mysqlclient is not installed"
    missing = missing or ("" if engine_answers() else "no Docker Engine answers")
    if missing:
        required = os.environ.get("REQUIRE_MYSQL") == "1"
        verdict = "REQUIRE_MYSQL=1 makes that an error" if required else "skipping the MySQL run"
        print(f"MySQL: {missing}; {verdict}.", file=sys.stderr)  # noqa: T201
        return int(required)
    image = os.environ.get("MYSQL_IMAGE", "mysql:9.7.1")
    # In memory: the suite tests what is exact under contention, not the speed of a disk.
    container = MySqlContainer(
        image, username="root", root_password=PASSWORD, password=PASSWORD, dbname="shop"
    ).with_tmpfs_mount("/var/lib/mysql")
    with container as mysql:
        port = mysql.get_exposed_port(3306)
        print(f"MySQL: {image} on port {port}", flush=True)  # noqa: T201
        url = f"mysql://root:{PASSWORD}@127.0.0.1:{port}/shop"
        shop = without_proxy(Database("mysql", url, mysql.get_wrapped_container().id))
        environment = {**os.environ, "DATABASE_URL": shop.url}
        return subprocess.run(command, check=False, env=environment).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
