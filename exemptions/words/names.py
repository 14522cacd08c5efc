"""Says what a scope covers, by the names of the register in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from consent_agent.protocol.matching import Application, Register
from consent_app.register.models import Category
from consent_app.register.queries import current_version, register_by_digest


class Covering(Protocol):
    """A request, a decision or a scope: None stands for all."""

    @property
    def applications(self) -> Collection[str] | None: ...

    @property
    def kinds(self) -> Collection[str] | None: ...


@dataclass(frozen=True, slots=True)
class RegisterNames:
    """What the register in force calls its applications and kinds; what it lacks keeps its code."""

    register: Register | None
    kinds: Mapping[str, str]

    def covers(self, scope: Covering) -> str:
        """Return "Everything", "Everywhere; keystrokes" or "Slack and 2 more; keystrokes"."""
        applications, kinds = self.applications_of(scope), self.kinds_of(scope)
        if applications is None:
            where = "Everything" if kinds is None else "Everywhere"
        else:
            first, *others = applications
            where = f"{first} and {len(others)} more" if others else first
        if kinds is None:
            return where
        *others, last = sorted(kind.lower() for kind in kinds)
        return f"{where}; {', '.join(others)} and {last}" if others else f"{where}; {last}"

    def applications_of(self, scope: Covering) -> list[str] | None:
        if scope.applications is None:
            return None
        return sorted(map(self.application, scope.applications), key=str.casefold)

    def kinds_of(self, scope: Covering) -> list[str] | None:
        """Return the names in the order of the register."""
        if scope.kinds is None:
            return None
        known = [name for code, name in self.kinds.items() if code in scope.kinds]
        return known + sorted(set(scope.kinds) - self.kinds.keys())

    def application(self, slug: str) -> str:
        if self.register is None:
            return slug
        row = self.register.find(slug)
        return row.name if row else f"{slug} (not in the register any more)"

    def kind(self, code: str) -> str:
        return self.kinds.get(code, code)

    @property
    def categories(self) -> dict[str, str]:
        """The categories of which something is collected, by name."""
        used = {row.category for row in self._collected}
        return {code: str(label) for code, label in Category.choices if code in used}

    def in_categories(self, categories: set[str]) -> frozenset[str]:
        """Return the applications of these categories of which something is collected."""
        return frozenset(row.slug for row in self._collected if row.category in categories)

    @property
    def _collected(self) -> list[Application]:
        rows = self.register.applications if self.register else ()
        return [row for row in rows if not row.excluded]


def register_names() -> RegisterNames:
    version = current_version()
    if version is None or version.digest is None:
        return RegisterNames(None, {})
    kinds = dict(version.kinds.values_list("code", "name"))
    return RegisterNames(register_by_digest(version.digest), kinds)
