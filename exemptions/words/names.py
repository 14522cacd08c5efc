"""Says in short what a scope covers, by the names of the register in force."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from consent_agent.protocol.matching import Register
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
        if scope.applications is None:
            return (
                "Everything" if scope.kinds is None else f"Everywhere; {self._kinds(scope.kinds)}"
            )
        applications = self._applications(scope.applications)
        return (
            applications if scope.kinds is None else f"{applications}; {self._kinds(scope.kinds)}"
        )

    def _applications(self, slugs: Collection[str]) -> str:
        first, *others = sorted((self._application(slug) for slug in slugs), key=str.casefold)
        return f"{first} and {len(others)} more" if others else first

    def _application(self, slug: str) -> str:
        row = self.register.find(slug) if self.register else None
        return row.name if row else slug

    def _kinds(self, codes: Collection[str]) -> str:
        *others, last = sorted(self.kinds.get(code, code).lower() for code in codes)
        return f"{', '.join(others)} and {last}" if others else last


def register_names() -> RegisterNames:
    version = current_version()
    if version is None or version.digest is None:
        return RegisterNames(None, {})
    kinds = {kind.code: kind.name for kind in version.kinds.all()}
    return RegisterNames(register_by_digest(version.digest), kinds)
