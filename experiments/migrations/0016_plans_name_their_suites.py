"""A plan names the sets it draws from. Arguments of tool calls that are JSON text are read where pairs are frozen."""

import django.contrib.postgres.fields
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

READ_JSON = """
CREATE FUNCTION experiments_json(written text) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN pg_input_is_valid(written, 'jsonb') THEN written::jsonb END
"""
# Before PostgreSQL 16 only the attempt tells.
READ_JSON_BY_TRYING = """
CREATE FUNCTION experiments_json(written text) RETURNS jsonb LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN written::jsonb; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$
"""
FORGET = "DROP FUNCTION experiments_json(text)"
HAS_INPUT_IS_VALID = 160_000


def make_function(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        [version] = cursor.fetchone()
        cursor.execute(READ_JSON if int(version) >= HAS_INPUT_IS_VALID else READ_JSON_BY_TRYING)


def drop_function(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute(FORGET)


class Migration(migrations.Migration):
    dependencies = [("experiments", "0015_live_tests")]

    operations = [
        migrations.AddField(
            model_name="campaignplan",
            name="eval_sets",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                help_text="ids of those whose cases are drawn from; null for all",
                null=True,
                size=None,
            ),
        ),
        migrations.RunPython(make_function, drop_function),
    ]
