"""All versions of the register, each as it was, and what changed since the reader last read."""

from datetime import datetime, time, timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent_app.register.described import kinds_in_words
from consent_app.register.diff import Change, by_part, diff
from consent_app.register.forms.versions import OnDayForm
from consent_app.register.models import RegisterVersion
from consent_app.register.queries import (
    count_applications,
    current_version,
    published_versions,
)
from consent_app.register.queries.history import (
    last_read,
    version_after,
    version_before,
    version_numbered,
    version_on,
)
from consent_app.register.queries.review import WIDENING_NOTICE, snapshot
from portal.lib.http import UserRequest


@require_safe
def versions(request: UserRequest) -> HttpResponse:
    """List all versions; `on` asks which held at the end of a day where the reader is."""
    form = OnDayForm(request.GET if "on" in request.GET else None)
    asked = form.is_bound and form.is_valid()
    context: dict[str, object] = {
        "versions": published_versions(),
        "in_force": current_version(),
        "form": form,
        "asked": asked,
    }
    if asked:
        day = form.cleaned_data["on"]
        end = timezone.make_aware(datetime.combine(day, time.min)) + timedelta(days=1)
        context |= {
            "day": day,
            "is_ahead": end > timezone.now(),
            "found": version_on(end - timedelta(microseconds=1)),
        }
    status = 422 if form.is_bound and not asked else 200
    return render(request, "register/versions/list.html", context, status=status)


@require_safe
def version(request: UserRequest, number: int) -> HttpResponse:
    """Show a published version as it is for ever, and what it changed."""
    shown = version_numbered(number)
    before, after = version_before(shown), version_after(shown)
    now = timezone.now()
    kinds = {kind.code: kind for kind in shown.kinds.all()}
    context = {
        "version": shown,
        "before": before,
        "after": after,
        "is_coming": is_later(shown, now),
        "is_over": after is not None and not is_later(after, now),
        "parts": _changes(before, shown) if before else [],
        "counts": count_applications(shown),
        "kinds": kinds.values(),
        "applications": [
            (row.name, row.excluded, row.reason or kinds_in_words(row.kinds, kinds))
            for row in shown.applications.all()
        ],
        "safeguards": shown.safeguards.all(),
        "notice_days": WIDENING_NOTICE.days,
    }
    return render(request, "register/versions/version.html", context)


@require_safe
def changes(request: UserRequest) -> HttpResponse:
    """Show what changed from the version that the reader last read to the newest published."""
    published = published_versions()
    read = last_read(request.user)
    newest = published[0] if published else None
    since = next((one for one in published if one.number <= read), None)
    # Whoever never said that they read one is shown the last change.
    before = since or next(iter(published[1:]), None)
    context = {
        "newest": newest,
        "since": since,
        "before": before,
        "is_coming": newest is not None and is_later(newest, timezone.now()),
        "parts": _changes(before, newest) if before and newest and before != newest else [],
    }
    return render(request, "register/versions/changes.html", context)


def is_later(version: RegisterVersion, now: datetime) -> bool:
    """Whether a published version is not in force yet."""
    return version.in_force_at is not None and version.in_force_at > now


def _changes(before: RegisterVersion, after: RegisterVersion) -> list[tuple[str, list[Change]]]:
    return by_part(diff(snapshot(before), snapshot(after)))
