from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('experiments', '0017_comparison_per_experiment'),
    ]

    operations = [
        migrations.AlterField(
            model_name='runitem',
            name='error_class',
            field=models.CharField(blank=True, choices=[('timeout', 'no answer in time'), ('refused', 'connection refused or dropped'), ('dns', 'name not found'), ('blocked_address', 'address not allowed'), ('rate_limited', 'too many requests (429)'), ('http_4xx', 'request refused (4xx)'), ('http_5xx', 'server error (5xx)'), ('malformed', 'answer not understood'), ('too_large', 'answer too large'), ('empty', 'empty answer'), ('filtered', 'held back by a content filter'), ('truncated', 'cut off at the length limit'), ('budget', 'budget used up'), ('ended', 'ended by a person'), ('missing', 'no output imported')], max_length=20),
        ),
    ]
