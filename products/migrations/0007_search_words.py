"""Names are searched by what they show, and the full-text index has words of our own.

A word for each pair of neighbouring characters, which the parser that every server has takes for
one: MySQL's n-gram parser knew neither single characters nor most scripts, and MariaDB has none.
"""

from django.db import migrations

import products.models
from products.search import search_text, search_words

NGRAM_INDEX = "product_search_fulltext"
WORDS_INDEX = "product_words_fulltext"
BATCH = 1_000


def write_texts(apps, schema_editor):
    """A batch at a time, each in its own transaction: a product is locked for moments only."""
    connection = schema_editor.connection
    last = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT id, name FROM products_product WHERE id > %s ORDER BY id LIMIT %s",
                [last, BATCH],
            )
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.executemany(
                "UPDATE products_product SET search_name = %s, search_words = %s"
                " WHERE id = %s AND name = %s",
                [(search_text(name), search_words(name), pk, name) for pk, name in rows],
            )
            last = rows[-1][0]


def drop_ngram_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "mysql" and not connection.mysql_is_mariadb:
        schema_editor.execute(f"DROP INDEX {NGRAM_INDEX} ON products_product")


def add_words_index(apps, schema_editor):
    if schema_editor.connection.vendor == "mysql":
        schema_editor.execute(
            f"CREATE FULLTEXT INDEX {WORDS_INDEX} ON products_product (search_words)"
        )


def drop_words_index(apps, schema_editor):
    if schema_editor.connection.vendor == "mysql":
        schema_editor.execute(f"DROP INDEX {WORDS_INDEX} ON products_product")


def add_ngram_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "mysql" and not connection.mysql_is_mariadb:
        schema_editor.execute(
            f"CREATE FULLTEXT INDEX {NGRAM_INDEX} ON products_product (search_name)"
            " WITH PARSER ngram"
        )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("products", "0006_import_file_seen")]

    operations = [
        migrations.RunPython(drop_ngram_index, add_ngram_index, elidable=False),
        migrations.AlterField(
            model_name="product",
            name="search_name",
            field=products.models.FoldedNameField(
                default="", editable=False, max_length=products.models.SEARCH_TEXT_MAX_LENGTH
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="search_words",
            field=products.models.NameWordsField(default="", editable=False),
        ),
        migrations.RunPython(write_texts, migrations.RunPython.noop, elidable=False),
        migrations.RunPython(add_words_index, drop_words_index, elidable=False),
    ]
