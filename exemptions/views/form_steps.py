"""What the pages of the request form share: the draft they are about, and the steps on top."""

import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from exemptions.models import ExemptionRequest, State
from exemptions.queries import own
from portal.lib.http import UserRequest

SENT_ALREADY = "This request was sent before. Nothing was changed."
# The pages after the first, which makes the draft: URL name and label.
PAGES = (
    ("request-scope", "What"),
    ("request-period", "When"),
    ("request-statement", "Why"),
    ("request-check", "Check"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A page of the form in the list of all; without an address it is not open to the reader."""

    label: str
    address: str
    is_current: bool


def of_a_draft[**P](
    view: Callable[Concatenate[UserRequest, ExemptionRequest, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Hand the reader's own draft to a view; what was sent leads to its own page.

    Whoever goes back after sending, or has the form open twice, meets that.
    """

    @functools.wraps(view)
    @sensitive_variables()
    def of_request(
        request: UserRequest, request_id: uuid.UUID, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        draft = own.own_request_for(request.user, request_id)
        if draft.state != State.DRAFT:
            if request.method == "POST":
                messages.warning(request, SENT_ALREADY)
            return redirect("my-request", draft.pk)
        return view(request, draft, *args, **kwargs)

    return of_request


def steps_of(draft: ExemptionRequest | None, current: str) -> dict[str, object]:
    """Return what `requests/steps.html` shows on the page named `current`."""
    steps = [Step("Grounds", "", is_current=current == "request-new")]
    for name, label in PAGES:
        address = reverse(name, args=[draft.pk]) if draft else ""
        steps.append(Step(label, address, is_current=current == name))
    number = next(n for n, step in enumerate(steps, start=1) if step.is_current)
    return {"steps": steps, "step_number": number}
