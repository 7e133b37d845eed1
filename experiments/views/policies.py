"""The policy of an experiment: written, registered, amended, exported. For leads and admins."""

from typing import Any

import orjson
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.deciding.presets import PRESETS
from experiments.deciding.schema import schema
from experiments.forms.policies import PolicyForm, RegisterForm, StartForm
from experiments.models import Experiment
from experiments.policy import Policy, PolicyRefused
from experiments.reports.policies.fitting import Place
from experiments.reports.policies.policy_page import Shown, policy_page
from experiments.reports.policies.registered import Registered, current, draft_of, on_record, others_with_a_policy
from experiments.services import policies as work


def get_experiment(experiment_id: int) -> Experiment:
    return get_object_or_404(Experiment.objects.select_related("baseline", "candidate"), pk=experiment_id)


def get_registered(experiment: Experiment, number: int) -> Registered:
    for one in on_record(experiment):
        if one.row.number == number:
            return one
    raise Http404(f"{experiment} has no policy {number}.")


@require_safe
@role_required("lead", "admin")
def policy(request: HttpRequest, experiment_id: int) -> HttpResponse:
    return policy_shown(request, get_experiment(experiment_id))


def policy_shown(request: HttpRequest, experiment: Experiment, *, status: int = 200, **forms: Any) -> HttpResponse:
    page = policy_page(experiment)
    sources = others_with_a_policy(experiment)
    draft = page.draft
    context = {
        "experiment": experiment,
        "page": page,
        "presets": PRESETS,
        "start": StartForm(sources=sources),
        "has_sources": bool(sources),
        "register": RegisterForm(initial={"sha256": draft.policy.sha256}) if draft else None,
        **forms,
    }
    return render(request, "experiments/policy/policy.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def edit_policy(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Rows are added by the server, unsaved, so that it works without JavaScript."""
    experiment = get_experiment(experiment_id)
    place = Place(experiment)
    if request.method != "POST":
        return editor(request, experiment, PolicyForm.of_policy(to_edit(experiment), place=place))
    if "add_row" in request.POST:
        form = PolicyForm.with_row(request.POST, request.POST.get("add", ""), place=place)
        return editor(request, experiment, form)
    form = PolicyForm.sent(request.POST, place=place)
    if form.is_valid():
        try:
            read = Policy.from_dict(form.raw())
            work.save_draft(experiment=experiment, policy=read, actor=request.user, now=timezone.now())
        except PolicyRefused as refusal:
            form.refuse(refusal.problems)
        else:
            messages.success(request, "The draft is saved. Nothing is registered yet.")
            return redirect("policy", experiment_id)
    return editor(request, experiment, form, status=422)


def to_edit(experiment: Experiment) -> Policy:
    registered = current(experiment)
    fallback = registered.policy if registered else PRESETS["default"].policy
    return draft_of(experiment) or fallback


def editor(request: HttpRequest, experiment: Experiment, form: PolicyForm, *, status: int = 200) -> HttpResponse:
    context = {"experiment": experiment, "form": form, "is_amendment": current(experiment) is not None}
    return render(request, "experiments/policy/edit_policy.html", context, status=status)


@require_POST
@role_required("lead", "admin")
def start_policy(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """A draft from a preset, from another experiment, or from a file; one that is there is replaced."""
    experiment = get_experiment(experiment_id)
    form = StartForm(request.POST, request.FILES, sources=others_with_a_policy(experiment))
    if not form.is_valid():
        return policy_shown(request, experiment, start=form, status=422)
    try:
        told = started(request, experiment, form.cleaned_data)
    except PolicyRefused as refusal:
        for problem in refusal.problems:
            form.add_error(None, str(problem))
        return policy_shown(request, experiment, start=form, status=422)
    if told:
        messages.success(request, told)
        return redirect("policy", experiment_id)
    form.add_error(None, "Choose a preset, an experiment, or a file.")
    return policy_shown(request, experiment, start=form, status=422)


def started(request: HttpRequest, experiment: Experiment, said: dict[str, Any]) -> str:
    """What was done, in words; empty where nothing was chosen."""
    by: dict[str, Any] = {"experiment": experiment, "actor": request.user, "now": timezone.now()}
    if said["preset"]:
        work.start_from_preset(name=said["preset"], **by)
        return f"A draft from “{PRESETS[said['preset']].title}”. Change what you like, then register it."
    if said["source"]:
        _, loosened = work.copy_from(source=said["source"], **by)
        changed = f" Look at {', '.join(loosened)}: what they named is not in this experiment." if loosened else ""
        return f"A draft copied from {said['source']}.{changed}"
    text = said["file"].read(work.MOST_BYTES + 1) if said["file"] else said["text"].encode()
    if not text.strip():
        return ""
    work.import_draft(text=text, **by)
    return "A draft from your file. Read it, then register it."


@require_POST
@role_required("lead", "admin")
def register_policy(request: HttpRequest, experiment_id: int) -> HttpResponse:
    experiment = get_experiment(experiment_id)
    form = RegisterForm(request.POST)
    if not form.is_valid():
        return policy_shown(request, experiment, register=form, status=422)
    try:
        row = work.register(
            experiment=experiment,
            token=form.cleaned_data["token"],
            seen_sha256=form.cleaned_data["sha256"],
            reason=form.cleaned_data["reason"],
            registered_by=request.user,
            now=timezone.now(),
        )
    except work.DraftMoved as refusal:
        messages.error(request, str(refusal))
        return policy_shown(request, experiment, status=409)
    except (work.CannotRegister, PolicyRefused) as refusal:
        form.add_error("reason" if isinstance(refusal, work.NoReason) else None, str(refusal))
        return policy_shown(request, experiment, register=form, status=422)
    messages.success(request, f"Policy {row.number} is registered. From now on evidence is held against it.")
    return redirect("policy", experiment_id)


@require_POST
@role_required("lead", "admin")
def discard_policy(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """The draft only: what is registered stays."""
    work.discard_draft(experiment=get_experiment(experiment_id), actor=request.user, now=timezone.now())
    messages.success(request, "The draft is discarded.")
    return redirect("policy", experiment_id)


@require_safe
@role_required("lead", "admin")
def past_policy(request: HttpRequest, experiment_id: int, number: int) -> HttpResponse:
    experiment = get_experiment(experiment_id)
    page = policy_page(experiment)
    version = next((one for one in page.versions if one.registered.row.number == number), None)
    if version is None:
        raise Http404(f"{experiment} has no policy {number}.")
    context = {
        "experiment": experiment,
        "version": version,
        "shown": Shown(version.registered.policy, page.place),
        "current": page.current,
    }
    return render(request, "experiments/policy/past_policy.html", context)


@require_safe
@role_required("lead", "admin")
def export_policy(request: HttpRequest, experiment_id: int, number: int) -> HttpResponse:
    """As registered, to the byte, so that its SHA-256 can be checked anywhere."""
    experiment = get_experiment(experiment_id)
    found = get_registered(experiment, number)
    return file(found.row.text.encode(), f"{named(experiment)}-policy-{number}.json")


@require_safe
@role_required("lead", "admin")
def export_draft(request: HttpRequest, experiment_id: int) -> HttpResponse:
    """Laid out for reading and editing."""
    experiment = get_experiment(experiment_id)
    draft = draft_of(experiment)
    if draft is None:
        raise Http404(f"{experiment} has no draft.")
    return file(orjson.dumps(draft.to_dict(), option=orjson.OPT_INDENT_2), f"{named(experiment)}-policy-draft.json")


@require_safe
@role_required("lead", "admin")
def policy_schema(request: HttpRequest) -> HttpResponse:
    return file(orjson.dumps(schema(), option=orjson.OPT_INDENT_2), "evalsite-policy.schema.json")


def named(experiment: Experiment) -> str:
    return slugify(experiment.name)[:60] or f"experiment-{experiment.pk}"


def file(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/json", headers=headers)
