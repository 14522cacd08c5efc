"""How people sign in: by work e-mail and password, with accounts that come from the directory.

allauth does the work. Here stands what differs: nobody signs up or changes an address, an address
has one form, an unknown, a wrong and an inactive account look alike, and mails go through the
outbox, so that an answer neither waits for a mail server nor tells by its time who works here.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.forms import (
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    default_token_generator,
)
from allauth.account.utils import user_pk_to_url_str
from allauth.account.views import (
    LoginView,
    PasswordChangeView,
    PasswordResetFromKeyView,
    PasswordResetView,
    ReauthenticateView,
)
from allauth.core import context as current
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from consent_app.audit.actions import record
from consent_app.notifications.actions import owe
from consent_app.people import events
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from consent_app.people.rules import normalise_email
from portal.lib.client_address import client_address

# Far above any password, far below what would make hashing a burden.
MAX_PASSWORD_LENGTH = 1_000
NEW_PASSWORD_HINT = "At least 12 characters. Four words in a row are strong and easy to remember."  # noqa: S105 (words)
TOO_MANY = "too_many_login_attempts"


class AccountAdapter(DefaultAccountAdapter):
    """Decides what allauth asks about."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The e-mail address or the password is wrong.",
        "incorrect_password": "The password is wrong.",
        TOO_MANY: "Too many wrong attempts. Try again in five minutes.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up: the directory says who works here."""
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Employee | None:
        """Return the active person with this address and password.

        allauth would also return somebody inactive, to tell them so; here nobody learns that.
        """
        self.pre_authenticate(request, **credentials)
        user = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        if user is None:
            return None
        self._rollback_login_failed_rl_usage()
        return user

    def reauthenticate(self, user: Employee, password: str) -> bool:
        credentials = {"email": user.email, "password": password}
        return self.authenticate(current.request, **credentials) == user

    def clean_password(self, password: str, user: Employee | None = None) -> str:
        if len(password) > MAX_PASSWORD_LENGTH:
            raise ValidationError(f"Use at most {MAX_PASSWORD_LENGTH} characters.")
        cleaned: str = super().clean_password(password, user)
        return cleaned

    @transaction.atomic
    def set_password(self, user: Employee, password: str) -> None:
        """Set it, log it and tell the person. Saves nothing else: the directory writes the rest."""
        user.set_password(password)
        user.save(update_fields=["password"])
        record(events.PASSWORD_CHANGED, actor=user, subject=user, person=user, at=timezone.now())
        owe("account_password_changed", to=user)

    def is_safe_url(self, url: str) -> bool:
        """Lead only to pages of the host that was asked."""
        return url_has_allowed_host_and_scheme(
            url,
            allowed_hosts={current.request.get_host()},
            require_https=current.request.is_secure(),
        )

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def is_ajax(self, request: HttpRequest) -> bool:
        """Answer with pages always."""
        return False

    def add_message(
        self, request: HttpRequest, level: int, template: str | None = None, *_: Any, **__: Any
    ) -> None:
        """Say only what the next page does not show anyway."""
        if template == "account/messages/password_changed.txt":
            messages.add_message(request, level, "Your password is changed.")


class WorkEmailField(forms.EmailField):
    """An address in the one form in which everybody is known."""

    def __init__(self) -> None:
        widget = forms.EmailInput(attrs={"autocomplete": "username", "autocapitalize": "none"})
        super().__init__(label="Work e-mail", widget=widget)

    def to_python(self, value: Any) -> str:
        return normalise_email(super().to_python(value) or "")


class SignInForm(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = WorkEmailField()
        password = self.fields["password"]
        password.help_text = ""
        password.widget.attrs.pop("placeholder", None)
        password.validators.append(MaxLengthValidator(MAX_PASSWORD_LENGTH))
        self.order_fields(["login", "password"])


class ConfirmForm(ReauthenticateForm):
    """One question, and one that interrupts: it can be answered without looking for its field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attributes = self.fields["password"].widget.attrs
        attributes.pop("placeholder", None)
        attributes["autofocus"] = True


class _NewPassword(forms.Form):
    """Fields for a new password, explained in one sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)
        self.fields["password1"].help_text = NEW_PASSWORD_HINT


class ChangeForm(_NewPassword, ChangePasswordForm):
    pass


class FromKeyForm(_NewPassword, ResetPasswordKeyForm):
    pass


class ResetForm(ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = WorkEmailField()

    def save(self, request: HttpRequest, **_: Any) -> str:
        """Owe the mail. An unknown address costs the same work, so that time does not tell."""
        person = self.users[0] if self.users else None
        with transaction.atomic():
            owe("account_password_reset", to=person or system_user())
            transaction.set_rollback(person is None)
        address: str = self.cleaned_data["email"]
        return address


class _AnswersInvalid:
    """Answer 422 to wrong input, and 429 to guessing."""

    http_method_names = ("get", "head", "post", "options")

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        guessing = any(form.has_error(name, TOO_MANY) for name in (*form.fields, "__all__"))
        # Both belong to the FormView that this is mixed into, and allauth has no types.
        context = self.get_context_data(form=form)  # type: ignore[attr-defined]
        status = 429 if guessing else 422
        answer: HttpResponse = self.render_to_response(context, status=status)  # type: ignore[attr-defined]
        return answer


class SignIn(_AnswersInvalid, LoginView):
    form_class = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"demo": settings.DEMO}


class ChangePassword(_AnswersInvalid, PasswordChangeView):
    form_class = ChangeForm


class ForgotPassword(_AnswersInvalid, PasswordResetView):
    form_class = ResetForm


class PasswordFromKey(_AnswersInvalid, PasswordResetFromKeyView):
    form_class = FromKeyForm

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        if context.get("token_fail"):
            kwargs["status"] = 410
        answer: HttpResponse = super().render_to_response(context, **kwargs)
        return answer


class Reauthenticate(_AnswersInvalid, ReauthenticateView):
    """Asks for the password again, before something that a stolen session must not do."""

    form_class = ConfirmForm


def password_key(person: Employee) -> str:
    """Return the key of a link that sets a new password: good once, for PASSWORD_RESET_TIMEOUT."""
    return f"{user_pk_to_url_str(person)}-{default_token_generator.make_token(person)}"
