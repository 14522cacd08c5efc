"""What happens with a request, in the words that its requester reads before anything is written.

Everything is said of the route as it stands; nothing here depends on which grounds it belongs to.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consent_app.people.models import Employee
from exemptions.models import Reviewer, Route, RouteStep

TEAMS: Mapping[str, str] = {Reviewer.HR: "HR", Reviewer.LEGAL: "Legal", Reviewer.IT: "IT"}
PROTECTED_AT_ONCE = "You are protected from the moment you send it."
PROTECTED_BY_SILENCE = (
    "Collection goes on until they decide. If they are late, you are protected until they do."
)


@dataclass(frozen=True, slots=True)
class Stop:
    """A step of the way. `who` begins with a capital letter; `late` is who may step in, or ""."""

    who: str
    reviewer: str
    people: int
    days: int
    late: str


@dataclass(frozen=True, slots=True)
class Way:
    """A route in words: who reads the request, how long it takes, and what holds meanwhile."""

    readers: str
    days: str
    meanwhile: str
    stops: tuple[Stop, ...]
    appeal: str


def way_of(route: Route, *, is_sensitive: bool, manager: Employee | None) -> Way:
    """Say what happens with a request of somebody who reports to `manager`."""
    steps = list(route.steps.all())
    return Way(
        readers=_readers(steps, is_sensitive=is_sensitive, manager=manager),
        days=_days([step.target_days for step in steps]),
        meanwhile=PROTECTED_AT_ONCE if route.protects_while_pending else PROTECTED_BY_SILENCE,
        stops=tuple(_stop(step, manager) for step in steps),
        appeal=TEAMS[route.appeal_reviewer],
    )


def counted_days(count: int) -> str:
    return "1 business day" if count == 1 else f"{count} business days"


def _readers(steps: list[RouteStep], *, is_sensitive: bool, manager: Employee | None) -> str:
    readers = ", then ".join(_who(step, manager) for step in steps)
    others = dict.fromkeys(step.fallback for step in steps if _steps_in(step, steps, manager))
    if others:
        readers += f", and {' and '.join(TEAMS[team] for team in others)} if they are late"
    return f"Only {readers}. Not your manager." if is_sensitive else f"{_capital(readers)}."


def _steps_in(step: RouteStep, steps: list[RouteStep], manager: Employee | None) -> bool:
    """Whether a step's fallback is somebody who would not read the request anyway."""
    reading = {other.reviewer for other in steps} | {
        other.fallback for other in steps if _is_passed_over(other, manager)
    }
    return bool(step.fallback) and step.fallback not in reading


def _stop(step: RouteStep, manager: Employee | None) -> Stop:
    is_passed_over = _is_passed_over(step, manager)
    return Stop(
        who=_capital(_who(step, manager)),
        reviewer=step.fallback if is_passed_over else step.reviewer,
        people=step.people,
        days=step.target_days,
        late="" if is_passed_over else TEAMS.get(step.fallback, ""),
    )


def _who(step: RouteStep, manager: Employee | None) -> str:
    if step.reviewer != Reviewer.MANAGER:
        return TEAMS[step.reviewer]
    if manager is not None:
        return f"{manager.name} (your manager)"
    if step.fallback:
        return f"{TEAMS[step.fallback]} in place of a manager"
    return "whoever becomes your manager"


def _is_passed_over(step: RouteStep, manager: Employee | None) -> bool:
    """Whether the fallback decides from the beginning, because there is no manager."""
    return step.reviewer == Reviewer.MANAGER and manager is None and bool(step.fallback)


def _days(days: list[int]) -> str:
    total = f"They have {counted_days(sum(days))} to decide"
    if len(days) == 1:
        return f"{total}."
    return f"{total}: {', then '.join(str(count) for count in days)}."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
