"""Incidents: what devices reported undeclared, and the explanation that closes it."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from consent_app.ledger import actions
from consent_app.ledger.errors import IncidentForbidden
from consent_app.ledger.forms.incidents import ExplanationForm
from consent_app.ledger.models import Incident
from consent_app.ledger.queries.incidents import check_may_see, incident_for, incidents_shown
from consent_app.ledger.rules import MAY_CLOSE_INCIDENTS
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

PAGE = "ledger/incidents.html"


@require_safe
def incidents(request: UserRequest) -> HttpResponse:
    check_may_see(request.user)
    return _page(request)


@require_POST
def incident_close(request: UserRequest, incident_id: uuid.UUID) -> HttpResponse:
    incident = incident_for(request.user, incident_id)
    form = _form(incident, request.POST)
    if not form.is_valid():
        return _page(request, incident, form, status=422)
    try:
        actions.close_incident(
            incident=incident, by=request.user, explanation=form.cleaned_data["explanation"]
        )
    except Refusal as refusal:
        form.add_error(None, refusal.message)
        status = 403 if isinstance(refusal, IncidentForbidden) else 409
        return _page(request, incident, form, status=status)
    messages.info(request, "Closed. Everybody reads your explanation for 90 days.")
    return redirect("incidents")


def _page(
    request: UserRequest,
    answered: Incident | None = None,
    form: ExplanationForm | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Show all incidents, each open one with its form; `form` is that of `answered`."""
    shown = incidents_shown(at=timezone.now())
    waiting = [
        (incident, form if form and incident == answered else _form(incident))
        for incident in shown
        if incident.closed_at is None
    ]
    context = {
        "waiting": waiting,
        "explained": [incident for incident in shown if incident.closed_at],
        "may_close": request.user.has_role(*MAY_CLOSE_INCIDENTS),
        # Where the incident was closed meanwhile, its form is gone: the page says why.
        "form_errors": form.non_field_errors() if form else [],
    }
    return render(request, PAGE, context, status=status)


def _form(incident: Incident, typed: object = None) -> ExplanationForm:
    """Return the form of one incident, whose ids no other form on the page has."""
    return ExplanationForm(typed, auto_id=f"incident-{incident.pk}-%s")  # type: ignore[arg-type]
