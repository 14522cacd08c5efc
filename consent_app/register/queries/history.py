"""Reads of versions past and coming, and of what changed since somebody last read."""

from datetime import datetime

from django.db.models import Max
from django.shortcuts import get_object_or_404

from consent_app.people.models import Employee
from consent_app.register.models import NoticeRecord, NoticeStage, RegisterVersion


def version_numbered(number: int) -> RegisterVersion:
    """Return a published version; 404 hides what is being prepared."""
    people = ("drafted_by", "proposed_by", "approved_by", "published_by")
    versions = RegisterVersion.objects.published().select_related(*people).defer("document")
    return get_object_or_404(versions, number=number)


def version_before(version: RegisterVersion) -> RegisterVersion | None:
    """Return what was published before it."""
    earlier = RegisterVersion.objects.published().filter(number__lt=version.number)
    return earlier.defer("document").order_by("-number").first()


def version_on(moment: datetime) -> RegisterVersion | None:
    """Return what was in force at a moment, past or coming."""
    return RegisterVersion.objects.in_force(moment).defer("document").first()


def version_after(version: RegisterVersion) -> RegisterVersion | None:
    """Return what was published after it, and took or takes its place."""
    later = RegisterVersion.objects.published().filter(number__gt=version.number)
    return later.defer("document").order_by("number").first()


def last_read(employee: Employee) -> int:
    """Return the highest version whose notice this person read or acknowledged; 0 for none."""
    records = NoticeRecord.objects.filter(
        employee=employee, stage__in=[NoticeStage.READ, NoticeStage.ACKNOWLEDGED]
    )
    return records.aggregate(last=Max("notice__version__number"))["last"] or 0
