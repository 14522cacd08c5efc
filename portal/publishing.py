"""Publishing a version of the register: one transaction, and the ceilings that follow from it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from consent_app.devices.actions import sign_ceilings
from consent_app.people.queries import system_user
from consent_app.register.actions.review import publish_version
from consent_app.register.forms.review import PublishForm
from consent_app.register.queries.review import prepared
from consent_app.register.views.review import approved, version_page
from portal.lib.http import UserRequest
from portal.lib.keys import KeysMissing
from portal.lib.refusals import Refusal

SIGNED = "Ceilings are signed for every place."
TO_SIGN = (
    "The programme key is not on this machine: run “manage.py sign_ceilings” where it is. "
    "Until then devices go by the version before."
)


@require_POST
def publish(request: UserRequest) -> HttpResponse:
    """Publish the approved version; sign no device's policy for it."""
    version = approved(request.user)
    form = PublishForm(request.POST, earliest=prepared(version).earliest(at=timezone.now()))
    if not form.is_valid():
        return version_page(request, publish_form=form, status=422)
    try:
        publish_version(version=version, by=request.user, in_force_at=form.in_force_at)
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        return version_page(request, publish_form=form, status=409)
    try:
        sign_ceilings(by=system_user())
    except KeysMissing:
        messages.warning(request, f"Version {version.number} is published. {TO_SIGN}")
    else:
        messages.info(request, f"Version {version.number} is published. {SIGNED}")
    return redirect("register-review")
