"""Tokens with which programs use the API: made, listed and revoked by leads and admins."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite.platform import api_tokens
from evalsite.platform.forms import TokenForm
from evalsite.platform.http import HttpRequest, render, role_required
from evalsite.platform.models import ApiToken


@require_safe
@role_required("lead", "admin")
def tokens(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    listed = [(token, token.state(now=now)) for token in ApiToken.objects.listed_for(request.user)]
    return render(request, "platform/tokens.html", {"tokens": listed})


@require_http_methods(["GET", "HEAD", "POST"])
@role_required("lead", "admin")
def new_token(request: HttpRequest) -> HttpResponse:
    """No redirect after making one: the token is shown in this answer and nowhere again."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "platform/new_token.html", {"form": form}, status=422 if form.errors else 200)
    now, days = timezone.now(), form.cleaned_data["days"]
    try:
        token, secret = api_tokens.make(
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=now + timedelta(days=days) if days else None,
            created_by=request.user,
            now=now,
            request=form.cleaned_data["request"],
        )
    except api_tokens.SentBefore as error:
        form.add_error(None, str(error))
        return render(request, "platform/new_token.html", {"form": form}, status=409)
    return render(request, "platform/token_made.html", {"token": token, "secret": secret})


@require_POST
@role_required("lead", "admin")
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.listed_for(request.user), pk=token_id)
    api_tokens.revoke(token=token, revoked_by=request.user, now=timezone.now())
    messages.success(request, f"The token {token.name} opens nothing any more.")
    return redirect("tokens")
