"""Codes of roll-outs: making one, which is shown once, and ending one early."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.devices import actions
from consent_app.devices import fleet as queries
from consent_app.devices.forms import RolloutForm
from consent_app.devices.views.chosen import enrol_command
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def rollouts(request: UserRequest) -> HttpResponse:
    queries.check_is_it(request.user)
    if request.method != "POST":
        return _page(request, RolloutForm())
    form = RolloutForm(request.POST)
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            rollout, code = actions.issue_rollout(
                label=wanted["label"], days=wanted["days"], uses=wanted["uses"], by=request.user
            )
        except Refusal as refusal:
            form.add_error(None, refusal.message)
        else:
            context = {"rollout": rollout, "code": code, "command": enrol_command(code)}
            return render(request, "fleet/code.html", context)
    return _page(request, form, status=422)


@require_POST
def rollout_end(request: UserRequest, rollout_id: uuid.UUID) -> HttpResponse:
    rollout = queries.rollout_for(request.user, rollout_id)
    try:
        actions.end_rollout(rollout=rollout, by=request.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, f"“{rollout.label}” lets nothing in any more.")
    return redirect("rollouts")


def _page(request: UserRequest, form: RolloutForm, *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    known = queries.rollouts_for(request.user)
    context = {
        "form": form,
        "usable": [rollout for rollout in known if rollout.is_usable(now)],
        "over": [rollout for rollout in known if not rollout.is_usable(now)],
    }
    return render(request, "fleet/rollouts.html", context, status=status)
