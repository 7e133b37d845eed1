"""Forms of the account pages: they check and explain, services write."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from evalsite.platform.models import ApiToken, Job, Role, User

ROLE_WORDS = [
    (Role.REVIEWER.value, "Reviewer: judges pairs and never sees which model wrote what"),
    (Role.ADMIN.value, "Admin: uploads outputs, lets people in"),
    (Role.LEAD.value, "Lead: opens campaigns, reads results, decides"),
]


class LoginForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "This name and password do not fit together. Capitals matter in both.",
        "inactive": "This account is switched off. Ask an admin.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Name"


class NewPasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = "Password until now"
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""
        # The page has more than this form: it must not scroll to it, nor open a telephone's keyboard.
        del self.fields["old_password"].widget.attrs["autofocus"]


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        choices=ROLE_WORDS,
        widget=forms.CheckboxSelectMultiple,
        help_text="Leads and admins can see which model wrote what, so a reviewer holds no other role.",
        error_messages={"required": "Choose at least one role."},
    )

    def clean_roles(self) -> list[str]:
        roles: list[str] = self.cleaned_data["roles"]
        if Role.REVIEWER in roles and len(roles) > 1:
            raise ValidationError("Choose reviewer alone: whoever sees which model wrote what cannot judge blind.")
        return roles


class InvitationForm(RolesForm):
    request = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)
    note = forms.CharField(
        label="For whom", max_length=200, required=False, help_text="Only admins read this, to tell the links apart."
    )


class PasswordForm(forms.Form):
    """Asks nothing; its id tells a form that is sent twice."""

    request = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)


class AcceptForm(forms.Form):
    username = forms.CharField(
        label="Name",
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="What others here see. Letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        help_text=" ".join(password_validators_help_texts()),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Password again",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_username(self) -> str:
        username: str = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError("Somebody here has this name already. Choose another.")
        return username

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if "password" not in data or "again" not in data:
            return data
        if data["password"] != data["again"]:
            self.add_error("again", "The two passwords differ.")
            return data
        try:
            validate_password(data["password"], User(username=data.get("username", "")))
        except ValidationError as error:
            self.add_error("password", error)
        return data


class TokenForm(forms.Form):
    LIFETIMES = [(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "until it is revoked")]

    request = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)
    name = forms.CharField(label="What uses it", max_length=100, help_text="For example: nightly training pipeline.")
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(scope.value, str(scope.label).capitalize()) for scope in ApiToken.Scope],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one thing it may do."},
    )
    days = forms.TypedChoiceField(label="Works for", choices=LIFETIMES, coerce=int, initial=90)


class JobFilter(forms.Form):
    status = forms.ChoiceField(label="State", choices=[("", "Any state"), *Job.Status.choices], required=False)
    kind = forms.CharField(label="Kind of work", required=False)


class AuditFilter(forms.Form):
    action = forms.CharField(label="What happened", required=False)
    actor = forms.CharField(label="By whom", required=False)
    subject = forms.CharField(label="To what", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To and with", required=False, widget=forms.DateInput(attrs={"type": "date"}))
