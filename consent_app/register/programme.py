"""The words of the programme as `data/programme.toml` holds them, checked member by member."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from consent_agent.protocol.kinds import is_never_collected
from consent_app.register.models import KIND
from consent_app.register.notice_fields import NoticeFields, missing

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class Table(BaseModel):
    """A table of the file. A member that is not known is a slip of the pen, and refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KindWords(Table):
    """One kind of data: what it is, how long it is kept and why as long."""

    code: Annotated[str, StringConstraints(pattern=KIND, max_length=40)]
    name: Title
    explanation: Words
    retention_days: Annotated[int, Field(ge=1, le=3650)]
    retention_reason: Words


class ReaderWords(Table):
    who: Title
    why: Words


class NeverCollectedWords(Table):
    what: Title
    why: Words


class Programme(Table):
    """What is collected and why, in words for people."""

    purpose: Words
    limits: Words
    kinds: Annotated[tuple[KindWords, ...], Field(min_length=1, strict=False)]
    readers: Annotated[tuple[ReaderWords, ...], Field(min_length=1, strict=False)]
    never_collected: Annotated[tuple[NeverCollectedWords, ...], Field(min_length=1, strict=False)]
    notice: NoticeFields

    def contradictions(self) -> list[str]:
        """Return what no type can say.

        Kinds that appear twice or show what was on a screen, and what a law asks for in vain.
        """
        codes = [kind.code for kind in self.kinds]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        never = [
            kind.code for kind in self.kinds if any(map(is_never_collected, (kind.code, kind.name)))
        ]
        return [
            *(f"kind {code} appears twice" for code in twice),
            *(f"kind {code}: screen content and passwords are never collected" for code in never),
            *(
                f"notice {field.name} {field.problem} ({field.law})"
                for field in missing(self.notice)
            ),
        ]
