"""Gathers what the page of one's own request shows: what happened, what comes, what was written."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.views.decorators.debug import sensitive_variables

from consent_app.people.models import Employee
from consent_app.people.queries import roles_of
from consent_app.register.subjects import visible, visible_lines
from exemptions import events
from exemptions.deadlines import A_MOMENT, add_business_days, last_day_before, local_day
from exemptions.models import (
    PENDING,
    Attachment,
    Decision,
    ExemptionRequest,
    Message,
    MessageKind,
    Reviewer,
    ReviewStep,
    State,
)
from exemptions.queries import history, own
from exemptions.queries.history import HistoryEntry
from exemptions.queries.standings import (
    Reviewers,
    can_appeal,
    can_renew,
    open_steps,
)
from exemptions.scope import Scope
from exemptions.sealed import attachment_name, decision_text, message_text
from exemptions.words.names import RegisterNames, register_names

SHOWN_APPLICATIONS = 6


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the timeline."""

    at: datetime
    sentence: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """A step that comes: who, and by which day at the latest if everybody keeps to their time."""

    sentence: str
    by: date | None


@dataclass(frozen=True, slots=True)
class Written:
    """Something that was written, its invisible characters spelled out."""

    by: str
    kind: str
    text: str
    at: datetime
    is_mine: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """What one reviewer said; `scope` is what it lets stand."""

    by: str
    verdict: str
    code: str
    text: str
    at: datetime
    scope: "Covered | None"


@dataclass(frozen=True, slots=True)
class Covered:
    """A scope in names; None means all."""

    applications: list[str] | None
    kinds: list[str] | None
    starts_on: date
    ends_on: date | None
    review_on: date | None

    @property
    def more(self) -> int:
        """How many applications a short list leaves out."""
        return max(0, len(self.applications or ()) - SHOWN_APPLICATIONS)


