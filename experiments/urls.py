from django.urls import URLPattern, URLResolver, path

from experiments.views import (
    campaign_drafts,
    campaign_steps,
    campaigns,
    experiments,
    exports,
    imports,
    pairs,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("experiments/", experiments.experiments, name="experiments"),
    path("experiments/<int:experiment_id>/", experiments.experiment, name="experiment"),
    path("experiments/<int:experiment_id>/pairs/", pairs.experiment_pairs, name="experiment_pairs"),
    path("experiments/<int:experiment_id>/campaigns/new", campaign_drafts.new_campaign, name="new_campaign"),
    path("campaigns/<uuid:campaign_uuid>/", campaigns.campaign, name="campaign"),
    path("campaigns/<uuid:campaign_uuid>/edit", campaign_drafts.edit_campaign, name="edit_campaign"),
    path("campaigns/<uuid:campaign_uuid>/discard", campaign_drafts.discard_campaign, name="discard_campaign"),
    path("campaigns/<uuid:campaign_uuid>/open", campaign_drafts.open_campaign, name="open_campaign"),
    path("campaigns/<uuid:campaign_uuid>/back-to-draft", campaign_drafts.back_to_draft, name="back_to_draft"),
    path("campaigns/<uuid:campaign_uuid>/manage", campaigns.manage_campaign, name="manage_campaign"),
    path("campaigns/<uuid:campaign_uuid>/step", campaign_steps.step_campaign, name="step_campaign"),
    path("campaigns/<uuid:campaign_uuid>/reviewers", campaign_steps.add_reviewer, name="add_reviewer"),
    path(
        "campaigns/<uuid:campaign_uuid>/reviewers/figures",
        campaigns.campaign_reviewers,
        name="campaign_reviewers",
    ),
    path(
        "campaigns/<uuid:campaign_uuid>/reviewers/<int:seat_id>/remove",
        campaign_steps.remove_reviewer,
        name="remove_reviewer",
    ),
    path("campaigns/<uuid:campaign_uuid>/guidelines", campaign_steps.publish_guidelines, name="publish_guidelines"),
    path("campaigns/<uuid:campaign_uuid>/unblind", campaign_steps.unblind_campaign, name="unblind_campaign"),
    path("campaigns/<uuid:campaign_uuid>/pairs/", pairs.campaign_pairs, name="campaign_pairs"),
    path("campaigns/<uuid:campaign_uuid>/pairs/<int:task_id>/", pairs.campaign_pair, name="campaign_pair"),
    path("campaigns/<uuid:campaign_uuid>/pairs/<int:task_id>/gold", pairs.mark_gold, name="mark_gold"),
    path("campaigns/<uuid:campaign_uuid>/exports/<str:file>", exports.export_campaign, name="export_campaign"),
    path("imports/", imports.imports, name="imports"),
    path("imports/new", imports.new_import, name="new_import"),
    path("imports/<uuid:import_id>/", imports.file_import, name="file_import"),
    path("imports/<uuid:import_id>/check", imports.check_import, name="check_import"),
    path("imports/<uuid:import_id>/commit", imports.commit_import, name="commit_import"),
    path("imports/<uuid:import_id>/discard", imports.discard_import, name="discard_import"),
    path("imports/<uuid:import_id>/problems.csv", imports.import_problems, name="import_problems"),
]
