"""The file `.env`, as operators write it."""

import re
import shutil

import pytest

from ecommerce.tests.settings.test_wrong import TRUTH
from ecommerce.tests.starts import ROOT, run

NO_LINE = "Line 2 of .env is not NAME=value, without a space beside the name."


@pytest.fixture
def dot_env(tmp_path):
    """What a start says with such a `.env`, in a checkout of its own."""
    for name in ("__init__", "environment", "logs", "settings"):
        copy = tmp_path / "ecommerce" / f"{name}.py"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "ecommerce" / f"{name}.py", copy)
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "deploy" / "cluster").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "cluster" / "compose.yml", tmp_path / "deploy" / "cluster")
    code = """
from django.core.exceptions import ImproperlyConfigured
try:
    from ecommerce import settings
    print(settings.WORKERS)
except ImproperlyConfigured as error:
    print(error)
"""

    def start(text):
        if isinstance(text, bytes):
            (tmp_path / ".env").write_bytes(text)
        elif text is None:
            (tmp_path / ".env").mkdir()
        else:
            (tmp_path / ".env").write_text(text)
        process = run("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path), READ_DOT_ENV=None)
        return process.stdout + process.stderr

    return start


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "THROTLE_ANON=9/s",
            ".env sets THROTLE_ANON, which is no setting. Is THROTTLE_ANON meant?",
        ),
        ("POST=80", ".env sets POST, which is no setting."),
        ("PORT=0", "PORT is '0'; it must be a whole number from 1 up."),
        ("RELAY=maybe", f"RELAY is 'maybe'; {TRUTH}"),
        ("WORKERS = 4", NO_LINE),
        (" WORKERS=4", NO_LINE),
        ("export  WORKERS=4", NO_LINE),
        ("s3cret", NO_LINE),
    ],
)
def test_a_name_that_is_none_in_dot_env_stops_the_start(dot_env, line, told):
    assert dot_env(f"WORKERS=3\n{line}\n") == f"{told}\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("# 상점\nWORKERS=3\n".encode("cp949"), ".env is not in UTF-8."),
        ("WORKERS=3\n".encode("utf-16"), ".env is not in UTF-8."),
        ("WORKERS=3\n".encode("utf-8-sig"), "3"),
        (b"SECRET_KEY_FALLBACKS=\r\nexport WORKERS=3\r\n", "3"),
        (b"WORKERS=3 \t", "3"),
        (b"WORKERS='3' ", "3"),
        (b'WORKERS="3" # "three"', "3"),
        (b"WORKERS=3 # three", "3"),
        (b"WORKERS=\nexport WORKERS=4\nWORKERS=3", "3"),
        (b"WORKERS=3#three", "WORKERS is '3#three'; it must be a whole number from 1 up."),
        (b'WORKERS="3', "WORKERS is '\"3'; it must be a whole number from 1 up."),
        (b"\nWORKERS=\0", NO_LINE),
        (None, ".env can't be read (Is a directory); READ_DOT_ENV=0 does without it."),
    ],
)
def test_a_dot_env_of_another_kind_is_read_or_told_in_a_sentence(dot_env, content, told):
    assert dot_env(content) == f"{told}\n"


def test_every_documented_name_may_be_in_dot_env(dot_env):
    text = (ROOT / "docs" / "operations.md").read_text()
    tables = [part for part in text.split("\n\n") if part.startswith("| variable |")]
    firsts = re.findall(r"^\| (`.*?) \|", "\n".join(tables), re.MULTILINE)
    names = re.findall(r"`([A-Z_]+)`", "".join(firsts))
    fresh = run("scripts/new_env.py")
    lines = [f"{name}=" for name in names if name != "WORKERS"]

    told = dot_env("\n".join([fresh.stdout, *lines, "export WORKERS=3", "COMPOSE_PROJECT_NAME=x"]))

    assert len(lines) > 80
    assert told == "3\n"
