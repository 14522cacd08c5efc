"""Deciding several requests at once: each for itself, as if it were the only one."""

from collections.abc import Iterable
from dataclasses import dataclass

from consent_app.people.models import Employee
from exemptions.actions.decisions import decide
from exemptions.errors import OpenOneByOne
from exemptions.models import Decision, ExemptionRequest, Verdict
from portal.lib.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What somebody says about one request; `seen` is the version on their screen."""

    request: ExemptionRequest
    seen: int
    verdict: Verdict
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: a decision, or the refusal."""

    request: ExemptionRequest
    decision: Decision | None = None
    refusal: Refusal | None = None


def decide_each(*, words: Iterable[Word], by: Employee) -> list[Outcome]:
    """Decide one after the other, each in a transaction of its own; a refusal stops no other.

    A confidential request is refused: it is opened by itself, after the password.
    """
    return [_decide_one(word, by) for word in words]


def _decide_one(word: Word, by: Employee) -> Outcome:
    try:
        if word.request.is_sensitive:
            raise OpenOneByOne
        decision = decide(
            request=word.request, by=by, seen=word.seen, verdict=word.verdict,
            text=word.text, code=word.code,
        )  # fmt: skip
    except Refusal as refusal:
        return Outcome(word.request, refusal=refusal)
    return Outcome(word.request, decision=decision)
