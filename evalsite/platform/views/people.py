"""Who may come in, with which roles. For admins."""

from uuid import uuid4

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform import people as accounts
from evalsite.platform.forms import PasswordForm, RolesForm
from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import Invitation, User


@require_safe
@role_required("admin")
def people(request: HttpRequest) -> HttpResponse:
    everybody = User.objects.with_roles().order_by("-is_active", "username")
    pending = Invitation.objects.open(now=timezone.now()).select_related("invited_by").order_by("-created_at")
    return render(request, "platform/people.html", {"people": everybody, "invitations": pending})


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("admin")
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    someone = get_object_or_404(User.objects.with_roles(), pk=person_id)
    form = RolesForm(request.POST if request.method == "POST" else None, initial={"roles": sorted(someone.roles)})
    if request.method == "POST" and form.is_valid():
        try:
            accounts.set_roles(person=someone, roles=form.cleaned_data["roles"], by=request.user, now=timezone.now())
        except accounts.OwnAccount as error:
            form.add_error("roles", str(error))
        else:
            messages.success(request, f"The roles of {someone.username} are saved.")
            return redirect("person", person_id)
    status = 422 if form.errors else 200
    context = {"person": someone, "form": form, "password_form": PasswordForm()}
    return render(request, "platform/person.html", context, status=status)


@require_POST
@role_required("admin")
def deactivate_person(request: HttpRequest, person_id: int) -> HttpResponse:
    someone = get_object_or_404(User, pk=person_id)
    try:
        accounts.deactivate(person=someone, by=request.user, now=timezone.now())
    except accounts.OwnAccount as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{someone.username} cannot log in any more. What they did stays.")
    return redirect("person", person_id)


@require_POST
@role_required("admin")
def reactivate_person(request: HttpRequest, person_id: int) -> HttpResponse:
    someone = get_object_or_404(User, pk=person_id)
    accounts.reactivate(person=someone, by=request.user, now=timezone.now())
    messages.success(request, f"{someone.username} can log in again.")
    return redirect("person", person_id)


@require_POST
@role_required("admin")
def replace_password(request: HttpRequest, person_id: int) -> HttpResponse:
    """No redirect: the password is shown in this answer and nowhere again."""
    someone, form = get_object_or_404(User, pk=person_id), PasswordForm(request.POST)
    sent = form.cleaned_data["request"] if form.is_valid() else uuid4()
    try:
        password = accounts.give_new_password(person=someone, by=request.user, request=sent, now=timezone.now())
    except accounts.PasswordMovedOn as error:
        messages.error(request, str(error))
        return redirect("person", person_id)
    return render(request, "platform/new_password.html", {"person": someone, "password": password})
