"""What the decision box of a case offers, and what each of it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from consent_app.people.models import Employee
from exemptions.actions import conversation, decisions, steps
from exemptions.actions.decisions import earliest_last_day, may_revoke
from exemptions.forms import case as inputs
from exemptions.models import ExemptionRequest, State, Verdict
from exemptions.queries.case import Case

REVOCABLE = {State.APPROVED, State.PARTLY_APPROVED, State.OVERTURNED, State.UPHELD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing a reviewer may do.

    `do` returns a sentence about what was done; `moves_on` says that the next case comes then.
    `is_read` says that the requester reads the text, under the word `outcome` if there is one.
    """

    name: str
    key: str
    label: str
    address: str
    button: str
    is_offered: Callable[[Case], bool]
    make_form: Callable[..., forms.Form]
    do: Callable[[ExemptionRequest, Employee, Any], str]
    verdict: str = ""
    outcome: str = ""
    is_read: bool = False
    moves_on: bool = False
    is_aside: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """An act as the page shows it."""

    act: Act
    url: str
    form: forms.Form
    is_open: bool


def offers(case: Case, *, posted: Act | None = None, data: Any = None) -> list[Offer]:
    """Return what this reviewer may do now; `posted` comes back open, with what was typed."""
    return [
        Offer(
            act,
            reverse(act.address, args=[case.request.pk]),
            act.make_form(case, act.name, data if act is posted else None),
            act is posted,
        )
        for act in ACTS.values()
        if act.is_offered(case)
    ]


# What each does


@sensitive_variables()
def _decide(verdict: Verdict) -> Callable[[ExemptionRequest, Employee, Any], str]:
    @sensitive_variables()
    def do(request: ExemptionRequest, by: Employee, form: Any) -> str:
        wanted = form.cleaned_data
        decision = decisions.decide(
            request=request, by=by, seen=wanted["seen"], verdict=verdict, text=wanted["text"],
            code=wanted.get("code", ""),
            scope=form.scope if verdict == Verdict.APPROVE_IN_PART else None,
        )  # fmt: skip
        return f"{_DONE[verdict].format(name=request.requester.name)}{_what_follows(decision)}"

    return do


_DONE: Mapping[Verdict, str] = {
    Verdict.APPROVE: "You approved the request of {name}.",
    Verdict.APPROVE_IN_PART: "You approved the request of {name} in part.",
    Verdict.DECLINE: "You declined the request of {name}.",
}


def _what_follows(decision: Any) -> str:
    if decision.step.closed_at is None:
        return " Somebody else has to decide as well."
    return " It goes on to the next reviewer." if decision.request.is_pending else ""


@sensitive_variables()
def _ask(request: ExemptionRequest, by: Employee, form: Any) -> str:
    wanted = form.cleaned_data
    conversation.ask_for_information(
        request=request, by=by, seen=wanted["seen"], text=wanted["text"]
    )
    return f"You asked {request.requester.name}. The clock stands still until the answer comes."


@sensitive_variables()
def _message(request: ExemptionRequest, by: Employee, form: Any) -> str:
    wanted = form.cleaned_data
    conversation.write_message(request=request, by=by, seen=wanted["seen"], text=wanted["text"])
    return f"You wrote to {request.requester.name}."


@sensitive_variables()
def _note(request: ExemptionRequest, by: Employee, form: Any) -> str:
    conversation.write_note(request=request, by=by, text=form.cleaned_data["text"])
    return "Your note is there for the other reviewers."


def _assign(request: ExemptionRequest, by: Employee, form: Any) -> str:
    steps.assign_step(request=request, by=by, to=form.person)
    if form.person is None:
        return "The request is with the whole team again."
    return "You took the request." if form.person == by else f"{form.person.name} has it now."


@sensitive_variables()
def _delay(request: ExemptionRequest, by: Employee, form: Any) -> str:
    wanted = form.cleaned_data
    conversation.extend_deadline(
        request=request, by=by, seen=wanted["seen"], until=wanted["until"], text=wanted["text"]
    )
    return "The legal deadline is extended."


