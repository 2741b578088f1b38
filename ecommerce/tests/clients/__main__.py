"""Check the description with others' tools, generate clients from it, compile them, run two.

    python -m ecommerce.tests.clients

In `build/clients`, which keeps the tools for the next time. Needs node with npm, and a JDK. The
clients in TypeScript and Python go the README's tour through a real server on the demo shop; the
one in Java is compiled; and a collection for Postman (Bruno and Insomnia read it, too) is made.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.stack import REPOSITORY, Server, database, manage, server

SOURCES = Path(__file__).parent
DESCRIPTION = REPOSITORY / "docs" / "openapi.yaml"
BUILD = REPOSITORY / "build" / "clients"
TOOLS, ENVIRONMENT = BUILD / "tools", BUILD / "tools" / "python"
NEEDED = {"node": "node with npm", "npm": "node with npm", "javac": "a JDK, 11 or newer"}
TIMEOUT_SECONDS = 600
OPERATIONS = 20
"""A collection of fewer requests was made of something else."""


def main() -> int:
    missing = {NEEDED[name] for name in NEEDED if shutil.which(name) is None}
    if missing:
        print(f"make clients needs {' and '.join(sorted(missing))}.", file=sys.stderr)  # noqa: T201
        return 1
    try:
        install()
        check()
        typescript()
        python()
        java()
        collection()
        tours()
    except subprocess.CalledProcessError as error:
        failed = " ".join(map(str, error.cmd))[:300]
        print(f"{error.output}\nFAILED: {failed}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def run(*command: str | Path, cwd: Path = BUILD) -> None:
    """Run a command; raises CalledProcessError, which has its output, when it fails."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    subprocess.run(  # noqa: S603
        command,
        cwd=cwd,
        env=os.environ | quiet,
        timeout=TIMEOUT_SECONDS,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def tool(name: str) -> Path:
    """A tool that npm has installed."""
    return TOOLS / "node_modules" / ".bin" / name


def install() -> None:
    """The tools, unless those of the very same versions are there from an earlier time."""
    pinned = [SOURCES / "package.json", SOURCES / "requirements.txt"]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in pinned)).hexdigest()
    stamp = TOOLS / "installed"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing the tools")
    shutil.rmtree(TOOLS, ignore_errors=True)
    TOOLS.mkdir(parents=True)
    shutil.copy(pinned[0], TOOLS)
    # No lock file: it would name the registry.
    run(
        *("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"),
        *("--loglevel=error",),
        cwd=TOOLS,
    )
    venv.create(ENVIRONMENT, with_pip=True)
    run(ENVIRONMENT / "bin" / "pip", "install", "--quiet", "--requirement", pinned[1])
    stamp.write_text(wanted)


def check() -> None:
    """The description by three validators with their recommended rules: no error, no warning."""
    say("the description, by three validators")
    run(ENVIRONMENT / "bin" / "openapi-spec-validator", DESCRIPTION)
    run(tool("redocly"), "lint", DESCRIPTION, "--config", SOURCES / "redocly.yaml")
    rules = ("--ruleset", SOURCES / "spectral.yaml", "--fail-severity", "warn")
    run(tool("spectral"), "lint", DESCRIPTION, *rules)


def typescript() -> None:
    say("TypeScript: openapi-typescript and openapi-fetch")
    folder = fresh("typescript")
    shutil.copy(SOURCES / "tour.ts", folder)
    shutil.copy(SOURCES / "package.json", folder)
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    rules = ("--redocly", SOURCES / "redocly.yaml")
    run(tool("openapi-typescript"), DESCRIPTION, "--output", folder / "shop.ts", *rules)
    options = ("--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess")
    target = ("--target", "es2022", "--module", "nodenext", "--types", "node")
    run(tool("tsc"), *options, *target, "tour.ts", cwd=folder)


def python() -> None:
    say("Python: openapi-python-client")
    folder = fresh("python")
    configuration = folder / "config.yml"
    configuration.write_text("package_name_override: shop_client\npost_hooks: []\n")
    run(
        *(ENVIRONMENT / "bin" / "openapi-python-client", "generate", "--path", DESCRIPTION),
        *("--meta", "none", "--output-path", folder / "shop_client"),
        *("--config", configuration, "--fail-on-warning"),
    )
    shutil.copy(SOURCES / "tour.py", folder)
    run(ENVIRONMENT / "bin" / "python", "-W", "error", "-m", "compileall", "-q", folder)


def java() -> None:
    say("Java: openapi-generator")
    folder = fresh("java")
    (jar,) = ENVIRONMENT.glob("lib/*/site-packages/openapi_generator_cli/openapi-generator.jar")
    run(
        *("java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-jar", jar, "generate"),
        *("--input-spec", DESCRIPTION, "--generator-name", "java", "--library", "native"),
        *("--output", folder, "--additional-properties", "openApiNullable=false"),
        *("--global-property", "models,apis,supportingFiles,modelDocs=false,apiDocs=false"),
    )
    # The generator bundles what its clients need (Jackson), but for this annotation.
    generated = folder / "src/main/java/javax/annotation/Generated.java"
    generated.parent.mkdir(parents=True)
    generated.write_text(
        "package javax.annotation;\n\npublic @interface Generated {\n"
        "    String[] value();\n"
        '    String comments() default "";\n    String date() default "";\n}\n'
    )
    rank = (folder / "src/main/java/org/openapitools/client/model/Rank.java").read_text()
    if "Long revenue" not in rank:
        raise subprocess.CalledProcessError(1, ["Java: revenue is no Long"])
    sources = sorted((folder / "src" / "main" / "java").rglob("*.java"))
    run("javac", "-proc:none", "-nowarn", "-d", folder / "classes", "-cp", jar, *sources)


def collection() -> None:
    say("a collection for Postman")
    made = BUILD / "postman.json"
    made.unlink(missing_ok=True)
    run(tool("openapi2postmanv2"), "-s", DESCRIPTION, "-o", made, "-O", "folderStrategy=Tags")
    requests = list(requests_in(json.loads(made.read_text())["item"]))
    if len(requests) < OPERATIONS:
        raise subprocess.CalledProcessError(1, [f"{len(requests)} requests in {made}"])


def requests_in(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every request of a collection, in whatever folder."""
    for item in items:
        if "request" in item:
            yield item["request"]
        yield from requests_in(item.get("item", []))


def tours() -> None:
    say("the tour, by the clients in TypeScript and Python")
    with database("sqlite") as db:
        manage(db, "migrate", "--verbosity=0")
        manage(db, "seed")
        with server(db, LOG_LEVEL="WARNING", WORKERS="1", PIN_WORKERS="0") as shop:
            go(shop)
        manage(db, "audit")


def go(shop: Server) -> None:
    run("node", "tour.js", shop.url, cwd=BUILD / "typescript")
    run(ENVIRONMENT / "bin" / "python", "tour.py", shop.url, cwd=BUILD / "python")


def fresh(name: str) -> Path:
    """An empty folder of that name."""
    folder = BUILD / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def say(what: str) -> None:
    print(f"== {what}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
