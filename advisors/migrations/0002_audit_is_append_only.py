"""Let the database itself forbid changing or deleting an audit event; only its seal may be set, once."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

TABLE = "advisors_auditevent"
CONTENT = (
    "id", "firm_id", "happened_at", "actor_id", "actor_name", "action", "subject_type", "subject_id", "household_id",
    "data", "reason", "source",
)  # fmt: skip

_SQLITE_SAME = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in CONTENT)
_POSTGRES_SAME = " AND ".join(f"NEW.{column} IS NOT DISTINCT FROM OLD.{column}" for column in CONTENT)

SQLITE_GUARDS = (
    f"""
    CREATE TRIGGER audit_only_seals BEFORE UPDATE ON {TABLE}
    WHEN NOT (OLD.sealed_at IS NULL AND NEW.sealed_at IS NOT NULL AND {_SQLITE_SAME})
    BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END
    """,
    f"""
    CREATE TRIGGER audit_keeps_all BEFORE DELETE ON {TABLE}
    BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END
    """,
)

POSTGRES_GUARDS = (
    f"""
    CREATE OR REPLACE FUNCTION audit_only_seals() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.sealed_at IS NULL AND NEW.sealed_at IS NOT NULL AND {_POSTGRES_SAME} THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'audit events are never changed' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE OR REPLACE FUNCTION audit_keeps_all() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit events are never deleted' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    f"CREATE TRIGGER audit_only_seals BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_only_seals()",
    f"CREATE TRIGGER audit_keeps_all BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_keeps_all()",
    f"CREATE TRIGGER audit_keeps_table BEFORE TRUNCATE ON {TABLE} EXECUTE FUNCTION audit_keeps_all()",
)


def set_guards(apps: StateApps | None, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Forbid changes and deletions."""
    guards = POSTGRES_GUARDS if schema_editor.connection.vendor == "postgresql" else SQLITE_GUARDS
    for statement in guards:
        schema_editor.execute(statement)


def lift_guards(apps: StateApps | None, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away: to migrate backwards, and for tests that empty their database."""
    is_postgres = schema_editor.connection.vendor == "postgresql"
    for name in ("audit_only_seals", "audit_keeps_all", *(("audit_keeps_table",) if is_postgres else ())):
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}{f' ON {TABLE}' if is_postgres else ''}")


class Migration(migrations.Migration):
    dependencies = [("advisors", "0001_people")]

    operations = [migrations.RunPython(set_guards, lift_guards)]
