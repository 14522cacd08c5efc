"""Plays the demo's requests: each step through the action that a page would call, in order of time.

`portal/demo_data/requests.toml` says who wrote what, and what was done about it and when.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F

from consent_app.notifications.models import Notification
from consent_app.people.models import Employee
from exemptions.actions import conversation, decisions, drafts, steps, submission
from exemptions.actions.drafts import Covering
from exemptions.actions.openings import open_case
from exemptions.actions.timekeeping import keep_time
from exemptions.deadlines import is_business_day, local_day
from exemptions.models import ExemptionRequest, Ground, Verdict
from exemptions.queries import own
from exemptions.scope import Scope, set_or_none
from portal.demo.clock import Clock
from portal.demo.moments import Moment
from portal.demo_data import REQUESTS

ONE_DAY = timedelta(days=1)
SENT_AFTER = timedelta(minutes=11)
READ_AFTER = timedelta(minutes=5)
# Beat looks every minute. Once a day is enough here: after midnight in California.
TIME_IS_KEPT_AT = time(8, 30, tzinfo=UTC)
READ_WITHIN = timedelta(days=2)


class Story:
    """One request and what happens to it; `listed` is its table in the file."""

    def __init__(
        self, listed: Mapping[str, Any], *, people: Mapping[str, Employee], until: datetime
    ) -> None:
        self.listed = listed
        self.people = people
        self.requester = people[listed["by"]]
        self.today = local_day(until, time_zone=self.requester.time_zone)
        self.request = ExemptionRequest()

    def moments(self) -> Iterator[Moment]:
        written = self._moment(self.listed["ago"], self.listed["at"])
        yield Moment(written, self._write)
        if self.listed.get("sent", True):
            yield Moment(written + SENT_AFTER, self._send)
        for step in self.listed.get("steps", ()):
            yield from self._moments_of(step)

    def _moments_of(self, step: Mapping[str, Any]) -> Iterator[Moment]:
        at = self._moment(step["ago"], step["at"])
        if "by" in step:
            yield Moment(at - READ_AFTER, lambda: self._open(self.people[step["by"]]))
        yield Moment(at, lambda: STEPS[step["do"]](self, step))

    def _moment(self, ago: int, at: str) -> datetime:
        """Return a time of the requester's day so many business days before today."""
        day = self.today
        for _ in range(ago):
            day -= ONE_DAY
            while not is_business_day(day, jurisdiction=self.requester.jurisdiction_id):
                day -= ONE_DAY
        return datetime.combine(day, time.fromisoformat(at), ZoneInfo(self.requester.time_zone))

    # What the requester does

    def _write(self) -> None:
        ground = Ground.objects.get(pk=self.listed["ground"])
        self.request = drafts.start_draft(employee=self.requester, ground=ground)
        covering = Covering(
            set_or_none(self.listed.get("applications")), set_or_none(self.listed.get("kinds"))
        )
        drafts.choose_covering(request=self.request, covering=covering)
        drafts.choose_period(request=self.request, scope=self._period())
        drafts.write_statement(request=self.request, text=self.listed["statement"])

    def _period(self) -> Scope:
        first_day = local_day(self.request.created_at, time_zone=self.requester.time_zone)
        first_day += timedelta(days=self.listed.get("starts", 0))
        return Scope(
            None, None, first_day, ends_on=self._day("ends"), review_on=self._day("review")
        )

    def _day(self, name: str) -> date | None:
        """Return a day given by its distance from today."""
        return self.today + timedelta(days=self.listed[name]) if name in self.listed else None

    def _send(self) -> None:
        submission.submit_request(request=self.request, by=self.requester)

    def answer(self, step: Mapping[str, Any]) -> None:
        conversation.answer_question(request=self.request, by=self.requester, text=step["text"])

    def add(self, step: Mapping[str, Any]) -> None:
        conversation.add_statement(request=self.request, by=self.requester, text=step["text"])

    def withdraw(self, _step: Mapping[str, Any]) -> None:
        submission.withdraw_request(request=self.request, by=self.requester)

    def appeal(self, step: Mapping[str, Any]) -> None:
        submission.appeal(request=self.request, by=self.requester, text=step["text"])

    def renew(self, _step: Mapping[str, Any]) -> None:
        submission.renew_exemption(request=self._fresh(), by=self.requester)

    # What reviewers do

    def _open(self, reviewer: Employee) -> None:
        open_case(request=self._fresh(), by=reviewer)

    def only_open(self, _step: Mapping[str, Any]) -> None:
        """Opening comes before every step of a reviewer."""

    def ask(self, step: Mapping[str, Any]) -> None:
        conversation.ask_for_information(**self._as_reviewer(step), text=step["text"])

    def message(self, step: Mapping[str, Any]) -> None:
        conversation.write_message(**self._as_reviewer(step), text=step["text"])

    def note(self, step: Mapping[str, Any]) -> None:
        by = self.people[step["by"]]
        conversation.write_note(request=self._fresh(), by=by, text=step["text"])

    def take(self, step: Mapping[str, Any]) -> None:
        by = self.people[step["by"]]
        steps.assign_step(request=self._fresh(), by=by, to=by)

    def approve(self, step: Mapping[str, Any]) -> None:
        decisions.decide(
            **self._as_reviewer(step), verdict=Verdict.APPROVE, text=step.get("text", "")
        )

    def approve_in_part(self, step: Mapping[str, Any]) -> None:
        asked = self._fresh().asked
        applications, kinds = step.get("applications"), step.get("kinds")
        scope = Scope(
            set_or_none(applications) if applications else asked.applications,
            set_or_none(kinds) if kinds else asked.kinds,
            asked.starts_on,
            asked.ends_on,
            asked.review_on,
        )
        decisions.decide(
            **self._as_reviewer(step),
            verdict=Verdict.APPROVE_IN_PART,
            text=step["text"],
            scope=scope,
        )

    def decline(self, step: Mapping[str, Any]) -> None:
        decisions.decide(
            **self._as_reviewer(step), verdict=Verdict.DECLINE, code=step["code"], text=step["text"]
        )

    def revoke(self, step: Mapping[str, Any]) -> None:
        request = self._fresh()
        now = self._moment(step["ago"], step["at"])
        decisions.revoke_exemption(
            **self._as_reviewer(step),
            last_day=decisions.earliest_last_day(request, at=now),
            text=step["text"],
        )

    def _as_reviewer(self, step: Mapping[str, Any]) -> dict[str, Any]:
        request = self._fresh()
        return {"request": request, "by": self.people[step["by"]], "seen": request.version}

    def _fresh(self) -> ExemptionRequest:
        return own.request_for(self.requester, self.request.pk)


