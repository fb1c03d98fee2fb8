"""Let the database itself forbid changing or deleting an event of the lot journal."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLE = "portfolios_ledgerevent"

SQLITE_GUARDS = (
    f"""
    CREATE TRIGGER journal_never_changes BEFORE UPDATE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'events of the journal are never changed'); END
    """,
    f"""
    CREATE TRIGGER journal_keeps_all BEFORE DELETE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'events of the journal are never deleted'); END
    """,
)

POSTGRES_GUARDS = (
    """
    CREATE OR REPLACE FUNCTION journal_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'events of the journal are never changed or deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    f"CREATE TRIGGER journal_never_changes BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION journal_stays()",
    f"CREATE TRIGGER journal_keeps_all BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION journal_stays()",
    f"CREATE TRIGGER journal_keeps_table BEFORE TRUNCATE ON {TABLE} EXECUTE FUNCTION journal_stays()",
)


def set_guards(apps: StateApps | None, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Forbid changes and deletions."""
    guards = POSTGRES_GUARDS if schema_editor.connection.vendor == "postgresql" else SQLITE_GUARDS
    for statement in guards:
        schema_editor.execute(statement)


def lift_guards(apps: StateApps | None, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away: to migrate backwards, and for tests that empty their database."""
    is_postgres = schema_editor.connection.vendor == "postgresql"
    for name in ("journal_never_changes", "journal_keeps_all", *(("journal_keeps_table",) if is_postgres else ())):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{f' ON {TABLE}' if is_postgres else ''}")


class Migration(migrations.Migration):
    dependencies = [("portfolios", "0001_what_is_owned")]

    operations = [migrations.RunPython(set_guards, lift_guards)]
