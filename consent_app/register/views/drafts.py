"""Writing the draft: its words, kinds, applications, safeguards and notices."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent_app.people.roles import Role
from consent_app.register.actions import editing as actions
from consent_app.register.errors import (
    ApplicationWrong,
    DraftWithLegal,
    NoSuchEntry,
    SafeguardWrong,
    SomebodyWroteMeanwhile,
)
from consent_app.register.forms import RegisterSearchForm
from consent_app.register.forms.drafts import (
    ApplicationForm,
    KindFormSet,
    NeverFormSet,
    NoticeForm,
    ReaderFormSet,
    SafeguardForm,
    WordsForm,
    everywhere_of,
    initial_of_application,
    initial_of_kinds,
    initial_of_safeguard,
    kept,
    kinds_of,
)
from consent_app.register.models import RegisterVersion, VersionState
from consent_app.register.programme import NeverCollectedWords, ReaderWords
from consent_app.register.queries import find_applications
from consent_app.register.queries.drafts import (
    application_in,
    kept_safeguards,
    safeguard_in,
)
from consent_app.register.queries.review import draft_in_preparation
from consent_app.register.rules import PORTAL_SLUG
from consent_app.register.views.review import seen
from portal.lib.http import UserRequest
from portal.lib.refusals import Refusal

APPLICATIONS_PER_PAGE = 50
FOLDER = "register/draft"


@require_http_methods(["GET", "HEAD", "POST"])
def draft_words(request: UserRequest) -> HttpResponse:
    draft = draft_to_write(request)
    data = request.POST if request.method == "POST" else None
    form = WordsForm(data, initial={"purpose": draft.purpose, "limits": draft.limits})
    readers = ReaderFormSet(data, initial=draft.readers, prefix="readers")
    never = NeverFormSet(data, initial=draft.never_collected, prefix="never")
    context = {"draft": draft, "form": form, "readers": readers, "never": never}
    if data is None:
        return render(request, f"{FOLDER}/words.html", context)
    if not all(part.is_valid() for part in (form, readers, never)):
        return render(request, f"{FOLDER}/words.html", context, status=422)

    def save() -> None:
        actions.save_words(
            draft=draft,
            by=request.user,
            seen=seen(request),
            **form.cleaned_data,
            readers=[ReaderWords(**_without_delete(one)) for one in kept(readers)],
            never_collected=[NeverCollectedWords(**_without_delete(one)) for one in kept(never)],
        )

    return _saved(request, save, f"{FOLDER}/words.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_kinds(request: UserRequest) -> HttpResponse:
    draft = draft_to_write(request)
    data = request.POST if request.method == "POST" else None
    formset = KindFormSet(data, initial=initial_of_kinds(draft.kinds.all()), prefix="kinds")
    context = {"draft": draft, "formset": formset}
    if data is None:
        return render(request, f"{FOLDER}/kinds.html", context)
    if not formset.is_valid():
        return render(request, f"{FOLDER}/kinds.html", context, status=422)

    def save() -> None:
        actions.save_kinds(
            draft=draft,
            by=request.user,
            seen=seen(request),
            kinds=kinds_of(formset),
            everywhere=everywhere_of(formset),
        )

    return _saved(request, save, f"{FOLDER}/kinds.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_notice(request: UserRequest) -> HttpResponse:
    draft = draft_to_write(request)
    form = NoticeForm(
        request.POST if request.method == "POST" else None, initial=draft.notice_fields
    )
    context = {"draft": draft, "form": form}
    if request.method != "POST":
        return render(request, f"{FOLDER}/notice.html", context)
    if not form.is_valid():
        return render(request, f"{FOLDER}/notice.html", context, status=422)

    def save() -> None:
        actions.save_notice_fields(
            draft=draft, by=request.user, seen=seen(request), fields=form.wanted
        )

    return _saved(request, save, f"{FOLDER}/notice.html", context)


@require_safe
def draft_applications(request: UserRequest) -> HttpResponse:
    draft = draft_to_write(request)
    form = RegisterSearchForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    wanted = form.cleaned_data
    found = find_applications(
        draft,
        text=wanted["search"],
        category=wanted["category"],
        excluded={"yes": False, "no": True}.get(wanted["collected"]),
    )
    page = Paginator(found, APPLICATIONS_PER_PAGE).get_page(wanted["page"])
    context = {"draft": draft, "form": form, "page": page}
    return render(request, f"{FOLDER}/applications.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_application_new(request: UserRequest) -> HttpResponse:
    return _application_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_application(request: UserRequest, slug: str) -> HttpResponse:
    return _application_page(request, slug)


@require_POST
def draft_application_remove(request: UserRequest, slug: str) -> HttpResponse:
    draft = draft_to_write(request)
    application_in(draft, slug)
    try:
        actions.remove_application(draft=draft, by=request.user, seen=seen(request), slug=slug)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("draft-application", slug)
    return saved(request, "draft-applications")


@require_safe
def draft_safeguards(request: UserRequest) -> HttpResponse:
    draft = draft_to_write(request)
    context = {
        "draft": draft,
        "safeguards": draft.safeguards.all(),
        "kept": kept_safeguards(draft),
    }
    return render(request, f"{FOLDER}/safeguards.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_safeguard_new(request: UserRequest) -> HttpResponse:
    return _safeguard_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def draft_safeguard(request: UserRequest, slug: str) -> HttpResponse:
    return _safeguard_page(request, slug)


@require_POST
def draft_safeguard_remove(request: UserRequest, slug: str) -> HttpResponse:
    draft = draft_to_write(request)
    safeguard_in(draft, slug)
    try:
        actions.remove_safeguard(
            draft=draft, by=request.user, seen=seen(request), safeguard_id=slug
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("draft-safeguards")
    return saved(request, "draft-safeguards")


def _application_page(request: UserRequest, slug: str | None) -> HttpResponse:
    draft = draft_to_write(request)
    known = application_in(draft, slug) if slug is not None else None
    kinds = list(draft.kinds.all())
    every = {"kinds": [kind.code for kind in kinds], "default_scope": "captured"}
    form = ApplicationForm(
        request.POST if request.method == "POST" else None,
        initial=initial_of_application(known) if known else every,
        kinds=kinds,
    )
    page = f"{FOLDER}/application.html"
    is_own = slug == PORTAL_SLUG
    context = {"draft": draft, "form": form, "application": known, "is_own": is_own}
    if request.method != "POST":
        return render(request, page, context)
    if not form.is_valid():
        return render(request, page, context, status=422)

    def save() -> None:
        actions.save_application(
            draft=draft,
            by=request.user,
            seen=seen(request),
            row=form.row,
            kinds=form.cleaned_data["kinds"],
            replaces=slug,
        )

    try:
        return _saved(request, save, page, context, then="draft-applications")
    except ApplicationWrong as wrong:
        form.add_problems(wrong.problems)
        return render(request, page, context, status=422)


def _safeguard_page(request: UserRequest, slug: str | None) -> HttpResponse:
    draft = draft_to_write(request)
    known = safeguard_in(draft, slug) if slug is not None else None
    form = SafeguardForm(
        request.POST if request.method == "POST" else None,
        initial=initial_of_safeguard(known) if known else None,
    )
    page = f"{FOLDER}/safeguard.html"
    is_kept = slug in kept_safeguards(draft)
    context = {"draft": draft, "form": form, "safeguard": known, "is_kept": is_kept}
    if request.method != "POST":
        return render(request, page, context)
    if not form.is_valid():
        return render(request, page, context, status=422)

    def save() -> None:
        actions.save_safeguard(
            draft=draft, by=request.user, seen=seen(request), row=form.row, replaces=slug
        )

    try:
        return _saved(request, save, page, context, then="draft-safeguards")
    except SafeguardWrong as wrong:
        form.add_problems(wrong.problems)
        return render(request, page, context, status=422)


def draft_to_write(request: UserRequest) -> RegisterVersion:
    """Return what the programme owner may write. Raises PermissionDenied and Http404."""
    if not request.user.has_role(Role.PROGRAMME_OWNER):
        raise PermissionDenied
    draft = draft_in_preparation()
    if draft is None or draft.state != VersionState.DRAFT:
        raise Http404
    return draft


def _saved(
    request: UserRequest,
    save: Callable[[], None],
    page: str,
    context: dict[str, Any],
    *,
    then: str = "register-review",
) -> HttpResponse:
    """Save and go on, or show the page again with what was typed, and why it was refused.

    Raises ApplicationWrong and SafeguardWrong, which only a form can show.
    """
    try:
        save()
    except (ApplicationWrong, SafeguardWrong):
        raise
    except Refusal as refusal:
        is_stale = isinstance(refusal, SomebodyWroteMeanwhile)
        shown = context | {"refusal": refusal.message, "is_stale": is_stale}
        is_late = isinstance(refusal, (SomebodyWroteMeanwhile, DraftWithLegal, NoSuchEntry))
        return render(request, page, shown, status=409 if is_late else 422)
    return saved(request, then)


def saved(request: UserRequest, then: str) -> HttpResponse:
    messages.info(request, "Saved in the draft.")
    return redirect(then)


def _without_delete(form: Any) -> dict[str, Any]:
    return {name: value for name, value in form.cleaned_data.items() if name != "DELETE"}
