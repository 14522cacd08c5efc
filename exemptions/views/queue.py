"""The queue of a reviewer: what waits for them, for their team or for the requester."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from exemptions.queries import reviewing
from portal.lib.http import UserRequest

PAGE = "review/queue.html"


@require_safe
def review(request: UserRequest) -> HttpResponse:
    now = timezone.now()
    if not reviewing.is_reviewer(request.user, at=now):
        raise PermissionDenied
    return render(request, PAGE)
