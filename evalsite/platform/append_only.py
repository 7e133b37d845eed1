"""Migration operation: refuse UPDATE, DELETE and TRUNCATE on a table, by trigger."""

from django.db import migrations


def append_only(table: str) -> migrations.RunSQL:
    """Stands on the function refuse_change(), made by the platform's second migration."""
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_change();"
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();",
        f"DROP TRIGGER {table}_append_only ON {table}; DROP TRIGGER {table}_no_truncate ON {table};",
    )
