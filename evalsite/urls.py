"""Every URL of the site, by app."""

from django.urls import include, path

# Reviewers' pages first: they are asked for most, and every pattern before them is tried each time.
urlpatterns = [
    path("", include("annotations.urls")),
    path("", include("evalsite.platform.urls")),
    path("", include("experiments.urls")),
]

handler400 = "evalsite.platform.views.errors.bad_request"
handler403 = "evalsite.platform.views.errors.permission_denied"
handler404 = "evalsite.platform.views.errors.page_not_found"
handler500 = "evalsite.platform.views.errors.server_error"
