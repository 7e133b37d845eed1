"""Arguments that are no JSON are nothing, also where the server plans for the very text that it is given."""

from django.db import migrations

# Not as CASE WHEN pg_input_is_valid(…): a plan made for one text reads it as JSON before the condition is asked.
READ_JSON = """
CREATE OR REPLACE FUNCTION experiments_json(written text) RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE AS
$$ BEGIN RETURN written::jsonb; EXCEPTION WHEN data_exception THEN RETURN NULL; END $$
"""


class Migration(migrations.Migration):
    dependencies = [("experiments", "0022_merged_batch_counts")]

    operations = [migrations.RunSQL(READ_JSON, migrations.RunSQL.noop)]
