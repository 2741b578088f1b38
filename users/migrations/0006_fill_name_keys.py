"""Gives every member the key of their name; who has a name that is one with an earlier one keeps both.

A batch at a time, each in its own transaction: a member is locked for moments only.
"""

from django.db import migrations, transaction

from users.names import fold

BATCH = 1_000


def fill(apps, schema_editor):
    User = apps.get_model('users', 'User')
    last = 0
    while True:
        members = list(
            User.objects.filter(pk__gt=last).order_by('pk').values_list('pk', 'username', 'name_key')[:BATCH]
        )
        if not members:
            return
        last = members[-1][0]
        # In a second run, too, after one that broke off.
        missing = [(pk, fold(name)) for pk, name, key in members if key is None]
        taken = set(
            User.objects.filter(name_key__in=[key for _, key in missing]).values_list('name_key', flat=True)
        )
        values = []
        for pk, key in missing:
            values.append((f'{key}#{pk}' if key in taken else key, pk))
            taken.add(key)
        if values:
            connection = schema_editor.connection
            with transaction.atomic(connection.alias), connection.cursor() as cursor:
                cursor.executemany('UPDATE users_user SET name_key = %s WHERE id = %s', values)


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0005_one_name'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, atomic=False),
    ]