@dataclass(frozen=True, slots=True)
class Opened:
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class File:
    id: uuid.UUID
    name: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the requester may do now; the actions decide again."""

    withdraw: bool
    answer: bool
    add: bool
    appeal: bool
    renew: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """Everything of one's own request. `due_at` is the last moment of the open step's last day."""

    request: ExemptionRequest
    choices: Choices
    asked: Covered
    granted: Covered | None
    renewed: Covered | None
    renewed_by: str
    renewal: ExemptionRequest | None
    withdrawal: str
    appeal_until: datetime | None
    due_at: datetime | None
    question: Written | None
    happened: list[Happened]
    ahead: list[Ahead]
    decided: list[Decided]
    written: list[Written]
    files: list[File]
    opened: list[Opened]


@sensitive_variables()
def own_page(request: ExemptionRequest, *, at: datetime) -> OwnPage:
    """Gather the page of a request that came from `standings.request_for`."""
    requester = request.requester
    names, reviewers = register_names(), Reviewers([request], at=at)
    today = local_day(at, time_zone=requester.time_zone)
    step = next(iter(open_steps(request)), None)
    messages, decisions = own.messages_of(request), own.decisions_on(request)
    opened = history.openings_of(request)
    people = _People(
        requester,
        [
            *(message.author for message in messages),
            *(decision.by for decision in decisions),
            *(entry.person for entry in opened if entry.person),
        ],
    )
    written = [_written(request, message, people) for message in messages]
    choices, granted = choices_of(request, step, at=at), request.granted
    renewed = granted.renewed(today=today) if granted and choices.renew else None
    return OwnPage(
        request=request,
        choices=choices,
        asked=_covered(request.asked, names),
        granted=_covered(granted, names) if granted else None,
        renewed=_covered(renewed, names) if renewed else None,
        renewed_by=_first_reviewer(request, reviewers) if choices.renew else "",
        renewal=getattr(request, "renewal", None),
        withdrawal=_withdrawal(request, at=at) if choices.withdraw else "",
        appeal_until=request.appeal_until if choices.appeal else None,
        due_at=step.due_at - A_MOMENT if step and not step.stopped_at else None,
        question=_open_question(messages, written) if choices.answer else None,
        happened=_happened(request),
        ahead=_ahead(request, step, reviewers),
        decided=[_decided(request, decision, people, names) for decision in decisions],
        written=written,
        files=[_file(request, attachment) for attachment in own.attachments_of(request)],
        opened=[Opened(people.named(entry.person, entry.actor), entry.at) for entry in opened],
    )


def choices_of(request: ExemptionRequest, step: ReviewStep | None, *, at: datetime) -> Choices:
    is_pending = step is not None and request.state in PENDING
    today = local_day(at, time_zone=request.requester.time_zone)
    return Choices(
        withdraw=is_pending and step is not None and not step.is_appeal,
        answer=request.state == State.INFORMATION_REQUESTED,
        add=is_pending,
        appeal=can_appeal(request, at=at),
        renew=can_renew(request, today=today),
    )


class _People:
    """What reviewers are called on the page: name, and what they are here."""

    def __init__(self, requester: Employee, people: Iterable[Employee]) -> None:
        self._requester = requester
        self._roles = roles_of({person.pk for person in people} - {requester.pk})

    def named(self, person: Employee | None, otherwise: str = "") -> str:
        """Return "Dana Ortiz (HR)"; `otherwise` for somebody who is not known any more."""
        if person is None:
            return otherwise
        name = visible(person.name)
        if person.pk == self._requester.line_manager_id:
            return f"{name} (your line manager)"
        roles = self._roles.get(person.pk, frozenset())
        labels = [str(team.label) for team in Reviewer if team in roles]
        return f"{name} ({', '.join(labels)})" if labels else name


def _withdrawal(request: ExemptionRequest, *, at: datetime) -> str:
    """Say what happens when the request is withdrawn."""
    protection = request.protection
    ends = protection is not None and protection.starts_at <= at
    meanwhile = " Your protection ends at once, and collection goes on." if ends else ""
    return f"Nobody decides on it any more.{meanwhile} You can ask again later."


# What happened, and what comes


def _happened(request: ExemptionRequest) -> list[Happened]:
    steps = iter(own.steps_of(request))
    return [
        Happened(entry.at, _own_words(entry, steps))
        for entry in history.history_of(request, for_requester=True)
    ]


def _own_words(entry: HistoryEntry, steps: Iterator[ReviewStep]) -> str:
    """Say a line of the log as the requester would; steps come in the order they were opened."""
    if entry.event == events.STEP_OPENED:
        return f"It went to {_team(next(steps, None))}."
    if entry.event == events.REQUEST_PROTECTED:
        return "Nobody had decided in time. You are protected until somebody does."
    return visible(entry.sentence)


def _team(step: ReviewStep | None) -> str:
    if step is None:
        return "the next reviewer"
    return "your line manager" if step.reviewer == Reviewer.MANAGER else step.get_reviewer_display()


def _ahead(request: ExemptionRequest, step: ReviewStep | None, reviewers: Reviewers) -> list[Ahead]:
    """Return the steps after the open one, with the latest days that they lead to."""
    if step is None or step.is_appeal or request.route is None:
        return []
    requester = request.requester
    day = last_day_before(step.due_at, time_zone=requester.time_zone)
    ahead = []
    for plan in request.route.steps.filter(position__gt=step.position):
        place = requester.jurisdiction_id
        day = add_business_days(day, plan.target_days, jurisdiction=place)
        who = reviewers.called(plan.reviewer, requester)
        verb = "decide" if plan.people > 1 else "decides"
        people = f"Two people of {who}" if plan.people > 1 else who
        by = None if step.stopped_at else day
        ahead.append(Ahead(f"Then {people} {verb}", by))
    return ahead


def _first_reviewer(request: ExemptionRequest, reviewers: Reviewers) -> str:
    """Return who would decide first if the same was asked for again."""
    route = own.route_in_force(request.ground)
    return reviewers.called(route.steps.all()[0].reviewer, request.requester) if route else ""


# What was written


@sensitive_variables()
def _written(request: ExemptionRequest, message: Message, people: _People) -> Written:
    is_mine = message.author_id == request.requester_id
    return Written(
        by="You" if is_mine else people.named(message.author),
        kind=MessageKind(message.kind).label,
        text=visible_lines(message_text(request, message)),
        at=message.written_at,
        is_mine=is_mine,
    )


@sensitive_variables()
def _open_question(messages: Sequence[Message], written: Sequence[Written]) -> Written | None:
    """Return the question asked last."""
    pairs = zip(messages, written, strict=True)
    questions = [shown for message, shown in pairs if message.kind == MessageKind.QUESTION]
    return questions[-1] if questions else None


@sensitive_variables()
def _decided(
    request: ExemptionRequest, decision: Decision, people: _People, names: RegisterNames
) -> Decided:
    by = people.named(decision.by)
    if decision.on_behalf_of is not None:
        by = f"{by}, for {visible(decision.on_behalf_of.name)}"
    return Decided(
        by=by,
        verdict=decision.verdict,
        code=decision.get_code_display() if decision.code else "",
        text=visible_lines(decision_text(request, decision)),
        at=decision.decided_at,
        scope=_covered(decision.scope, names) if decision.scope else None,
    )


@sensitive_variables()
def _file(request: ExemptionRequest, attachment: Attachment) -> File:
    name = visible(attachment_name(request, attachment))
    return File(attachment.pk, name, attachment.size_bytes, attachment.media_type)


def _covered(scope: Scope, names: RegisterNames) -> Covered:
    return Covered(
        names.applications_of(scope),
        names.kinds_of(scope),
        scope.starts_on,
        scope.ends_on,
        scope.review_on,
    )
