"""Who may see a list may export it: permissions of their own for it say nothing any more."""

from django.db import migrations

GONE = {"products": "export_product", "coupons": "export_issuedcoupon", "orders": "export_order"}


def delete_them(apps, schema_editor):
    """Delete them, and that groups and members have them."""
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    for app_label, codename in GONE.items():
        permissions.filter(content_type__app_label=app_label, codename=codename).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("ecommerce", "0005_see_imports"),
        ("products", "0011_drop_export_permission"),
        ("coupons", "0007_drop_export_permission"),
        ("orders", "0004_drop_export_permission"),
    ]

    operations = [migrations.RunPython(delete_them, migrations.RunPython.noop)]
