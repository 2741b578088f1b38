"""`manage.py migrate` that is told to end: between two migrations, never in the middle of one."""

import os
import signal
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.commands import migrate
from django.db.migrations import Migration


def migrate_by(monkeypatch, *steps):
    """The steps that were taken of these when `migrate` ended, and what it said."""
    taken, said = [], StringIO()

    def handle(command, **options):
        for step in steps:
            if isinstance(step, str):
                command.migration_progress_callback(step, Migration("0001", "shop"))
            else:
                os.kill(os.getpid(), step)
            taken.append(step)

    monkeypatch.setattr(migrate.Command, "handle", handle)
    monkeypatch.setattr(migrate.Command, "verbosity", 0, raising=False)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        call_command("migrate", stderr=said)
    assert signal.getsignal(signal.SIGINT) is before
    return taken, said.getvalue()


STARTS, ENDS = "apply_start", "apply_success"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_migrate_ends_between_two_migrations(monkeypatch, number):
    steps = [STARTS, number, "render_start", ENDS, STARTS]

    taken, said = migrate_by(monkeypatch, *steps)

    assert taken == steps[:3]
    assert said == "Ends after the migration under way; Ctrl-C again cuts it off.\n"


def test_a_second_ctrl_c_cuts_a_migration_off(monkeypatch):
    taken, _ = migrate_by(monkeypatch, STARTS, signal.SIGINT, signal.SIGINT, ENDS)

    assert taken == [STARTS, signal.SIGINT]


def test_told_after_the_last_migration_it_is_not_gone_on(monkeypatch):
    taken, _ = migrate_by(monkeypatch, STARTS, ENDS, signal.SIGINT)

    assert taken == [STARTS, ENDS, signal.SIGINT]
