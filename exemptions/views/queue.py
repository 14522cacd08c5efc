"""The queue of a reviewer: what waits for them, for their team or for the requester."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import BadRequest
from django.core.paginator import EmptyPage, Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent_app.people.models import Employee
from exemptions.forms.queue import QueueForm
from exemptions.models import Decision, ExemptionRequest, Reviewer, ReviewStep, Verdict
from exemptions.queries import queue as queries
from exemptions.queries import reviewing
from exemptions.queries.queue import MOST_COUNTED, MOST_LISTED, Tab, Wanted
from exemptions.queries.reviewing import Reviewing
from exemptions.words.names import RegisterNames, register_names
from portal.lib.http import UserRequest

PAGE = "review/queue.html"
ROWS_PER_PAGE = 25
SAID = {
    Verdict.APPROVE: "approved",
    Verdict.APPROVE_IN_PART: "partly_approved",
    Verdict.DECLINE: "declined",
}
# What stands where nothing does: a title, and what will be there.
EMPTY = {
    Tab.MINE: (
        "Nothing waits for you",
        "Requests of people who report to you stand here, and those that you take or are given.",
    ),
    Tab.TEAM: (
        "Nothing waits for your team",
        "Requests that anybody of your team may decide stand here until somebody takes them.",
    ),
    Tab.OVERDUE: (
        "Nothing is overdue",
        "A request that passes its day stands here, and others may step in.",
    ),
    Tab.WAITING: (
        "Nobody owes you an answer",
        "A request stands here while the person is asked something. Its clock stops for that time.",
    ),
    Tab.DECIDED: (
        "You have not decided anything yet",
        "What you decide stands here, newest first.",
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A request on the page; `step` while it waits, `decision` where the reader has decided."""

    request: ExemptionRequest
    asked: str
    step: ReviewStep | None = None
    place: str = ""
    who: str = ""
    is_overdue: bool = False
    decision: Decision | None = None

    @property
    def can_be_chosen(self) -> bool:
        """Whether it can be decided together with others."""
        return self.step is not None and not self.request.is_sensitive

    @property
    def said(self) -> str:
        """The state that shows the reader's own decision."""
        return SAID[Verdict(self.decision.verdict)] if self.decision else ""


@require_safe
def review(request: UserRequest) -> HttpResponse:
    now = timezone.now()
    reviewing.check_is_reviewer(request.user, at=now)
    who = reviewing.reviewing_as(request.user, at=now)
    form = QueueForm(request.GET, who=who)
    if not form.is_valid():
        raise BadRequest
    ids = queries.listed(who, form.chosen_tab, form.wanted, at=now)
    is_filtered = form.wanted != Wanted()
    known = {} if is_filtered else {form.chosen_tab: len(ids)}
    page = _page(ids, form.cleaned_data["page"] or 1)
    rows = _rows(who, form.chosen_tab, page, at=now)
    context = {
        "form": form,
        "tab": form.chosen_tab,
        "tabs": _tabs(form, queries.counts(who, at=now, known=known)),
        "page": page,
        "rows": rows,
        "is_filtered": is_filtered,
        "whole_tab": reverse("review", query={"tab": form.chosen_tab.value}),
        "empty": EMPTY[form.chosen_tab],
        "most": MOST_LISTED if len(ids) == MOST_LISTED else None,
        "can_choose": any(row.can_be_chosen for row in rows),
    }
    return render(request, PAGE, context)


@dataclass(frozen=True, slots=True)
class TabLink:
    """The way to a tab; its key is its place. Grounds and name go along, states differ by tab."""

    tab: Tab
    address: str
    key: int
    count: str
    is_current: bool


def _tabs(form: QueueForm, found: Mapping[Tab, int]) -> list[TabLink]:
    along = {"search": form.wanted.name, "ground": form.wanted.ground}
    kept = {name: value for name, value in along.items() if value}
    return [
        TabLink(
            tab=tab,
            address=reverse("review", query={"tab": tab.value} | kept),
            key=place,
            count=_counted(found[tab]),
            is_current=tab == form.chosen_tab,
        )
        for place, tab in enumerate(Tab, start=1)
    ]


def _counted(count: int) -> str:
    return str(count) if count < MOST_COUNTED else f"{MOST_COUNTED - 1}+"


def _page(ids: Sequence[UUID], number: int) -> Page[UUID]:
    try:
        return Paginator(ids, ROWS_PER_PAGE).page(number)
    except EmptyPage:
        raise Http404 from None


def _rows(who: Reviewing, tab: Tab, page: Page[UUID], *, at: datetime) -> list[Row]:
    names, ids = register_names(), list(page)
    if tab == Tab.DECIDED:
        return [_decided(decision, names) for decision in queries.decisions_of_page(who, ids)]
    return [_waiting(step, names, who, at=at) for step in queries.steps_of_page(who, ids)]


def _decided(decision: Decision, names: RegisterNames) -> Row:
    return Row(decision.request, names.covers(decision.request), decision=decision)


def _waiting(step: ReviewStep, names: RegisterNames, who: Reviewing, *, at: datetime) -> Row:
    return Row(
        step.request,
        names.covers(step.request),
        step=step,
        place=place_of(step),
        who=_handler(step, who),
        is_overdue=step.stopped_at is None and step.due_at <= at,
    )


def place_of(step: ReviewStep) -> str:
    """Say how far a request has come: "Step 1 of 2"."""
    route = step.request.route
    if step.is_appeal or route is None:
        return "Appeal"
    return f"Step {step.position} of {len(route.steps.all())}"


def _handler(step: ReviewStep, who: Reviewing) -> str:
    """Say whom a step waits for: one person, anybody of a team, and who steps in by now."""
    named, team = _named(step), _team(step.reviewer)
    first = "You" if named == who.person else named.name if named else team
    fallback = _team(step.fallback) if step.escalated_at else ""
    if not (first and fallback):
        return first or fallback or "Nobody yet"
    return f"{first} or {fallback[:1].lower()}{fallback[1:]}"


def _named(step: ReviewStep) -> Employee | None:
    if step.reviewer == Reviewer.MANAGER:
        return step.request.requester.line_manager
    return step.assignee


def _team(reviewer: str) -> str:
    if reviewer in ("", Reviewer.MANAGER):
        return ""
    return f"Anybody in {Reviewer(reviewer).label}"
