import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0009_slots_say_what_they_want"),
        ("platform", "0003_api_tokens"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="pairimport", name="a_done_import_has_its_experiment"),
        migrations.RemoveIndex(model_name="importproblem", name="problems_of_an_import"),
        migrations.RenameModel(old_name="PairImport", new_name="FileImport"),
        migrations.RenameField(model_name="fileimport", old_name="n_pairs", new_name="n_rows"),
        migrations.RenameField(model_name="importproblem", old_name="pair_import", new_name="file_import"),
        migrations.AddIndex(
            model_name="importproblem",
            index=models.Index(fields=["file_import", "severity", "id"], name="problems_of_an_import"),
        ),
        migrations.AddField(
            model_name="fileimport",
            name="kind",
            field=models.CharField(
                choices=[
                    ("pairs", "pairs"),
                    ("eval_set", "eval set"),
                    ("outputs", "outputs"),
                    ("judgments", "judgments"),
                ],
                default="pairs",
                help_text="what the file holds",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="fileimport",
            name="options",
            field=models.JSONField(
                default=dict, help_text="column mapping, names and what else the kind asks: as chosen"
            ),
        ),
        migrations.AddField(
            model_name="fileimport",
            name="eval_set",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="imports",
                to="experiments.evalset",
            ),
        ),
        migrations.AddField(
            model_name="fileimport",
            name="model_version",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="imports",
                to="experiments.modelversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="fileimport",
            constraint=models.CheckConstraint(
                condition=~Q(status="done")
                | Q(committed_at__isnull=False)
                & (Q(experiment__isnull=False) | Q(eval_set__isnull=False) | Q(model_version__isnull=False)),
                name="a_done_import_has_made_something",
            ),
        ),
    ]
