"""Each product gets a stock keeping unit: first an empty one, then the values, then unique.

Not null from the start: Django's MODIFY from null to not null forgets the column's collation on MySQL.

The rows there are get "P-" and their id, in batches, so that a table of a million rows is neither
locked for long nor turned into one huge transaction, where a transaction can't undo it anyway: MySQL
and MariaDB commit each change of a table. On SQLite all of it is one transaction.
"""

from django.db import migrations
from django.db.models import CharField, Max, Value
from django.db.models.functions import Cast, Concat

import common.db.fields
import products.models
from django.core.validators import RegexValidator

BATCH = 10_000


def name_products(apps, schema_editor):
    alias = schema_editor.connection.alias
    rows = apps.get_model("products", "Product").objects.using(alias).order_by()
    last = rows.aggregate(last=Max("pk"))["last"] or 0
    sku = Concat(Value("P-"), Cast("pk", CharField()))
    for start in range(0, last, BATCH):
        rows.filter(pk__gt=start, pk__lte=start + BATCH, sku="").update(sku=sku)


class Migration(migrations.Migration):
    dependencies = [("products", "0001_initial")]

    operations = [
        migrations.AlterModelOptions(
            name="product",
            options={
                "ordering": ["-created_at", "-id"],
                "permissions": [("export_product", "Can export products")],
                "verbose_name": "product",
                "verbose_name_plural": "products",
            },
        ),
        migrations.AddField(
            model_name="product",
            name="sku",
            field=common.db.fields.ExactCharField(default="", max_length=64),
        ),
        migrations.RunPython(name_products, migrations.RunPython.noop, atomic=False),
        migrations.AlterField(
            model_name="product",
            name="sku",
            field=common.db.fields.ExactCharField(
                default=products.models.new_sku,
                error_messages={"unique": "Another product has this SKU."},
                help_text="The stock keeping unit: how files and other systems know this product.",
                max_length=64,
                unique=True,
                validators=[
                    RegexValidator(
                        "^\\w[\\w./#-]*\\Z",
                        "Letters, digits and . _ - / # only, beginning with a letter or digit.",
                        code="invalid_sku",
                    )
                ],
                verbose_name="SKU",
            ),
        ),
    ]
