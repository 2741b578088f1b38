"""Gives names with letters that look like others the key that they have now; who has a name that looks like an earlier one keeps both."""

from django.db import migrations

from users.names import fold

BATCH = 1_000


def refill(apps, schema_editor):
    User = apps.get_model('users', 'User')
    last = 0
    while True:
        members = list(
            User.objects.filter(pk__gt=last).order_by('pk').values_list('pk', 'username', 'name_key')[:BATCH]
        )
        if not members:
            return
        last = members[-1][0]
        for pk, name, key in members:
            if name.isascii():
                continue
            folded = fold(name)
            if key is None or key == folded or key.startswith(f'{folded}#'):
                continue
            is_taken = User.objects.filter(name_key=folded).exists()
            User.objects.filter(pk=pk).update(name_key=f'{folded}#{pk}' if is_taken else folded)


class Migration(migrations.Migration):

    # Each row by itself: nobody who signs up or in waits for it, and a second run goes on.
    atomic = False

    dependencies = [
        ('users', '0006_fill_name_keys'),
    ]

    operations = [
        migrations.RunPython(refill, migrations.RunPython.noop),
    ]
