"""The three roles, and the trigger function that makes a table append-only."""

from django.db import migrations

from evalsite.platform.append_only import append_only

CREATE_REFUSAL = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
"""


def create_roles(apps, schema_editor) -> None:
    for name in ("reviewer", "admin", "lead"):
        apps.get_model("auth", "Group").objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("platform", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunSQL(CREATE_REFUSAL, "DROP FUNCTION refuse_change();"),
        append_only("platform_auditentry"),
        migrations.RunPython(create_roles, migrations.RunPython.noop),
    ]
