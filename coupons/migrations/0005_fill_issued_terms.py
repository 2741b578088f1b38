from django.db import migrations
from django.db.models import OuterRef, Subquery

TERMS = ("discount_type", "discount_value", "max_discount", "min_order_amount")
ROWS = 10_000
"""How many ids one statement fills, and locks the coupons of, in a transaction of its own."""


def fill(apps, schema_editor):
    """Give the coupons that aren't used the terms of their campaign.

    What the used ones gave is on their orders: those may have been placed on terms that the
    campaign had then. A run that was interrupted is simply started again.
    """
    campaigns = apps.get_model("coupons", "Coupon").objects.using(schema_editor.connection.alias)
    issued = apps.get_model("coupons", "IssuedCoupon").objects.using(schema_editor.connection.alias)
    campaign = campaigns.filter(pk=OuterRef("coupon"))
    terms = {name: Subquery(campaign.values(name)) for name in TERMS}
    first = issued.order_by("pk").values_list("pk", flat=True).first() or 0
    last = issued.order_by("-pk").values_list("pk", flat=True).first() or -1
    for start in range(first, last + 1, ROWS):
        rows = issued.filter(pk__gte=start, pk__lt=start + ROWS)
        rows.filter(used_at=None, discount_type=None).update(**terms)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('coupons', '0004_issued_terms'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
