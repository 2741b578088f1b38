"""Gives names whose letters look like others by a longer list the key that they have now."""

from importlib import import_module

from django.db import migrations

refill = import_module('users.migrations.0007_look_alike_names').refill


class Migration(migrations.Migration):

    # Each row by itself: nobody who signs up or in waits for it, and a second run goes on.
    atomic = False

    dependencies = [
        ('users', '0008_answered_at'),
    ]

    operations = [
        migrations.RunPython(refill, migrations.RunPython.noop),
    ]
