"""The full-text index of the names, on MySQL: any two neighbouring characters find a name.

MariaDB 10.11 has no n-gram parser, and SQLite's finds three characters at least: there a search
compares the names one by one.
"""

from django.db import migrations

INDEX = "product_search_fulltext"


class NGramSizeError(Exception):
    """The server cuts names into parts of another length than a search asks for."""


def add_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "mysql" or connection.mysql_is_mariadb:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@ngram_token_size")
        (size,) = cursor.fetchone()
        if size != 2:
            raise NGramSizeError(
                f"ngram_token_size is {size}: set it to 2, MySQL's default, and migrate again."
            )
        # Stop words are off in all sessions of ours (settings.py); with them, pairs that contain
        # "a" or "i" would be left out.
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
