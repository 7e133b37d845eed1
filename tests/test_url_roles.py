"""Who may see which URL. A URL that is not declared here fails the run: add its line with the view."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from itertools import product
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter, SlugConverter, StringConverter, UUIDConverter
from django.utils import timezone

from evalsite.platform import api_tokens
from evalsite.platform.models import User
from evalsite.platform.sessions import SessionStore
from experiments.api.site import description
from tests.factories.platform_ import make_user

ANYONE = frozenset({"stranger", "nobody", "reviewer", "admin", "lead"})
LOGGED_IN = ANYONE - {"stranger"}
REVIEWER = frozenset({"reviewer"})
LEADING = frozenset({"admin", "lead"})
ADMIN = frozenset({"admin"})
LEAD = frozenset({"lead"})

# name of the URL: who gets past the gate (to a page, or to 404 for a row that is not there or not theirs)
WHO_MAY_SEE = {
    # platform
    "home": LOGGED_IN,
    "login": ANYONE,
    "logout": ANYONE,
    "account": LOGGED_IN,
    "theme": ANYONE,
    "accept_invitation": ANYONE,
    "people": ADMIN,
    "new_invitation": ADMIN,
    "revoke_invitation": ADMIN,
    "person": ADMIN,
    "deactivate_person": ADMIN,
    "reactivate_person": ADMIN,
    "replace_password": ADMIN,
    "tokens": LEADING,
    "new_token": LEADING,
    "revoke_token": LEADING,
    "jobs": LEADING,
    "job": LEADING,
    "retry_job": LEADING,
    "cancel_job": LEADING,
    "audit": LEADING,
    "audit_chain": LEADING,
    "styleguide": LEADING,
    "favicon": ANYONE,
    "healthz": ANYONE,
    "readyz": ANYONE,
    # annotations
    "review": REVIEWER,
    "judge": REVIEWER,
    "submit_judgment": REVIEWER,
    "skip_pair": REVIEWER,
    "flag_pair": REVIEWER,
    "heartbeat": REVIEWER,
    "read_guidelines": REVIEWER,
    "recent_pairs": REVIEWER,
    "back": REVIEWER,
    "pair": REVIEWER,
    # experiments
    "experiments": LEADING,
    "experiment": LEADING,
    "new_experiment": LEADING,
    "experiment_work": LEADING,
    "mark_as_seen": LEADING,
    "gather_evidence": LEADING,
    "pipelines": LEADING,
    "start_pipeline": LEADING,
    "follow_pipeline": LEADING,
    "cancel_pipeline": LEADING,
    "hooks": LEADING,
    "new_hook": LEADING,
    "remove_hook": LEADING,
    "deliver_again": LEADING,
    "decisions": LEADING,
    "sign_decision": LEAD,
    "decision": LEADING,
    "decision_report": LEADING,
    "export_decision": LEADING,
    "policy": LEADING,
    "edit_policy": LEADING,
    "start_policy": LEADING,
    "register_policy": LEADING,
    "discard_policy": LEADING,
    "export_draft": LEADING,
    "past_policy": LEADING,
    "export_policy": LEADING,
    "policy_schema": LEADING,
    "experiment_pairs": LEADING,
    "new_campaign": LEADING,
    "campaign": LEADING,
    "edit_campaign": LEADING,
    "discard_campaign": LEADING,
    "open_campaign": LEADING,
    "back_to_draft": LEADING,
    "manage_campaign": LEADING,
    "step_campaign": LEADING,
    "add_reviewer": LEADING,
    "campaign_reviewers": LEADING,
    "remove_reviewer": LEADING,
    "publish_guidelines": LEADING,
    "unblind_campaign": LEAD,
    "release_skips": LEADING,
    "lower_planned": LEAD,
    "campaign_pairs": LEADING,
    "mark_gold": LEAD,
    "campaign_pair": LEADING,
    "export_campaign": LEADING,
    "models": LEADING,
    "new_model_version": LEADING,
    "model_version": LEADING,
    "endpoints": LEADING,
    "new_endpoint": LEADING,
    "endpoint": LEADING,
    "edit_endpoint": LEADING,
    "check_endpoint": LEADING,
    "set_endpoint_key": LEADING,
    "remove_endpoint_key": LEADING,
    "archive_endpoint": LEADING,
    "restore_endpoint": LEADING,
    "runs": LEADING,
    "new_run": LEADING,
    "run": LEADING,
    "step_run": LEADING,
    "run_cases": LEADING,
    "run_case": LEADING,
    "rescore_run": LEADING,
    "run_scorer": LEADING,
    "export_scores": LEADING,
    "export_lm_eval": LEADING,
    "comparisons": LEADING,
    "new_comparison": LEADING,
    "comparison": LEADING,
    "renew_comparison": LEADING,
    "comparison_changes": LEADING,
    "suite_history": LEADING,
    "start_missing_runs": LEADING,
    "live_tests": LEADING,
    "new_live_test": LEADING,
    "edit_live_test": LEADING,
    "discard_live_test": LEADING,
    "live_test_plan": LEADING,
    "export_live_plan": LEADING,
    "step_live_test": LEADING,
    "live_test": LEADING,
    "refused_events": LEADING,
    "export_live_result": LEADING,
    "live_test_refused": LEADING,
    "live_test_conflicts": LEADING,
    "live_test_units": LEADING,
    "live_test_unit": LEADING,
    "api_docs": LEADING,
    "openapi": ANYONE,
    "eval_sets": LEADING,
    "eval_set": LEADING,
    "eval_case": LEADING,
    "eval_set_changes": LEADING,
    "export_eval_set": LEADING,
    "export_overlaps": LEADING,
    "use_eval_set": LEADING,
    "imports": LEADING,
    "new_import": LEADING,
    "file_import": LEADING,
    "check_import": LEADING,
    "commit_import": LEADING,
    "discard_import": LEADING,
    "import_problems": LEADING,
}

# Operations of the API: the scope a token needs. Sessions open none of them.
WHO_MAY_CALL = {
    ("GET", "/api/v1/eval-sets"): "read",
    ("POST", "/api/v1/eval-sets"): "benchmarks",
    ("GET", "/api/v1/eval-sets/{eval_set_id}"): "read",
    ("POST", "/api/v1/outputs"): "benchmarks",
    ("GET", "/api/v1/imports/{import_id}"): "read",
    ("GET", "/api/v1/model-versions"): "read",
    ("GET", "/api/v1/runs"): "read",
    ("POST", "/api/v1/runs"): "benchmarks",
    ("GET", "/api/v1/runs/{run_id}"): "read",
    ("GET", "/api/v1/runs/{run_id}/errors"): "read",
    ("GET", "/api/v1/runs/{run_id}/samples"): "read",
    ("POST", "/api/v1/experiments/{experiment_id}/pipeline"): "benchmarks",
    ("GET", "/api/v1/experiments/{experiment_id}/pipeline"): "read",
    ("POST", "/api/v1/runs/{run_id}/steps/{step}"): "benchmarks",
    ("POST", "/api/v1/runs/{run_id}/scores"): "benchmarks",
    ("POST", "/api/v1/comparisons"): "benchmarks",
    ("GET", "/api/v1/comparisons/{comparison_id}"): "read",
    ("POST", "/api/v1/assign"): "events",
    ("POST", "/api/v1/events"): "events",
    ("GET", "/api/v1/live-tests/{key}/plan"): "events",
    ("POST", "/api/v1/chat/completions"): "gateway",
    ("GET", "/api/v1/experiments/{experiment_id}/decision"): "read",
    ("GET", "/api/v1/live-tests"): "read",
    ("POST", "/api/v1/live-tests"): "live",
    ("GET", "/api/v1/live-tests/{key}"): "read",
    ("GET", "/api/v1/live-tests/{key}/results"): "read",
    ("POST", "/api/v1/live-tests/{key}/steps/{step}"): "live",
}

SAMPLES: dict[type, object] = {
    IntConverter: 2_000_000_000,
    UUIDConverter: UUID(int=7),
    StringConverter: "sample",
    SlugConverter: "sample",
}


def every_url(resolver: URLResolver) -> Iterator[URLPattern]:
    """But those of the API, which has a table of its own."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver) and entry.namespace == "api":
            continue
        if isinstance(entry, URLResolver):
            yield from every_url(entry)
        else:
            yield entry


