"""What `make run` does before there is anything of Python's: on machines that lack something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    *("bash", "sh", "env", "cat", "chmod", "cp", "dirname", "grep", "head", "mktemp", "rm", "tail"),
    *("make", "touch"),
)


@pytest.fixture
def machine(tmp_path):
    """A machine with these tools only, and programs that do as they are told; runs a command."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in TOOLS:
        (programs / name).symlink_to(shutil.which(name))

    def run(*command, **has):
        for name, script in has.items():
            program = programs / name.replace("_", "-")
            program.write_text(f"#!/bin/bash\n{script}\n")
            program.chmod(0o755)
        return subprocess.run(  # noqa: S603
            command,
            cwd=tmp_path,
            env={"PATH": str(programs), "PYTHON": sys.executable, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


HEADERS = ROOT / "scripts" / "install-headers"
ROOT_ASKS, SOMEBODY_ASKS = "echo 0", "echo 1000"
GOES_ON = "Going on without MySQL.\n"


def test_without_apt_it_says_what_to_install_and_goes_on(machine):
    done = machine(HEADERS, id=ROOT_ASKS)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("For MySQL install a C compiler, pkg-config, Python's headers ")
    assert done.stdout.endswith(GOES_ON)


def test_without_root_it_goes_on_without_mysql(machine):
    done = machine(HEADERS, id=SOMEBODY_ASKS, apt_get="exit 1", sudo="exit 1")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"They can't be installed without root. {GOES_ON}")


def test_without_a_network_it_says_so_in_a_sentence(machine):
    failure = "E: Failed to fetch http://deb.example/ Temporary failure resolving"

    done = machine(HEADERS, id=ROOT_ASKS, apt_get=f"echo W: x; echo '{failure}'; exit 100")

    assert (done.returncode, done.stderr) == (0, "")
    told = f"They could not be installed ({failure}; is there a network?). {GOES_ON}"
    assert done.stdout.endswith(f"Installing them …\n{told}")


def test_it_waits_for_the_updates_of_the_system_and_says_so(machine, tmp_path):
    noted = f'echo "$@" >>{tmp_path}/asked'

    done = machine(HEADERS, id=ROOT_ASKS, fuser="exit 0", apt_get=noted)

    assert (done.returncode, done.stderr) == (0, "")
    assert "Waiting for the system's own updates, ten minutes at most …\n" in done.stdout
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[:4] for line in asked] == [
        ["-q", "-o", "DPkg::Lock::Timeout=600", act] for act in ("update", "install")
    ]


@pytest.fixture
def pip(tmp_path):
    """A pip that does as it is told, and notes what it is to install."""

    def make(script):
        folder = tmp_path / ".venv" / "bin"
        folder.mkdir(parents=True)
        (folder / "pip").write_text(f'#!/bin/bash\necho "$*" >>{tmp_path}/asked\n{script}\n')
        (folder / "pip").chmod(0o755)
        (tmp_path / "requirements.txt").write_text("Django==5\nmysqlclient==2.2\n")
        return (tmp_path / "asked").read_text

    return make


PACKAGES = ROOT / "scripts" / "install-packages"


def test_what_needs_a_compiler_is_left_out_in_a_line(machine, pip, tmp_path):
    asked = pip(f"""case "$*" in
        *mysqlclient*) exit 1 ;;
        *' -r '*) cat "${{@: -1}}" >{tmp_path}/installed ;;
    esac""")

    done = machine(PACKAGES, "requirements.txt")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Installing packages into .venv …\n"
        "mysqlclient==2.2 could not be built or fetched:"
        " the shop runs on SQLite only, and so do its tests.\n"
    )
    assert (tmp_path / "installed").read_text() == "Django==5\n"
    assert len(asked().splitlines()) == 2


def test_packages_that_can_not_be_had_end_it_with_a_sentence(machine, pip):
    pip("echo 'ERROR: No matching distribution found for Django==5'; exit 1")

    done = machine(PACKAGES, "requirements.txt")

    assert done.returncode == 1
    assert done.stderr == (
        "The packages could not be installed: ERROR: No matching distribution found for Django==5\n"
    )


def test_an_old_python_is_told_first_and_with_its_version(machine, tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = "import sys; sys.version_info = (3, 10, 2); sys.version = '3.10.2 (main)'; exec('''$2''')"

    done = machine("make", "run", "PYTHON=python3", python3=f'{sys.executable} -c "{old}"')

    told, made = done.stderr.splitlines()
    assert told == "Python 3.11 or newer is needed; this is 3.10.2. PYTHON=… picks another."
    assert made.startswith("make: *** ")
    assert not os.path.lexists(tmp_path / ".venv")


def test_a_command_without_the_packages_tells_where_they_are(machine):
    done = machine(sys.executable, "-S", ROOT / "manage.py", "check")

    told = "No module named 'django': `make run` installs what is needed into .venv, whose Python"
    assert (done.returncode, done.stderr) == (1, f"{told} has it.\n")


def test_a_machine_that_lets_open_too_few_files_is_told(machine, tmp_path):
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "server", tmp_path / "scripts")

    done = machine("bash", "-c", "ulimit -n 64; scripts/server", python="echo 127.0.0.1 8000 2 10")

    told = "The limit of open files is 64; each connection is one, and it must be 512 or more"
    assert (done.returncode, done.stderr) == (1, f"{told} (ulimit -n).\n")


def test_the_server_takes_the_python_that_make_run_made(machine, tmp_path):
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "server", tmp_path / "scripts")
    without_packages = f'exec {sys.executable} -S "$@"'

    told = "No module named 'django': `make run` installs what is needed into .venv.\n"
    assert machine("scripts/server", python=without_packages).stderr == told
    own.write_text("#!/bin/bash\necho of .venv >&2; exit 1\n")
    own.chmod(0o755)
    assert machine("scripts/server").stderr == "of .venv\n"
    (tmp_path / "pyvenv.cfg").touch()  # beside the programs: another environment is in force
    assert machine("scripts/server").stderr == told


SECRETS = ["SECRET_KEY", "MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD"]


@pytest.mark.parametrize(
    ("there", "added"),
    [
        (None, SECRETS),
        ("PORT=8100", SECRETS),
        ("MYSQL_PASSWORD='' \nSECRET_KEY= # none\n", SECRETS),
        ("export SECRET_KEY=#k\r\nMYSQL_PASSWORD=''a\n", ["MYSQL_ROOT_PASSWORD"]),
        ('SECRET_KEY=k\nMYSQL_PASSWORD=p # his\nMYSQL_ROOT_PASSWORD="r"', []),
    ],
)
def test_a_dot_env_that_is_there_gets_the_secrets_that_it_lacks(machine, tmp_path, there, added):
    (tmp_path / "scripts").mkdir()
    for name in ("Makefile", "scripts/new_env.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    dot_env = tmp_path / ".env"
    if there is not None:
        dot_env.write_text(there, newline="")

    first, again = machine("make", "env"), machine("make", "env")

    assert first.stderr == f".env gets {', '.join(added) or 'nothing: it has all'}.\n"
    assert again.stderr == ".env gets nothing: it has all.\n"
    assert (first.returncode, again.returncode) == (0, 0)
    before, after = (there or "").splitlines(), dot_env.read_text().splitlines()
    assert after[: len(before)] == before
    fresh = [line.partition("=") for line in after[len(before) :] if not line.startswith("#")]
    assert [name for name, _, _ in fresh] == added
    assert all(len(value) >= 32 for _, _, value in fresh)
    assert dot_env.stat().st_mode & 0o777 == 0o600
