"""Lists and charts filter and count by category and identity without opening the texts."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('experiments', '0004_append_only_evidence'),
    ]

    operations = [
        migrations.AddField(
            model_name='blindedpair',
            name='category',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='blindedpair',
            name='identical',
            field=models.BooleanField(default=False, help_text='both responses are the same: tied, never shown'),
        ),
    ]
