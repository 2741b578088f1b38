import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def let_managers_start(apps, schema_editor):
    """Shop managers start audits, if there is such a group still."""
    alias = schema_editor.connection.alias
    group = apps.get_model("auth", "Group").objects.using(alias).filter(name="shop manager").first()
    if group is None:
        return
    # Permissions are made after all migrations; this one is needed now.
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.using(alias).get_or_create(
        app_label="ecommerce", model="auditrun"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.using(alias).get_or_create(
        content_type=kind, codename="add_auditrun", defaults={"name": "Can add audit run"}
    )
    group.permissions.add(permission)


class Migration(migrations.Migration):

    dependencies = [
        ('ecommerce', '0003_no_closed_days'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RunningAudit',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('key', models.UUIDField(default=uuid.uuid4)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('done', models.PositiveSmallIntegerField(default=0)),
                ('alive_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'running audit',
                'verbose_name_plural': 'running audits',
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='running_audit_one_at_most')],
            },
        ),
        migrations.AddField(
            model_name='auditrun',
            name='told',
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.RunPython(let_managers_start, migrations.RunPython.noop),
    ]
