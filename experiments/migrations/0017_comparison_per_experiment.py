"""Each experiment judges two runs by its own margin: one comparison of them in each, and one outside of all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("experiments", "0016_plans_name_their_suites")]

    operations = [
        migrations.RemoveConstraint(model_name="runcomparison", name="one_comparison_of_two_runs"),
        migrations.AddConstraint(
            model_name="runcomparison",
            constraint=models.UniqueConstraint(
                fields=("baseline_run", "candidate_run", "experiment"),
                name="one_comparison_of_two_runs_in_an_experiment",
                nulls_distinct=False,
            ),
        ),
    ]
