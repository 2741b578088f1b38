"""Refresh tokens that are still good become sessions, and the tables that held them as text go.

The tables were those of an app of the library that is installed no longer; where it never was,
there is nothing to move. What is good is known by its hash from now on.
"""

from datetime import UTC, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import migrations
from django.utils import timezone
from django.utils.dateparse import parse_datetime

APP = 'token_blacklist'
TOKENS, USED = f'{APP}_outstandingtoken', f'{APP}_blacklistedtoken'
BATCH = 1_000


def move(apps, schema_editor):
    connection = schema_editor.connection
    if TOKENS not in connection.introspection.table_names():
        return
    Session = apps.get_model('users', 'Session')
    now, last = timezone.now(), 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f'SELECT t.id, t.user_id, t.jti, t.created_at, t.expires_at FROM {TOKENS} t'
                f' LEFT JOIN {USED} u ON u.token_id = t.id'
                ' WHERE t.id > %s AND u.id IS NULL AND t.user_id IS NOT NULL'
                f' ORDER BY t.id LIMIT {BATCH}',
                [last],
            )
            rows = cursor.fetchall()
        if not rows:
            break
        last = rows[-1][0]
        Session.objects.bulk_create(
            [
                Session(
                    user_id=user_id,
                    token_hash=sha256(jti.encode()).hexdigest(),
                    began_after=0,
                    created_at=began,
                    used_at=began,
                    expires_at=began + timedelta(days=settings.SESSION_DAYS),
                )
                for _, user_id, jti, created_at, expires_at in rows
                if moment(expires_at) > now
                for began in [moment(created_at) or now]
            ],
            ignore_conflicts=True,  # of a run that broke off half-way
        )


def moment(stored):
    """A time as the driver has it, which knows no zones: it is stored in UTC."""
    value = parse_datetime(stored) if isinstance(stored, str) else stored
    return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


def drop(apps, schema_editor):
    connection = schema_editor.connection
    existing = connection.introspection.table_names()
    for table in (USED, TOKENS):
        if table in existing:
            schema_editor.execute(f'DROP TABLE {table}')
    # With the permissions that nobody can be given any more. What staff did to them stays in the log.
    kinds = apps.get_model('contenttypes', 'ContentType').objects.filter(app_label=APP)
    apps.get_model('admin', 'LogEntry').objects.filter(content_type__in=list(kinds)).update(content_type=None)
    kinds.delete()


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0003_sessions'),
        ('admin', '0003_logentry_add_action_flag_choices'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
    ]

    operations = [
        # Outside of a transaction: a batch has its own, and MySQL has none for DDL.
        migrations.RunPython(move, migrations.RunPython.noop, atomic=False),
        migrations.RunPython(drop, migrations.RunPython.noop, atomic=False),
    ]