STEPS: Mapping[str, Callable[[Story, Mapping[str, Any]], None]] = {
    "answer": Story.answer,
    "add": Story.add,
    "withdraw": Story.withdraw,
    "appeal": Story.appeal,
    "renew": Story.renew,
    "open": Story.only_open,
    "ask": Story.ask,
    "message": Story.message,
    "note": Story.note,
    "take": Story.take,
    "approve": Story.approve,
    "approve_in_part": Story.approve_in_part,
    "decline": Story.decline,
    "revoke": Story.revoke,
}


def play_requests(clock: Clock, *, until: datetime, also: Iterable[Moment] = ()) -> int:
    """Make the file's requests from the clock's time to `until`; return how many there are.

    What happens `also` takes its place among them.
    """
    listed = tomllib.loads(REQUESTS.read_text(encoding="utf-8"))["request"]
    people = {person.email.split("@")[0]: person for person in Employee.objects.all()}
    stories = [Story(each, people=people, until=until) for each in listed]
    moments = [moment for story in stories for moment in story.moments()]
    moments += _time_kept(clock.now(), until)
    moments += also
    for moment in sorted(moments, key=lambda moment: moment.at):
        clock.move_to(moment.at)
        moment.act()
    _settle_messages(until)
    return ExemptionRequest.objects.count()


def _time_kept(start: datetime, until: datetime) -> Iterator[Moment]:
    at = datetime.combine(start.date() + ONE_DAY, TIME_IS_KEPT_AT)
    while at < until:
        yield Moment(at, keep_time)
        at += ONE_DAY


def _settle_messages(until: datetime) -> None:
    """Nobody is mailed today about what happened then, and what is older has been read."""
    then = Notification.objects.filter(owed_at__lt=until)
    then.update(mailed_at=F("owed_at"))
    then.filter(owed_at__lt=until - READ_WITHIN).update(read_at=F("owed_at") + READ_AFTER)
