"""The page of a free choice: yes or no, alike in every way, and each as easy as the other.

Only where the law leaves it to each person. Elsewhere there is no such page, except for somebody
who chose before and moved: what they said stays theirs to read and to take along.
"""

import uuid

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from consent_app.devices.actions import standing
from consent_app.register import queries
from consent_app.register.errors import NoChoiceHere
from consent_app.register.models import ConsentChoice
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

PAGE = "notices/choice.html"
ANSWERS = {"yes": True, "no": False}
SAID = {
    True: "You said yes. Your devices are being told; the home page shows what each has confirmed.",
    False: "You said no. Nothing is collected from you; the home page shows which of your devices "
    "have confirmed it.",
}


@require_http_methods(["GET", "HEAD", "POST"])
def choice(request: UserRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    says_yes = ANSWERS.get(request.POST.get("answer", ""))
    if says_yes is None:
        return _page(request, status=422, refusal="Choose one of the two.")
    try:
        standing.choose(
            employee=request.user, says_yes=says_yes, digest=request.POST.get("digest", "")
        )
    except NoChoiceHere:
        raise Http404 from None
    except Refusal as refusal:
        return _page(request, status=409, refusal=refusal.message)
    messages.info(request, SAID[says_yes])
    return redirect("choice")


@require_safe
def choice_record(request: UserRequest, record_id: uuid.UUID) -> HttpResponse:
    """Hand out one's own record as it is kept."""
    kept = queries.choice_for(request.user, record_id)
    response = JsonResponse(kept.record, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Type"] = "application/ld+json"
    response["Content-Disposition"] = f'attachment; filename="consent-record-{kept.pk}.json"'
    return response


def _page(request: UserRequest, *, status: int = 200, refusal: str = "") -> HttpResponse:
    employee, now = request.user, timezone.now()
    shown = queries.notice_to_choose_on(employee, at=now)
    history = list(queries.choices_of(employee))
    if shown is None and not history:
        raise Http404
    last = history[0] if history else None
    has_yes = last is not None and last.choice == ConsentChoice.GIVEN
    context = {
        "shown": shown,
        "notice": shown.notice if shown else None,
        "was_served": shown is None or queries.was_served(employee, shown.notice, at=now),
        "last": last,
        "has_yes": has_yes,
        # A yes that a new text asks for again counts no more, or only until that text holds.
        "counts": has_yes and shown is not None and (not shown.is_asked or shown.is_coming),
        "history": history,
        "refusal": refusal,
    }
    return render(request, PAGE, context, status=status)
