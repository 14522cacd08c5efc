"""The next version of the register: its changes, what is missing, and each step to publication.

Publishing is `portal/publishing.py`: it signs ceilings, which the register knows nothing of.
"""

from datetime import datetime

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from consent_app.people.models import Employee
from consent_app.people.roles import Role
from consent_app.register.actions.drafts import discard_draft, start_draft
from consent_app.register.actions.review import (
    approve_version,
    propose_version,
    return_version,
)
from consent_app.register.diff import by_part
from consent_app.register.errors import NotLegal, NotProgrammeOwner, SamePerson
from consent_app.register.forms.review import ProposeForm, PublishForm, ReturnForm
from consent_app.register.models import RegisterVersion, VersionState
from consent_app.register.queries import current_version, upcoming_versions
from consent_app.register.queries.review import draft_in_preparation, notices_ahead, prepared
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

PAGE = "register/review/page.html"
READERS = (Role.PROGRAMME_OWNER, Role.LEGAL_REVIEWER, Role.AUDITOR)
FORBIDDEN = (NotLegal, NotProgrammeOwner, SamePerson)


@require_safe
def review(request: UserRequest) -> HttpResponse:
    return version_page(request)


@require_POST
def start(request: UserRequest) -> HttpResponse:
    check_reader(request.user)
    try:
        draft = start_draft(by=request.user)
    except Refusal as refusal:
        return version_page(request, refusal=refusal)
    messages.info(request, f"Version {draft.number} is begun. It says what holds now.")
    return redirect("register-review")


@require_POST
def discard(request: UserRequest) -> HttpResponse:
    draft = in_preparation(request.user)
    try:
        discard_draft(draft=draft, by=request.user, seen=seen(request))
    except Refusal as refusal:
        return version_page(request, refusal=refusal)
    messages.info(request, f"The draft of version {draft.number} is gone.")
    return redirect("register-review")


@require_POST
def propose(request: UserRequest) -> HttpResponse:
    draft = in_preparation(request.user)
    form = ProposeForm(request.POST)
    if not form.is_valid():
        return version_page(request, propose_form=form, status=422)
    try:
        propose_version(draft=draft, by=request.user, seen=seen(request), **form.cleaned_data)
    except Refusal as refusal:
        return version_page(request, propose_form=form, refusal=refusal)
    messages.info(request, f"Version {draft.number} is proposed. Legal decides.")
    return redirect("register-review")


@require_POST
def send_back(request: UserRequest) -> HttpResponse:
    version = in_preparation(request.user)
    form = ReturnForm(request.POST)
    if not form.is_valid():
        return version_page(request, return_form=form, status=422)
    try:
        return_version(version=version, by=request.user, reason=form.cleaned_data["reason"])
    except Refusal as refusal:
        return version_page(request, return_form=form, refusal=refusal)
    messages.info(request, f"Version {version.number} is a draft again.")
    return redirect("register-review")


@require_POST
def approve(request: UserRequest) -> HttpResponse:
    version = in_preparation(request.user)
    try:
        approve_version(version=version, by=request.user, seen=request.POST.get("seen", ""))
    except Refusal as refusal:
        return version_page(request, refusal=refusal)
    messages.info(request, f"Version {version.number} is approved. The owner publishes it.")
    return redirect("register-review")


@require_safe
def notices(request: UserRequest) -> HttpResponse:
    """Show the notices that the version would give, each as people will read it."""
    version = in_preparation(request.user)
    context = {"version": version, "notices": notices_ahead(version)}
    return render(request, "register/review/notices.html", context)


def version_page(
    request: UserRequest,
    *,
    propose_form: ProposeForm | None = None,
    return_form: ReturnForm | None = None,
    publish_form: PublishForm | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the version in preparation with what this reader may do about it."""
    check_reader(request.user)
    version = draft_in_preparation()
    now = timezone.now()
    context: dict[str, object] = {
        "version": version,
        "in_force": current_version(at=now),
        "upcoming": upcoming_versions(at=now),
        "refusal": refusal.message if refusal else "",
        "is_owner": request.user.has_role(Role.PROGRAMME_OWNER),
        "is_legal": request.user.has_role(Role.LEGAL_REVIEWER),
    }
    if version is not None:
        found = prepared(version)
        context |= {
            "found": found,
            "parts": by_part(found.changes),
            "earliest": found.earliest(at=now),
            "is_own": request.user in (version.proposed_by, version.drafted_by),
            "propose_form": propose_form or ProposeForm(initial={"summary": version.summary}),
            "return_form": return_form or ReturnForm(),
            "publish_form": publish_form or PublishForm(earliest=found.earliest(at=now)),
        }
    if refusal is not None and status == 200:
        status = 403 if isinstance(refusal, FORBIDDEN) else 409
    return render(request, PAGE, context, status=status)


def in_preparation(reader: Employee) -> RegisterVersion:
    """Return the version that is not published yet. Raises PermissionDenied and Http404."""
    check_reader(reader)
    version = draft_in_preparation()
    if version is None:
        raise Http404
    return version


def approved(reader: Employee) -> RegisterVersion:
    """Return the version that waits to be published."""
    version = in_preparation(reader)
    if version.state != VersionState.APPROVED:
        raise Http404
    return version


def check_reader(person: Employee) -> None:
    if not person.has_role(*READERS):
        raise PermissionDenied


def seen(request: UserRequest) -> datetime:
    """Return when the draft on the reader's screen was written."""
    at = parse_datetime(request.POST.get("seen", ""))
    if at is None or at.tzinfo is None:
        raise BadRequest
    return at
