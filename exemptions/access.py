"""What somebody asked for, everything that was written about it, and their files, unsealed."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from consent_app.people.models import Employee
from exemptions.models import (
    Attachment,
    Decision,
    Delegation,
    ExemptionRequest,
    Message,
    MessageKind,
    ReviewStep,
)
from exemptions.queries.own import ATTACHMENTS_WITHOUT_CONTENT, attachment_of, requests_of
from exemptions.sealed import attachment_content, attachment_name, decision_text, message_text
from portal.lib.sections import File, Section, Table, sources, table_of

# The number of each request, by its id: what tables and paths name it by.
Numbers = Mapping[UUID, int]


def section(person: Employee) -> Section:
    asked = requests_of(person).order_by("created_at", "pk")
    numbers = {key: number for number, key in enumerate(asked.values_list("pk", flat=True), 1)}
    steps = ReviewStep.objects.filter(request__requester=person).order_by("request", "position")
    return Section(
        name="requests",
        title="Your requests for exemption",
        explanation=(
            "What you asked for, drafts too, with everything that you and the reviewers wrote to "
            "each other, what was decided and by whom, and your files. Requests are numbered from "
            "the oldest on."
        ),
        tables=[
            _requests(person, numbers),
            _written(person, numbers),
            _decisions(person, numbers),
            table_of(
                "steps", "Steps that they took", steps,
                "position", "is_appeal", "reviewer", "opened_at", "due_at", "escalated_at",
                "stopped_at", "closed_at", assignee="assignee__name", request="request_id",
                only_data=["request"],
            ),
            _attached(person, numbers),
            table_of(
                "away", "When you were away", Delegation.objects.filter(person=person),
                "starts_at", "ends_at", "reason", "made_at", delegate="delegate__name",
            ),
            table_of(
                "stood_in", "For whom you decided", Delegation.objects.filter(delegate=person),
                "starts_at", "ends_at", person="person__name",
            ),
        ],
        files=_files(person, numbers),
    )  # fmt: skip


def _requests(person: Employee, numbers: Numbers) -> Table:
    columns = (
        "state", "ground__name", "is_sensitive", "created_at", "submitted_at", "decided_at",
        "applications", "kinds", "starts_on", "ends_on", "review_on",
        "granted_applications", "granted_kinds", "granted_starts_on", "granted_ends_on",
        "granted_review_on", "legal_due_on", "revoked_at",
    )  # fmt: skip
    rows = requests_of(person).order_by("created_at", "pk").values_list("pk", *columns)
    names = ["confidential" if one == "is_sensitive" else one for one in columns]
    return Table(
        name="requests",
        title="Requests",
        columns=("number", *(name.removesuffix("__name") for name in names), "id"),
        rows=((numbers[key], *values, key) for key, *values in rows.iterator()),
        sources=sources(ExemptionRequest),
        only_data=frozenset({"id"}),
    )


def _written(person: Employee, numbers: Numbers) -> Table:
    return Table(
        name="written",
        title="What was written",
        columns=("request", "kind", "written_at", "by", "text"),
        rows=_texts(person, numbers),
        sources=sources(Message),
    )


@sensitive_variables()
def _texts(person: Employee, numbers: Numbers) -> Iterator[Sequence[object]]:
    written = Message.objects.filter(request__requester=person).exclude(kind=MessageKind.NOTE)
    for one in written.select_related("request", "author").order_by("written_at").iterator():
        text = message_text(one.request, one)
        yield (
            numbers[one.request_id], one.get_kind_display(), one.written_at, one.author.name, text,
        )  # fmt: skip


def _decisions(person: Employee, numbers: Numbers) -> Table:
    return Table(
        name="decisions",
        title="Decisions",
        columns=(
            "request", "decided_at", "by", "in_place_of", "verdict", "reason", "text",
            "applications", "kinds", "starts_on", "ends_on", "review_on",
        ),
        rows=_decided(person, numbers),
        sources=sources(Decision),
    )  # fmt: skip


@sensitive_variables()
def _decided(person: Employee, numbers: Numbers) -> Iterator[Sequence[object]]:
    made = Decision.objects.filter(request__requester=person).order_by("decided_at")
    for one in made.select_related("request", "by", "on_behalf_of").iterator():
        yield (
            numbers[one.request_id],
            one.decided_at,
            one.by.name,
            one.on_behalf_of.name if one.on_behalf_of else None,
            one.get_verdict_display(),
            one.get_code_display(),
            decision_text(one.request, one),
            one.applications,
            one.kinds,
            one.starts_on,
            one.ends_on,
            one.review_on,
        )


def _attached(person: Employee, numbers: Numbers) -> Table:
    return Table(
        name="files",
        title="Files",
        columns=("request", "name", "media_type", "size_bytes", "added_at", "path"),
        rows=(
            (
                numbers[one.request_id], attachment_name(one.request, one), one.media_type,
                one.size_bytes, one.added_at, _path(one, numbers),
            )
            for one in _attachments(person)
        ),
        sources=sources(Attachment),
    )  # fmt: skip


def _files(person: Employee, numbers: Numbers) -> Iterator[File]:
    for one in _attachments(person):
        # What was erased has a row and no content any more.
        if one.request.sealing_key is not None:
            yield File(_path(one, numbers), partial(_content, one))


@sensitive_variables()
def _content(attachment: Attachment) -> bytes:
    return attachment_content(
        attachment.request, attachment_of(attachment.request, attachment.pk)
    )  # fmt: skip


def _attachments(person: Employee) -> Iterator[Attachment]:
    mine = ATTACHMENTS_WITHOUT_CONTENT.filter(request__requester=person).select_related("request")
    yield from mine.order_by("request__created_at", "request", "number").iterator()


def _path(attachment: Attachment, numbers: Numbers) -> str:
    """Return where a file lies in the copy; its own name says nothing about the path."""
    folder = f"files/request-{numbers[attachment.request_id]}"
    return f"{folder}/file-{attachment.number}.{attachment.extension}"
