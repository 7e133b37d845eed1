"""One's own account: logging in, password, roles."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from evalsite.platform import audit
from evalsite.platform.forms import LoginForm, NewPasswordForm
from evalsite.platform.http import HttpRequest, render

login = LoginView.as_view(
    template_name="platform/login.html", authentication_form=LoginForm, redirect_authenticated_user=True
)
# Open to strangers: whose session has ended meanwhile lands on the log-in page all the same.
logout = login_not_required(LogoutView.as_view())


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def account(request: HttpRequest) -> HttpResponse:
    form = NewPasswordForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            audit.record(
                actor=request.user,
                action="person.password_changed",
                subject=request.user.username,
                details={},
                now=timezone.now(),
            )
        update_session_auth_hash(request, request.user)
        messages.success(request, "Your password is changed. Other browsers are logged out.")
        return redirect("account")
    return render(request, "platform/account.html", {"form": form}, status=422 if form.errors else 200)
