"""The request form: why, in the employee's own words, and files beside it.

What is written is sealed at once and stands nowhere else: in no log, session, message or address.
"""

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from consent_app.register.subjects import visible_lines
from exemptions import rules
from exemptions.actions import drafts
from exemptions.errors import TextMissing
from exemptions.files import MAX_FILE_BYTES, MAX_FILES
from exemptions.forms.form import StatementForm
from exemptions.models import Attachment, ExemptionRequest
from exemptions.queries import own
from exemptions.queries.drafts import MOST_NAMED, team_members
from exemptions.sealed import attachment_name, message_text
from exemptions.views.form_steps import of_a_draft, steps_of
from exemptions.views.statuses import status_of
from exemptions.words.way import Way, way_of
from portal.lib.http import UserRequest
from portal.lib.rate_limits import RateLimited, check_rate
from portal.lib.refusals import Refusal

PAGE = "requests/statement.html"
# Decoding a large picture takes 200 MB for a moment.
MOST_UPLOADS, UPLOADS_PER_SECONDS = 20, 600
TOO_MANY_UPLOADS = "You attached many files in a short time. Wait a few minutes, then go on."
NOT_ATTACHED = "You chose a file, and it is not attached yet. Attach it, or go on without it."


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the request at one step, with some of their names."""

    who: str
    names: str


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("statement")
@sensitive_variables()
@of_a_draft
def request_statement(request: UserRequest, draft: ExemptionRequest) -> HttpResponse:
    """Keep the statement; the page itself sends it while somebody types."""
    if request.method != "POST":
        return _page(request, draft, StatementForm(initial={"statement": _so_far(draft)}))
    form = StatementForm(request.POST)
    status = _keep_statement(draft, form)
    if request.htmx:
        context = {"form": form, "saved": own.statement_of(draft)}
        return render(request, f"{PAGE}#statement-saved", context, status=status)
    if status == 200 and request.POST.get("file"):
        # The form that is sent without the file has its name.
        form.add_error("file", NOT_ATTACHED)
        status = 422
    if status != 200:
        return _page(request, draft, form, status=status)
    if "save" in request.POST:
        return redirect("request-statement", draft.pk)
    if own.statement_of(draft) is None:
        form.add_error("statement", TextMissing.message)
        return _page(request, draft, form, status=422)
    return redirect("request-check", draft.pk)


@require_POST
@sensitive_post_parameters("statement")
@sensitive_variables()
@of_a_draft
def request_files(request: UserRequest, draft: ExemptionRequest) -> HttpResponse:
    """Attach one file, and keep what was written beside it."""
    form = StatementForm(request.POST, request.FILES)
    status = _keep_statement(draft, form) if "statement" in request.POST else 200
    try:
        check_rate(
            "request-files", str(request.user.pk), most=MOST_UPLOADS,
            per_seconds=UPLOADS_PER_SECONDS,
        )  # fmt: skip
    except RateLimited as limited:
        form.add_error("file", TOO_MANY_UPLOADS)
        response = _page(request, draft, form, status=429)
        response["Retry-After"] = str(limited.retry_after_seconds)
        return response
    status = _attach(draft, form) or status
    if status != 200:
        return _page(request, draft, form, status=status)
    messages.info(request, "The file is attached.")
    return _to_files(draft)


@require_POST
@sensitive_post_parameters("statement")
@sensitive_variables()
@of_a_draft
def request_file_remove(
    request: UserRequest, draft: ExemptionRequest, attachment_id: uuid.UUID
) -> HttpResponse:
    """Remove one file, and keep what was written beside it."""
    form = StatementForm(request.POST)
    status = _keep_statement(draft, form) if "statement" in request.POST else 200
    if status != 200:
        return _page(request, draft, form, status=status)
    try:
        drafts.remove_file(request=draft, attachment=own.attachment_of(draft, attachment_id))
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.info(request, "The file is removed.")
    return _to_files(draft)


@sensitive_variables()
def _keep_statement(draft: ExemptionRequest, form: StatementForm) -> int:
    """Store what is written, or add to the form why not. Returns the status to answer with."""
    if not form.is_valid():
        return 422
    text = form.cleaned_data["statement"]
    try:
        if text.strip():
            drafts.write_statement(request=draft, text=text)
        elif own.statement_of(draft) is not None:
            drafts.clear_statement(request=draft)
    except Refusal as refusal:
        form.add_error("statement", refusal.message)
        return status_of(refusal)
    return 200


@sensitive_variables()
def _attach(draft: ExemptionRequest, form: StatementForm) -> int | None:
    """Attach the file of the form, or add to the form why not and return the status."""
    uploaded = form.files.get("file")
    if uploaded is None:
        form.add_error("file", "Choose a file first.")
        return 422
    try:
        drafts.attach_file(request=draft, name=uploaded.name or "", content=uploaded.read())
    except Refusal as refusal:
        form.add_error("file", refusal.message)
        return status_of(refusal)
    return None


@sensitive_variables()
def _so_far(draft: ExemptionRequest) -> str:
    statement = own.statement_of(draft)
    return message_text(draft, statement) if statement else ""


@sensitive_variables()
def _page(
    request: UserRequest, draft: ExemptionRequest, form: StatementForm, *, status: int = 200
) -> HttpResponse:
    files = own.attachments_of(draft)
    context = {
        "draft": draft,
        "form": form,
        "saved": own.statement_of(draft),
        "files": [(file, _shown_name(draft, file)) for file in files],
        "files_left": MAX_FILES - len(files),
        "most_files": MAX_FILES,
        "most_megabytes": MAX_FILE_BYTES // (1024 * 1024),
        "most_characters": f"{rules.MAX_TEXT:,}",
        **_readers(draft),
        **steps_of(draft, "request-statement"),
    }
    return render(request, PAGE, context, status=status)


@sensitive_variables()
def _shown_name(draft: ExemptionRequest, file: Attachment) -> str:
    return visible_lines(attachment_name(draft, file))


def _readers(draft: ExemptionRequest) -> dict[str, object]:
    """Return who will read what is about to be written; nothing if no route is in force."""
    route = own.route_in_force(draft.ground)
    if route is None:
        return {"way": None, "readers": []}
    way = way_of(route, is_sensitive=draft.is_sensitive, manager=draft.requester.line_manager)
    return {"way": way, "readers": _named(way, team_members(route, requester=draft.requester))}


def _named(way: Way, members: dict[str, list[str]]) -> list[Reader]:
    readers = []
    for stop in way.stops:
        names = members.get(stop.reviewer, [])
        more = " and others" if len(names) > MOST_NAMED else ""
        readers.append(Reader(stop.who, ", ".join(names[:MOST_NAMED]) + more))
    return readers


def _to_files(draft: ExemptionRequest) -> HttpResponse:
    return redirect(f"{reverse('request-statement', args=[draft.pk])}#files")
