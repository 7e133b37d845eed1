"""The audit log, filtered and paged, and the check of its chain. For leads and admins."""

from datetime import datetime, time, timedelta

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from evalsite.platform.audit import first_broken_entry
from evalsite.platform.forms import AuditFilter
from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import AuditEntry

PAGE_LENGTH = 50


@require_safe
@role_required("lead", "admin")
def audit(request: HttpRequest) -> HttpResponse:
    form = AuditFilter(request.GET)
    found = matching(form) if form.is_valid() else AuditEntry.objects.none()
    context = {
        "page": Paginator(found.order_by("-id"), PAGE_LENGTH).get_page(request.GET.get("page")),
        "form": form,
        "filtered": any(request.GET.get(name) for name in form.fields),
    }
    return render(request, "platform/audit.html", context)


def matching(form: AuditFilter) -> QuerySet[AuditEntry]:
    data = form.cleaned_data
    found = AuditEntry.objects.all()
    for name, lookup in (("action", "action"), ("actor", "actor_name"), ("subject", "subject")):
        if data[name]:
            found = found.filter(**{f"{lookup}__icontains": data[name]})
    if data["since"]:
        found = found.filter(at__gte=midnight(data["since"]))
    if data["until"]:
        found = found.filter(at__lt=midnight(data["until"] + timedelta(days=1)))
    return found


def midnight(day: datetime) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@require_safe
@role_required("lead", "admin")
def audit_chain(request: HttpRequest) -> HttpResponse:
    """Reads every entry, so it runs when asked, not with every page."""
    context = {"broken": first_broken_entry(), "count": AuditEntry.objects.count(), "checked_at": timezone.now()}
    return render(request, "platform/audit_chain.html", context, partial="outcome")
