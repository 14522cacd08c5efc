"""Says versions of routes in words, for those who write and approve them, and what each changes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from consent_app.register.subjects import visible_lines
from exemptions.models import Reviewer, Route, RouteStep
from exemptions.words.way import counted_days


@dataclass(frozen=True, slots=True)
class Change:
    """One line of what a version changes."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RouteInWords:
    """A version as people read it; `changes` compare it with the version before."""

    route: Route
    steps: list[str]
    meanwhile: str
    appeal: str
    change_note: str
    review_note: str
    changes: list[Change]


def in_words(route: Route, *, before: Route | None) -> RouteInWords:
    return RouteInWords(
        route=route,
        steps=[_sentences(step, route) for step in route.steps.all()],
        meanwhile=_meanwhile(route),
        appeal=f"An appeal is heard by {_who(route.appeal_reviewer)}.",
        change_note=visible_lines(route.change_note),
        review_note=visible_lines(route.review_note),
        changes=list(changes(before, route)) if before else [],
    )


def changes(before: Route, after: Route) -> Iterator[Change]:
    """Name everything that whoever asks or decides would notice."""
    old, new = list(before.steps.all()), list(after.steps.all())
    for place in range(max(len(old), len(new))):
        yield from _step_changes(
            f"Step {place + 1}",
            old[place] if place < len(old) else None,
            new[place] if place < len(new) else None,
        )
    if before.protects_while_pending != after.protects_while_pending:
        yield Change("While a request waits", _meanwhile(before), _meanwhile(after))
    if before.appeal_reviewer != after.appeal_reviewer:
        old_team, new_team = _who(before.appeal_reviewer), _who(after.appeal_reviewer)
        yield Change("Who hears an appeal", old_team, new_team)


def _step_changes(name: str, old: RouteStep | None, new: RouteStep | None) -> Iterator[Change]:
    if old is None or new is None:
        yield Change(name, _summary(old), _summary(new))
        return
    for what, say in STEP_PARTS.items():
        if say(old) != say(new):
            yield Change(f"{name}: {what}", say(old), say(new))


def _sentences(step: RouteStep, route: Route) -> str:
    """Return "HR decides within 5 business days. Once that is over, Legal may decide as well."."""
    sentences = [f"{_decides(step)} within {counted_days(step.target_days)}."]
    if step.fallback:
        sentences.append(f"Once that is over, {_who(step.fallback)} may decide as well.")
    if not route.protects_while_pending:
        later = f"{counted_days(step.grace_days)} later" if step.grace_days else "From then on"
        sentences.append(f"{later} silence protects whoever asks.")
    return " ".join(sentences)


def _decides(step: RouteStep) -> str:
    if step.people > 1:
        return f"Two people of {_who(step.reviewer)} have to decide the same"
    who = _who(step.reviewer)
    return f"{who[:1].upper()}{who[1:]} decides"


def _decider(step: RouteStep) -> str:
    return f"two people of {_who(step.reviewer)}" if step.people > 1 else _who(step.reviewer)


def _who(reviewer: str) -> str:
    if not reviewer:
        return "nobody"
    return "the line manager" if reviewer == Reviewer.MANAGER else Reviewer(reviewer).label


def _meanwhile(route: Route) -> str:
    if route.protects_while_pending:
        return "Nothing that a request is about is collected while it waits."
    return "Collection goes on while a request waits, until a deadline passes in silence."


def _summary(step: RouteStep | None) -> str:
    if step is None:
        return "no such step"
    later = f"then {_who(step.fallback)} as well" if step.fallback else "nobody steps in"
    silence = f"protected {_grace(step)}"
    return f"{_decider(step)} within {counted_days(step.target_days)}, {later}, {silence}"


def _grace(step: RouteStep) -> str:
    when = counted_days(step.grace_days) if step.grace_days else "at once"
    return f"{when} after that"


# What a step is made of, as a change names it.
STEP_PARTS: Mapping[str, Callable[[RouteStep], str]] = {
    "who decides": _decider,
    "time to decide": lambda step: counted_days(step.target_days),
    "who steps in after that": lambda step: _who(step.fallback),
    "when silence protects": _grace,
}
