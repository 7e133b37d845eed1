from django.urls import path

from evalsite.platform.views import account, audit, health, home, invitations, jobs, people, styleguide, tokens

urlpatterns = [
    path("", home.home, name="home"),
    path("login", account.login, name="login"),
    path("logout", account.logout, name="logout"),
    path("account", account.account, name="account"),
    path("theme", home.theme, name="theme"),
    path("invite/<str:token>", invitations.accept_invitation, name="accept_invitation"),
    path("people", people.people, name="people"),
    path("people/invite", invitations.new_invitation, name="new_invitation"),
    path("people/invitations/<int:invitation_id>/revoke", invitations.revoke_invitation, name="revoke_invitation"),
    path("people/<int:person_id>", people.person, name="person"),
    path("people/<int:person_id>/deactivate", people.deactivate_person, name="deactivate_person"),
    path("people/<int:person_id>/reactivate", people.reactivate_person, name="reactivate_person"),
    path("people/<int:person_id>/password", people.replace_password, name="replace_password"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/new", tokens.new_token, name="new_token"),
    path("tokens/<int:token_id>/revoke", tokens.revoke_token, name="revoke_token"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<uuid:job_id>", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/retry", jobs.retry_job, name="retry_job"),
    path("jobs/<uuid:job_id>/cancel", jobs.cancel_job, name="cancel_job"),
    path("audit", audit.audit, name="audit"),
    path("audit/chain", audit.audit_chain, name="audit_chain"),
    path("styleguide", styleguide.styleguide, name="styleguide"),
    path("favicon.ico", home.favicon, name="favicon"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
