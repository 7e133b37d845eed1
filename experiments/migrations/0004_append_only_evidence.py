"""Which response is whose, and who looked early, never change; a plan is frozen once it is registered."""

from django.db import migrations

from evalsite.platform.append_only import append_only

FREEZE_PLAN = """
CREATE TRIGGER experiments_campaignplan_frozen BEFORE UPDATE OR DELETE ON experiments_campaignplan
FOR EACH ROW WHEN (OLD.registered_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER experiments_campaignplan_no_truncate BEFORE TRUNCATE ON experiments_campaignplan
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
THAW_PLAN = """
DROP TRIGGER experiments_campaignplan_frozen ON experiments_campaignplan;
DROP TRIGGER experiments_campaignplan_no_truncate ON experiments_campaignplan;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0003_campaign_results"),
        ("platform", "0002_roles_and_append_only_audit"),
    ]

    operations = [
        append_only("experiments_blindedpair"),
        append_only("experiments_unblinding"),
        migrations.RunSQL(FREEZE_PLAN, THAW_PLAN),
        # Records of 24 bytes per pair, read whole: compressing them would cost more than it saves.
        migrations.RunSQL(
            "ALTER TABLE experiments_campaignresult ALTER COLUMN pairs SET STORAGE EXTERNAL;", migrations.RunSQL.noop
        ),
    ]
