"""Several requests on one page: each is read, and decided with a reason of its own."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from exemptions.actions.bulk import Outcome, Word, decide_each
from exemptions.actions.openings import open_case
from exemptions.errors import OpenOneByOne
from exemptions.forms.queue import LATER, TogetherForm, chosen
from exemptions.models import ExemptionRequest, ReviewStep, Verdict
from exemptions.queries import queue as queries
from exemptions.queries import reviewing
from exemptions.queries.case import Passage, passage_of
from exemptions.views.queue import place_of
from exemptions.words.names import RegisterNames, register_names
from portal.lib.http import UserRequest

PAGE = "review/bulk.html"
DONE_PAGE = "review/bulk_done.html"


@dataclass(frozen=True, slots=True)
class Row:
    """A request and the form about it; a confidential one has neither form nor words.

    `standing` is empty unless earlier decisions left less than was asked for; `applications` are
    those left by now, empty for all.
    """

    request: ExemptionRequest
    form: TogetherForm | None = None
    asked: str = ""
    standing: str = ""
    applications: list[str] = field(default_factory=list)
    place: str = ""
    step: ReviewStep | None = None
    is_overdue: bool = False
    passages: list[Passage] = field(default_factory=list)
    files: int = 0


@sensitive_post_parameters()
@sensitive_variables()
@require_http_methods(["GET", "HEAD", "POST"])
def review_bulk(request: UserRequest) -> HttpResponse:
    now = timezone.now()
    reviewing.check_is_reviewer(request.user, at=now)
    who = reviewing.reviewing_as(request.user, at=now)
    if request.method == "POST":
        return _decide(request, who)
    ids = chosen(request.GET)
    cases = queries.cases_to_decide(who, ids)
    forms = [None if case.is_sensitive else TogetherForm(case) for case in cases]
    return _page(request, cases, forms, missing=len(ids) - len(cases))


@sensitive_variables()
def _decide(request: UserRequest, who: reviewing.Reviewing) -> HttpResponse:
    """Decide each of the chosen, or none of them while something is missing in any form."""
    ids = chosen(request.POST)
    cases = queries.cases_to_answer(who, ids)
    forms = [TogetherForm(case, request.POST) for case in cases]
    missing = len(ids) - len(cases)
    if not cases or not all([form.is_valid() for form in forms]):  # noqa: C419 (every form is asked)
        return _page(request, cases, forms, missing=missing, status=422)
    outcomes = decide_each(words=_words(cases, forms), by=request.user)
    return render(request, DONE_PAGE, _told(outcomes, cases, missing=missing))


@sensitive_variables()
def _words(cases: list[ExemptionRequest], forms: list[TogetherForm]) -> Iterator[Word]:
    for case, form in zip(cases, forms, strict=True):
        said = form.cleaned_data
        if said["verdict"] != LATER:
            yield Word(
                request=case,
                seen=said["seen"],
                verdict=Verdict(said["verdict"]),
                text=said["text"],
                code=said["code"] if said["verdict"] == Verdict.DECLINE else "",
            )


def _told(
    outcomes: list[Outcome], cases: list[ExemptionRequest], *, missing: int
) -> dict[str, object]:
    refused = [outcome for outcome in outcomes if outcome.refusal]
    return {
        "decided": [outcome for outcome in outcomes if outcome.decision],
        "refused": refused,
        "left": len(cases) - len(outcomes),
        "missing": missing,
    }


@sensitive_variables()
def _page(
    request: UserRequest,
    cases: list[ExemptionRequest],
    forms: list[TogetherForm] | list[TogetherForm | None],
    *,
    missing: int,
    status: int = 200,
) -> HttpResponse:
    names = register_names()
    rows = [
        Row(case) if form is None or case.is_sensitive else _row(case, form, names)
        for case, form in zip(cases, forms, strict=True)
    ]
    for row in rows:
        if row.form is not None:
            open_case(request=row.request, by=request.user)  # what was written is on the page
    context = {
        "rows": rows,
        "missing": missing,
        "has_forms": any(row.form for row in rows),
        "has_errors": any(row.form and row.form.errors for row in rows),
        "one_by_one": OpenOneByOne.message,
    }
    return render(request, PAGE, context, status=status)


@sensitive_variables()
def _row(case: ExemptionRequest, form: TogetherForm, names: RegisterNames) -> Row:
    step = queries.open_step_of(case)
    left = reviewing.standing_scope(case, step) if step else case.asked
    asked, standing = names.covers(case), names.covers(left)
    return Row(
        case,
        form,
        asked,
        standing=standing if standing != asked else "",
        applications=names.applications_of(left) or [],
        place=place_of(step) if step else "",
        step=step,
        is_overdue=bool(step and not step.stopped_at and step.due_at <= timezone.now()),
        passages=[passage_of(case, message) for message in case.messages.all()],
        files=len(case.attachments.all()),
    )
