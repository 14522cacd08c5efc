"""One request as a reviewer sees it."""

import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from exemptions.queries import reviewing
from portal.lib.http import UserRequest


@require_safe
def review_case(request: UserRequest, request_id: uuid.UUID) -> HttpResponse:
    who = reviewing.reviewing_as(request.user, at=timezone.now())
    case = reviewing.case_for(who, request_id)
    return render(request, "review/case.html", {"case": case})
