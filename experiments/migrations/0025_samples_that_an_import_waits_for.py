"""An import tells the planner of its rows before anybody asks for them, and waits for the sample.

The size of a sample is that of the column with the finest statistics: 300 rows for each step (ANALYZE). With the usual
100 steps it took longer than writing a few thousand pairs. These columns are numbers of rows, a few sets or versions,
and categories: a fifth of the steps tells them apart as well.
"""

from django.db import migrations

STEPS = 20
COLUMNS = {
    "experiments_evalcase": ("id", "eval_set_id", "position", "category"),
    "experiments_output": ("id", "model_version_id", "case_id"),
}


def statements(steps):
    return [
        f"ALTER TABLE {table} " + ", ".join(f"ALTER COLUMN {column} SET STATISTICS {steps}" for column in columns)
        for table, columns in COLUMNS.items()
    ]


class Migration(migrations.Migration):
    dependencies = [("experiments", "0024_production_goes_first")]

    operations = [migrations.RunSQL(statements(STEPS), statements(-1))]
