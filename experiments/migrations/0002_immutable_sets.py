"""Sets, cases and model versions never change or go; uploaded bytes are stored as they come, without compression."""

from django.db import migrations

from evalsite.platform.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("experiments", "0001_import_models")]

    operations = [
        append_only("experiments_evalset"),
        append_only("experiments_evalcase"),
        append_only("experiments_modelversion"),
        migrations.RunSQL(
            "ALTER TABLE experiments_uploadchunk ALTER COLUMN data SET STORAGE EXTERNAL;", migrations.RunSQL.noop
        ),
    ]