@sensitive_variables()
def _revoke(request: ExemptionRequest, by: Employee, form: Any) -> str:
    wanted = form.cleaned_data
    decisions.revoke_exemption(
        request=request, by=by, seen=wanted["seen"], last_day=wanted["last_day"],
        text=wanted["text"],
    )  # fmt: skip
    return f"The exemption of {request.requester.name} ends on that day."


# Who is offered what


def _may_decide(case: Case) -> bool:
    return case.may_decide


def _may_act(case: Case) -> bool:
    return case.may_act


def _may_ask(case: Case) -> bool:
    return case.may_act and case.request.state != State.INFORMATION_REQUESTED


def _may_delay(case: Case) -> bool:
    return case.may_act and case.longest_delay is not None


def _may_revoke(case: Case) -> bool:
    request = case.request
    row = request.exemption
    lasts = row is not None and (row.ends_at is None or row.ends_at > case.at)
    return lasts and request.state in REVOCABLE and may_revoke(request, case.who.person, at=case.at)


def _revoke_form(case: Case, name: str, data: Any) -> forms.Form:
    earliest = earliest_last_day(case.request, at=case.at)
    return inputs.RevokeForm(case, name, data, earliest=earliest)


def _text_form(label: str) -> Callable[..., forms.Form]:
    def make(case: Case, name: str, data: Any) -> forms.Form:
        return inputs.TextForm(case, name, data, label=label)

    return make


def _decline_form(case: Case, name: str, data: Any) -> forms.Form:
    return inputs.DeclineForm(case, name, data, label="Your reason")


ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act(
            name="approve", key="a", label="Approve", address="review-decide", button="Approve",
            verdict="approve", outcome="Approved", is_offered=_may_decide,
            make_form=inputs.ApproveForm, do=_decide(Verdict.APPROVE), is_read=True, moves_on=True,
        ),
        Act(
            name="part", key="p", label="Approve in part", address="review-decide",
            button="Approve in part", verdict="approve_in_part", outcome="Approved in part",
            is_offered=_may_decide, make_form=inputs.ApproveInPartForm,
            do=_decide(Verdict.APPROVE_IN_PART), is_read=True, moves_on=True,
        ),
        Act(
            name="decline", key="d", label="Decline", address="review-decide", button="Decline",
            verdict="decline", outcome="Declined", is_offered=_may_decide,
            make_form=_decline_form, do=_decide(Verdict.DECLINE), is_read=True, moves_on=True,
        ),
        Act(
            name="ask", key="q", label="Ask for information", address="review-ask", button="Ask",
            is_offered=_may_ask, make_form=_text_form("Your question"), do=_ask, is_read=True,
            moves_on=True,
        ),
        Act(
            name="message", key="m", label="Write a message", address="review-message",
            button="Send", is_offered=_may_act, make_form=_text_form("Your message"),
            do=_message, is_read=True, is_aside=True,
        ),
        Act(
            name="note", key="n", label="Note for reviewers", address="review-note",
            button="Keep the note", is_offered=_may_act, make_form=_text_form("Your note"),
            do=_note, is_aside=True,
        ),
        Act(
            name="assign", key="t", label="Take it or hand it over", address="review-assign",
            button="Hand over", is_offered=lambda case: case.is_assignable,
            make_form=inputs.AssignForm, do=_assign, is_aside=True,
        ),
        Act(
            name="delay", key="e", label="Extend the legal deadline", address="review-delay",
            button="Extend", is_offered=_may_delay, make_form=inputs.DelayForm, do=_delay,
            is_read=True, is_aside=True,
        ),
        Act(
            name="revoke", key="r", label="Revoke the exemption", address="review-revoke",
            button="Revoke", is_offered=_may_revoke, make_form=_revoke_form, do=_revoke,
            is_read=True,
        ),
    )
}  # fmt: skip
OF_VERDICT: Mapping[str, Act] = {act.verdict: act for act in ACTS.values() if act.verdict}
