"""An output is what a model said; what was said does not change."""

from django.db import migrations

from evalsite.platform.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("experiments", "0005_pairs_know_their_category")]

    operations = [append_only("experiments_output")]
