"""The link in a mail that sets a new password: made when the mail is, and stored nowhere."""

from django import template
from django.conf import settings
from django.urls import reverse

from consent_app.people.models import Employee
from portal.sign_in import password_key

register = template.Library()


@register.simple_tag
def new_password_url(person: Employee) -> str:
    user, key = password_key(person).split("-", 1)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user, "key": key})
    return f"{settings.PORTAL_ORIGIN}{path}"