URLS = {url.name: url for url in every_url(get_resolver())}


def address(url: URLPattern) -> str:
    samples = {name: SAMPLES[type(converter)] for name, converter in url.pattern.converters.items()}
    return reverse(url.name or "", kwargs=samples)


def ask(who: str, target: str) -> tuple[HttpResponseBase, HttpResponseBase]:
    """The answers to GET and to an empty POST, each from a fresh session."""
    user = None if who == "stranger" else make_user(roles=[] if who == "nobody" else [who])
    clients = client_of(user), client_of(user)
    return clients[0].get(target), clients[1].post(target)


def client_of(user: User | None) -> Client:
    """With what a login leaves in the session. What else a login does, 1,200 of them need not do."""
    client = Client()
    if user:
        session = SessionStore()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client


def to_login(response: HttpResponseBase) -> bool:
    return response.status_code == HTTPStatus.FOUND and response.headers["Location"].startswith("/login?next=")


def test_every_url_has_a_name_and_says_who_may_see_it() -> None:
    assert set(URLS) == set(WHO_MAY_SEE)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "who"), sorted(product(WHO_MAY_SEE, ANYONE)))
def test_each_url_opens_for_those_declared_and_for_nobody_else(name: str, who: str) -> None:
    answers = ask(who, address(URLS[name]))
    allowed = [
        answer.status_code != HTTPStatus.FORBIDDEN
        and answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED
        and not to_login(answer)
        for answer in answers
    ]
    assert any(allowed) == (who in WHO_MAY_SEE[name])
    assert all(answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR for answer in answers) or name == "readyz"


