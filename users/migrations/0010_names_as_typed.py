"""Lets the lock after wrong passwords tell names apart as members are told apart: exactly.

The column is of a library, which leaves to the server what it compares by: MySQL took "mínji" for
"minji", so that whoever had the one could clear, or fill, the count of the other.
"""

from django.db import migrations

from common.db.fields import ExactCharField


def compare_exactly(apps, schema_editor):
    if schema_editor.connection.vendor != 'mysql':
        return
    attempts = apps.get_model('axes', 'AccessAttempt')
    username = attempts._meta.get_field('username')
    exact = ExactCharField(max_length=username.max_length, null=True, db_index=True)
    exact.set_attributes_from_name(username.name)
    exact.model = attempts
    schema_editor.alter_field(attempts, username, exact)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('users', '0009_more_look_alike_names'),
        ('axes', '0010_accessattemptexpiration'),
    ]

    operations = [
        migrations.RunPython(compare_exactly, migrations.RunPython.noop),
    ]
