"""Writing a request: nothing of it is seen by anybody but its author until it is sent."""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from consent_app.people.models import Employee
from consent_app.people.queries import lock_person
from consent_app.register.queries import application_slugs, kind_codes
from exemptions import rules
from exemptions.actions.changes import change, expect, locked, new_request
from exemptions.deadlines import local_day
from exemptions.errors import GroundNotOffered, TextMissing, TooManyFiles, TooManyRequests
from exemptions.files import MAX_FILES, clean_file
from exemptions.models import Attachment, ExemptionRequest, Ground, Message, MessageKind, State
from exemptions.queries import own
from exemptions.scope import Scope, list_or_none
from exemptions.sealed import seal_bytes, seal_text

MAX_DRAFTS = 5
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Covering:
    """What a request is about, apart from its dates; None means all."""

    applications: frozenset[str] | None
    kinds: frozenset[str] | None


@transaction.atomic
def start_draft(*, employee: Employee, ground: Ground) -> ExemptionRequest:
    """Begin a request on these grounds.

    Raises:
        GroundNotOffered: they can't be chosen now.
        TooManyRequests: there are many drafts already.
    """
    lock_person(employee)
    if not ground.is_offered or own.route_in_force(ground) is None:
        raise GroundNotOffered
    if own.requests_of(employee).filter(state=State.DRAFT).count() >= MAX_DRAFTS:
        raise TooManyRequests("You have five drafts. Send or discard one first.")
    return new_request(
        requester=employee,
        ground=ground,
        is_sensitive=ground.is_sensitive,
        created_at=timezone.now(),
    )


@transaction.atomic
def choose_covering(*, request: ExemptionRequest, covering: Covering) -> None:
    """Raises NothingChosen or NotInRegister."""
    request = _draft(request)
    today = local_day(timezone.now(), time_zone=request.requester.time_zone)
    scope = Scope(covering.applications, covering.kinds, today)
    rules.check_lists(scope, applications=application_slugs(), kinds=kind_codes())
    change(
        request,
        applications=list_or_none(covering.applications),
        kinds=list_or_none(covering.kinds),
    )


@transaction.atomic
def choose_period(*, request: ExemptionRequest, scope: Scope) -> None:
    """Take the dates of `scope`. Raises PeriodOutOfRange."""
    request = _draft(request)
    today = local_day(timezone.now(), time_zone=request.requester.time_zone)
    rules.check_period(scope, today=today)
    change(request, starts_on=scope.starts_on, ends_on=scope.ends_on, review_on=scope.review_on)


@sensitive_variables()
@transaction.atomic
def write_statement(*, request: ExemptionRequest, text: str) -> Message:
    """Keep the statement as it is so far; raises TextMissing or TextTooLong."""
    request = _draft(request)
    clean = rules.clean_text(text)
    message = own.statement_of(request) or Message(
        request=request, author=request.requester, kind=MessageKind.STATEMENT
    )
    message.text = seal_text(request, clean, purpose=message.purpose)
    message.written_at = timezone.now()
    message.save()
    change(request)
    return message


@transaction.atomic
def clear_statement(*, request: ExemptionRequest) -> None:
    """Keep nothing of a statement whose author took every word away."""
    request = _draft(request)
    request.messages.filter(kind=MessageKind.STATEMENT).delete()
    change(request)


@sensitive_variables()
@transaction.atomic
def attach_file(*, request: ExemptionRequest, name: str, content: bytes) -> Attachment:
    """Attach a file to a draft.

    Raises:
        FileRefused: what it is, or how large, can't be attached.
        TooManyFiles: there are MAX_FILES.
    """
    clean = clean_file(content)
    request = _draft(request)
    taken = {attachment.number for attachment in own.attachments_of(request)}
    free = [number for number in range(1, MAX_FILES + 1) if number not in taken]
    if not free:
        raise TooManyFiles
    attachment = Attachment(
        id=uuid.uuid4(),
        request=request,
        number=free[0],
        media_type=clean.media_type,
        extension=clean.extension,
        size_bytes=len(clean.content),
        added_at=timezone.now(),
    )
    shown_name = _shown_name(name, extension=clean.extension)
    attachment.name = seal_text(request, shown_name, purpose=f"{attachment.purpose}:name")
    attachment.content = seal_bytes(request, clean.content, purpose=attachment.purpose)
    attachment.save(force_insert=True)
    change(request)
    return attachment


@transaction.atomic
def remove_file(*, request: ExemptionRequest, attachment: Attachment) -> None:
    request = _draft(request)
    Attachment.objects.filter(pk=attachment.pk, request=request).delete()
    change(request)


@transaction.atomic
def discard_draft(*, request: ExemptionRequest) -> None:
    """Delete a draft with all that was written; nobody else ever saw it."""
    _draft(request).delete()


def _shown_name(name: str, *, extension: str) -> str:
    """Return a file's name on one line, or a plain one where nothing of it can be shown."""
    try:
        return " ".join(rules.clean_text(name[:MAX_NAME]).split())
    except TextMissing:
        return f"file.{extension}"


def _draft(request: ExemptionRequest) -> ExemptionRequest:
    fresh = locked(request)
    expect(fresh, State.DRAFT)
    return fresh
