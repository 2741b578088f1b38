"""A file system in a file: a disk that is small, and that can lose its power.

What a program wrote and did not force out is the kernel's until it writes it down, seconds later.
A kill leaves it there; a power cut does not. It needs root and a loop device.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SMALLEST_MB = 8


@dataclass(frozen=True, slots=True)
class Disk:
    """One that is mounted."""

    place: Path
    image: Path

    def cut_power(self) -> Path:
        """Lose all that had not been written by now, and go on with the rest; returns its place.

        Whoever used it must be dead.
        """
        copy = self.image.with_suffix(".copy")
        _run("cp", "--sparse=always", str(self.image), str(copy))
        _run("umount", "--lazy", str(self.place))
        copy.replace(self.image)
        _run("mount", "-o", "loop", str(self.image), str(self.place))
        return self.place


@contextmanager
def disk(folder: Path, megabytes: int, owner: int = 0) -> Iterator[Disk]:
    """An empty one, which is a user's (by number), with its file in the folder.

    Raises CalledProcessError where that can't be had.
    """
    made = Disk(folder / "disk", folder / "disk.img")
    made.place.mkdir(parents=True)
    made.image.touch()
    os.truncate(made.image, megabytes * 1024**2)
    _run("mkfs.ext4", "-qF", "-m0", "-E", f"root_owner={owner}:{owner}", str(made.image))
    _run("mount", "-o", "loop", str(made.image), str(made.place))
    try:
        (made.place / "lost+found").rmdir()  # which its user could not look into
        yield made
    finally:
        _run("umount", str(made.place))


def can_mount() -> bool:
    """Whether such a disk can be had here."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        return False
    try:
        with tempfile.TemporaryDirectory() as folder, disk(Path(folder), SMALLEST_MB):
            return True
    except subprocess.CalledProcessError:
        return False


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
