"""Tables of applications and safeguards: handed out, tried, and put in the place of a draft's."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent_app.register import tables
from consent_app.register.actions import imports
from consent_app.register.forms.imports import ApplyForm, ImportForm
from consent_app.register.models import RegisterVersion
from consent_app.register.queries.drafts import Table, imported, read_table
from consent_app.register.queries.history import version_numbered
from consent_app.register.views.drafts import FOLDER, draft_to_write, saved
from consent_app.register.views.review import seen
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

PAGE = f"{FOLDER}/import.html"


@require_http_methods(["GET", "HEAD", "POST"])
def draft_import(request: UserRequest) -> HttpResponse:
    """Read a table and show what it would change, or everything that is wrong with it."""
    draft = draft_to_write(request)
    if request.method != "POST":
        return render(request, PAGE, {"draft": draft, "form": ImportForm()})
    form = ImportForm(request.POST, request.FILES)
    context: dict[str, Any] = {"draft": draft, "form": form}
    if not form.is_valid():
        return render(request, PAGE, context, status=422)
    table = form.cleaned_data["table"]
    lines, problems = read_table(draft, table, form.cleaned_data["file"])
    if problems:
        return render(request, PAGE, context | {"problems": problems}, status=422)
    found = imported(draft, table, [line.row for line in lines])
    status = 422 if found.is_too_large else 200
    return render(request, PAGE, context | {"found": found}, status=status)


@require_POST
def draft_import_apply(request: UserRequest) -> HttpResponse:
    """Apply a table that was shown; it comes back with the form and is read once more."""
    draft = draft_to_write(request)
    form = ApplyForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    table = form.cleaned_data["table"]
    lines, problems = read_table(draft, table, form.cleaned_data["text"].encode())
    if problems:
        raise BadRequest
    is_of_applications = table is Table.APPLICATIONS
    replace = imports.replace_applications if is_of_applications else imports.replace_safeguards
    try:
        rows = [line.row for line in lines]
        replace(draft=draft, by=request.user, seen=seen(request), rows=rows)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("draft-import")
    return saved(request, "draft-applications" if is_of_applications else "draft-safeguards")


@require_safe
def draft_export(request: UserRequest) -> HttpResponse:
    return _applications(draft_to_write(request))


@require_safe
def draft_export_safeguards(request: UserRequest) -> HttpResponse:
    return _safeguards(draft_to_write(request))


@require_safe
def version_export(request: UserRequest, number: int) -> HttpResponse:
    """Hand out the applications of a published version; everybody who works here may read them."""
    return _applications(version_numbered(number))


@require_safe
def version_export_safeguards(request: UserRequest, number: int) -> HttpResponse:
    return _safeguards(version_numbered(number))


def _applications(version: RegisterVersion) -> HttpResponse:
    text = tables.applications_csv(version.applications.order_by("slug"))
    return _file(text, f"applications-{version.number}.csv")


def _safeguards(version: RegisterVersion) -> HttpResponse:
    return _file(
        tables.safeguards_csv(version.safeguards.all()), f"safeguards-{version.number}.csv"
    )


def _file(text: str, name: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
