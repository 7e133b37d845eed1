"""Invitation links: made and revoked by admins, used once by the one who was invited."""

from django.contrib import messages
from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_not_required
from django.db import IntegrityError
from django.http import HttpRequest as DjangoRequest
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.shortcuts import render as render_page
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from evalsite.platform import invitations, tokens
from evalsite.platform.forms import AcceptForm, InvitationForm
from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import Invitation

BACKEND = "evalsite.platform.roles.RoleBackend"


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("admin")
def new_invitation(request: HttpRequest) -> HttpResponse:
    """No redirect after making one: the link is shown in this answer and nowhere again."""
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.errors else 200
        return render(request, "platform/new_invitation.html", {"form": form}, status=status)
    try:
        invitation, token = invitations.invite(
            invited_by=request.user,
            roles=form.cleaned_data["roles"],
            note=form.cleaned_data["note"],
            request=form.cleaned_data["request"],
            now=timezone.now(),
        )
    except invitations.SentBefore as error:
        form.add_error(None, str(error))
        return render(request, "platform/new_invitation.html", {"form": form}, status=409)
    link = request.build_absolute_uri(reverse("accept_invitation", args=[token]))
    return render(request, "platform/invitation_made.html", {"invitation": invitation, "link": link})


@require_POST
@role_required("admin")
def revoke_invitation(request: HttpRequest, invitation_id: int) -> HttpResponse:
    now = timezone.now()
    invitation = get_object_or_404(Invitation.objects.open(now=now), pk=invitation_id)
    invitations.revoke(invitation=invitation, revoked_by=request.user, now=now)
    messages.success(request, "The link does not work any more.")
    return redirect("people")


@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
@sensitive_post_parameters()
def accept_invitation(request: DjangoRequest, token: str) -> HttpResponse:
    now = timezone.now()
    invitation = Invitation.objects.open(now=now).filter(token_hash=tokens.hash_token(token)).first()
    if invitation is None:
        return used_up(request, token)
    if request.user.is_authenticated:
        return render_page(request, "platform/invitation_logged_in.html", status=409)
    form = AcceptForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            user = invitations.accept(
                token=token, username=form.cleaned_data["username"], password=form.cleaned_data["password"], now=now
            )
        except IntegrityError:
            form.add_error("username", "Somebody here took this name a moment ago. Choose another.")
        except invitations.InvitationUsed:
            return used_up(request, token)
        else:
            login(request, user, backend=BACKEND)
            return redirect("home")
    status = 422 if form.errors else 200
    return render_page(
        request, "platform/accept_invitation.html", {"form": form, "invitation": invitation}, status=status
    )


def used_up(request: DjangoRequest, token: str) -> HttpResponse:
    """Whoever made their account with it a moment ago, and did not get the answer, is let in by the same password."""
    newcomer = invitations.accepted_by(token=token)
    if request.method == "POST" and newcomer and request.POST.get("username") == newcomer.username:
        # Through the backends, so that guessing is counted and locked out as at the login page.
        user = authenticate(request, username=newcomer.username, password=request.POST.get("password", ""))
        if user is not None:
            login(request, user, backend=BACKEND)
            return redirect("home")
    return render_page(request, "platform/invitation_gone.html", status=410)