def operations() -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, methods in description()["paths"].items() for method in methods}


def call(method: str, path: str, token: str = "", client: Client | None = None) -> HttpResponseBase:
    target = re.sub(r"{(eval_set_id|experiment_id)}", "2000000000", path).replace("{step}", "pause")
    target = re.sub(r"{\w+}", str(UUID(int=7)), target)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return (client or Client()).generic(method, target, b"{}", content_type="application/json", headers=headers)


def token_with(*scopes: str) -> str:
    lead = make_user(roles=["lead"])
    return api_tokens.make(name="t", scopes=scopes, expires_at=None, created_by=lead, now=timezone.now())[1]


def test_every_operation_of_the_api_says_which_scope_it_needs() -> None:
    assert operations() == set(WHO_MAY_CALL)


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), sorted(WHO_MAY_CALL))
def test_each_operation_opens_for_its_scope_alone(method: str, path: str) -> None:
    scope = WHO_MAY_CALL[method, path]
    lead = Client(enforce_csrf_checks=True)
    lead.force_login(make_user(roles=["lead", "admin"]))
    for stranger in (call(method, path), call(method, path, client=lead), call(method, path, "evs_invented")):
        assert stranger.status_code == HTTPStatus.UNAUTHORIZED
        assert stranger.headers["WWW-Authenticate"] == "Bearer"
    others = token_with(*{"read", "benchmarks", "events", "live", "gateway"} - {scope})
    assert call(method, path, others).status_code == HTTPStatus.FORBIDDEN
    answer = call(method, path, token_with(scope), client=Client(enforce_csrf_checks=True))
    assert answer.status_code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
