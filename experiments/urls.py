from django.urls import URLPattern, URLResolver, path

from experiments.views import imports

urlpatterns: list[URLPattern | URLResolver] = [
    path("imports/", imports.imports, name="imports"),
    path("imports/new", imports.new_import, name="new_import"),
    path("imports/<uuid:import_id>/", imports.pair_import, name="pair_import"),
    path("imports/<uuid:import_id>/check", imports.check_import, name="check_import"),
    path("imports/<uuid:import_id>/commit", imports.commit_import, name="commit_import"),
    path("imports/<uuid:import_id>/discard", imports.discard_import, name="discard_import"),
    path("imports/<uuid:import_id>/problems.csv", imports.import_problems, name="import_problems"),
]
