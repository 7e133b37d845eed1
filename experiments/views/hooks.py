"""Hooks: which addresses are told of decisions, and how the telling went. For leads and admins."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.forms.hooks import HookForm
from experiments.models import DecisionHook, HookDelivery
from experiments.services.hooks import delivering, keeping

PAGE_LENGTH = 25


@require_safe
@role_required("lead", "admin")
def hooks(request: HttpRequest) -> HttpResponse:
    standing = DecisionHook.objects.filter(removed_at=None).select_related("experiment", "created_by")
    told = HookDelivery.objects.select_related("hook", "decision__experiment").order_by("-created_at", "-pk")
    page = Paginator(told, PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {"hooks": standing.order_by("-created_at"), "page": page}
    return render(request, "experiments/hooks/hooks.html", context)


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_hook(request: HttpRequest) -> HttpResponse:
    form = HookForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = keeping.create(**form.asked(), created_by=request.user, now=timezone.now())
        except keeping.HookRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{made.name} hears of every decision from now on.")
            return redirect("hooks")
    status = 422 if form.errors else 200
    return render(request, "experiments/hooks/new_hook.html", {"form": form}, status=status)


@require_POST
@role_required("lead", "admin")
def remove_hook(request: HttpRequest, hook_id: int) -> HttpResponse:
    hook = get_object_or_404(DecisionHook, pk=hook_id, removed_at=None)
    keeping.remove(hook=hook, actor=request.user, now=timezone.now())
    messages.success(request, f"{hook.name} is told nothing more.")
    return redirect("hooks")


@require_POST
@role_required("lead", "admin")
def deliver_again(request: HttpRequest, delivery_id: int) -> HttpResponse:
    delivery = get_object_or_404(HookDelivery.objects.select_related("hook"), pk=delivery_id)
    if delivering.again(delivery=delivery, actor=request.user, now=timezone.now()):
        messages.success(request, "It is tried again within seconds.")
    else:
        messages.warning(request, "Only what was given up, to a hook that still stands, can be tried again.")
    return redirect("hooks")
