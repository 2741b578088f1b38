"""The groups of the staff: shop managers, support, analysts, with what each may do.

Made once. Afterwards the groups are the shop's own: what is changed there stays.
"""

from django.contrib.auth.management import create_permissions
from django.db import migrations

APPS = ("admin", "users", "products", "coupons", "stats", "orders")

LOOKS = (
    "products.view_category",
    "products.view_product",
    "products.view_stockadjustment",
    "coupons.view_coupon",
    "coupons.view_issuedcoupon",
    "stats.view_dailyproductsales",
    "orders.view_order",
    "orders.view_orderitem",
    "users.view_user",
    "users.view_wallet",
    "users.view_wallettransaction",
)
CANCELS_ORDERS = ("orders.change_order",)
ADJUSTS_BALANCES = ("users.change_wallet",)
MANAGES = (
    "admin.view_logentry",
    "products.add_category",
    "products.change_category",
    "products.add_product",
    "products.change_product",
    "coupons.add_coupon",
    "coupons.change_coupon",
    "coupons.change_issuedcoupon",
    "users.add_user",
    "users.change_user",
)
GROUPS = {
    "shop manager": (*LOOKS, *CANCELS_ORDERS, *ADJUSTS_BALANCES, *MANAGES),
    "support": (*LOOKS, *CANCELS_ORDERS, *ADJUSTS_BALANCES),
    "analyst": LOOKS,
}


def make_groups(apps, schema_editor):
    """Make the groups that aren't there yet."""
    alias = schema_editor.connection.alias
    ensure_permissions(apps, alias)
    groups = apps.get_model("auth", "Group").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    for name, allowed in GROUPS.items():
        group, made = groups.get_or_create(name=name)
        if made:
            group.permissions.set([permission(permissions, label) for label in allowed])


def ensure_permissions(apps, alias):
    """Permissions are made after all migrations; on a fresh database there are none yet."""
    for label in APPS:
        config = apps.get_app_config(label)
        before = getattr(config, "models_module", None)  # a migration's apps have none
        config.models_module = before or True
        create_permissions(config, verbosity=0, using=alias, apps=apps)
        config.models_module = before


def permission(permissions, label):
    app_label, codename = label.split(".")
    return permissions.get(content_type__app_label=app_label, codename=codename)


class Migration(migrations.Migration):
    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("users", "0001_initial"),
        ("products", "0002_product_sku"),
        ("coupons", "0002_export_permission"),
        ("stats", "0001_initial"),
        ("orders", "0002_export_permission"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
