"""What an import did is a row for each of its transactions, not for each change of a product.

What imports did before is forgotten, and can't be undone: no release has kept it.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("products", "0009_imported_change")]

    operations = [
        migrations.CreateModel(
            name="ImportedBatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kept_changes", models.JSONField()),
                ("is_undone", models.BooleanField(default=False)),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="batches",
                        to="products.importfile",
                    ),
                ),
            ],
            options={"default_permissions": ()},
        ),
        migrations.DeleteModel(name="ImportedChange"),
    ]
