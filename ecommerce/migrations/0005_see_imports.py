"""Who sees adjustments of stock sees imports."""

from django.db import migrations


def let_them_look(apps, schema_editor):
    """Give each group that may look at adjustments the permission to look at imports."""
    alias = schema_editor.connection.alias
    # Permissions are made after all migrations; this one is needed now.
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.using(alias).get_or_create(
        app_label="products", model="importfile"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.using(alias).get_or_create(
        content_type=kind, codename="view_importfile", defaults={"name": "Can view import"}
    )
    looking = {
        "permissions__content_type__app_label": "products",
        "permissions__codename": "view_stockadjustment",
    }
    for group in apps.get_model("auth", "Group").objects.using(alias).filter(**looking):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("ecommerce", "0004_running_audit"),
        ("products", "0009_imported_change"),
    ]

    operations = [migrations.RunPython(let_them_look, migrations.RunPython.noop)]
