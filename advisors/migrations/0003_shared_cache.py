"""Make the table of the cache that all web processes share: it counts failed sign-ins."""

from django.core.management import call_command
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def make_table(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the table; nothing happens where the cache is elsewhere or the table stands."""
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("advisors", "0002_audit_is_append_only")]

    operations = [migrations.RunPython(make_table, migrations.RunPython.noop)]
