"""The first full-text index of the names, on MySQL; `0007_search_words` takes another.

MariaDB 10.11 has no n-gram parser, and SQLite's finds three characters at least: there a search
compares the names one by one.
"""

from django.db import migrations

INDEX = "product_search_fulltext"


def add_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "mysql" or connection.mysql_is_mariadb:
        return
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_ft_enable_stopword = OFF")
        cursor.execute(
            f"CREATE FULLTEXT INDEX {INDEX} ON products_product (search_name) WITH PARSER ngram"
        )


def drop_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor == "mysql" and not connection.mysql_is_mariadb:
        schema_editor.execute(f"DROP INDEX {INDEX} ON products_product")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("products", "0002_product_sku")]

    operations = [migrations.RunPython(add_index, drop_index, elidable=False)]
