"""One suite over the models that were run on it. For leads and admins."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.models import EvalSet
from experiments.reports.suite_history import HEIGHT, WIDTH, suite_history


@require_safe
@role_required("lead", "admin")
def suite_history_page(request: HttpRequest, eval_set_id: int) -> HttpResponse:
    eval_set = get_object_or_404(EvalSet, pk=eval_set_id)
    context = {
        "eval_set": eval_set,
        "history": suite_history(eval_set, key=request.GET.get("scorer", "")),
        "versions": EvalSet.objects.filter(name=eval_set.name).exclude(pk=eval_set.pk).order_by("-version"),
        "width": WIDTH,
        "height": HEIGHT,
    }
    return render(request, "experiments/comparisons/history.html", context)
