"""Judgments and flags are evidence: a correction is a new row. Seats are updated at every pair, so leave them room."""

from django.db import migrations

from evalsite.platform.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("annotations", "0001_initial"),
        ("platform", "0002_roles_and_append_only_audit"),
    ]

    operations = [
        append_only("annotations_judgment"),
        append_only("annotations_flag"),
        migrations.RunSQL(
            "ALTER TABLE annotations_seat SET (fillfactor = 50);",
            "ALTER TABLE annotations_seat RESET (fillfactor);",
        ),
    ]
