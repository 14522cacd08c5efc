"""Being away, and who decides meanwhile."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from exemptions.queries import away as queries
from portal.lib.http import UserRequest

PAGE = "review/away.html"


@require_safe
def review_away(request: UserRequest) -> HttpResponse:
    now = timezone.now()
    queries.check_may_be_away(request.user, at=now)
    return render(request, PAGE, {})
