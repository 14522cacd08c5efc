"""The register: which application a program or an address belongs to, and what is never captured.

One matcher for the page that shows a verdict and for the agent that obeys it. A register is taken
whole or refused whole: a pattern that does not compile, or a detector, validator or action that
this version does not know, would be a protection silently missing. Whether anything may be
captured is left to `decision`, what safeguards find to `safeguards`.
Source: the register's matching rules; design, section 5.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.errors import DocumentRefused, RegisterRefused
from consent_agent.protocol.kinds import is_never_collected
from consent_agent.protocol.members import Members
from consent_agent.protocol.safeguards import MAX_TEXT_LENGTH, Safeguard, Safeguards

# One reading of an address only. Browsers take a backslash for a slash, strip tabs and line breaks
# and disagree about the rest; what they would write otherwise is no address here.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?:[^/?#\\]*@)?(?P<host>[^/?#\\@:\[\]]+)(?::\d*)?(?P<rest>[/?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Application:
    """One row of the register."""

    slug: str
    name: str
    vendor: str | None
    category: str
    kinds: frozenset[str]
    macos_bundle_ids: tuple[str, ...]
    windows_executables: tuple[str, ...]
    linux_executables: tuple[str, ...]
    domains: tuple[str, ...]
    communication: bool
    excluded: bool
    reason: str | None

    @property
    def identifiers(self) -> tuple[str, ...]:
        programs = self.macos_bundle_ids + self.windows_executables + self.linux_executables
        return (self.slug, *programs)

    @classmethod
    def from_members(cls, members: Members) -> Self:
        match = members.nested("match")
        return cls(
            slug=members.text("slug"),
            name=members.text("name"),
            vendor=members.text_or_none("vendor"),
            category=members.text("category"),
            kinds=frozenset(members.texts("kinds")),
            macos_bundle_ids=match.texts("macos_bundle_ids"),
            windows_executables=match.texts("windows_executables"),
            linux_executables=match.texts("linux_executables"),
            domains=match.texts("domains"),
            communication=members.flag("communication"),
            excluded=members.flag("excluded"),
            reason=members.text_or_none("reason"),
        )


@dataclass(frozen=True, slots=True)
class Address:
    """A page's address: the host as registers write it, and every spelling to look at."""

    host: str
    spellings: tuple[str, ...]

    @classmethod
    def parse(cls, url: str) -> Self | None:
        """Read an absolute http or https URL; None for anything else."""
        if len(url) > MAX_TEXT_LENGTH or _CONTROL.search(url):
            return None
        found = _ADDRESS.fullmatch(url)
        host = normal_host(found["host"]) if found else None
        if found is None or host is None:
            return None
        # User names, ports, capitals and a trailing dot would hide a page from a safeguard.
        normal = f"{found['scheme'].lower()}://{host}{found['rest'] or '/'}"
        return cls(host, (normal,) if normal == url else (url, normal))


class Register:
    """The published register, indexed for matching."""

    def __init__(
        self,
        *,
        version: int,
        published_at: datetime,
        applications: Iterable[Application],
        safeguards: Iterable[Safeguard],
    ) -> None:
        """Index the rows.

        Raises:
            RegisterRefused: an identifier belongs to two rows or could never match, or a row
                collects screen content.
        """
        self.version = version
        self.published_at = published_at
        self.applications = tuple(applications)
        self.safeguards = Safeguards(safeguards)
        for row in self.applications:
            _check_row(row)
        self._by_slug = self._index(lambda row: (row.slug,))
        self._by_domain = self._index(lambda row: row.domains)
        self._by_linux_executable = self._index(lambda row: row.linux_executables)
        self._by_bundle_id = self._index(lambda row: map(str.lower, row.macos_bundle_ids))
        self._by_windows_executable = self._index(
            lambda row: map(str.lower, row.windows_executables)
        )
        self._rows_by_identifier = {
            identifier: self._match_any(identifier)
            for row in self.applications
            for identifier in row.identifiers
        }
        self._by_name = {row.name.casefold(): row for row in self.applications}

    @classmethod
    def from_document(cls, document: bytes) -> Self:
        """Read the bytes of a register document, `register/1`.

        Raises:
            RegisterRefused: any part of it could not be applied.
        """
        try:
            members = Members(parse_json(document))
            _check_schema(members)
            return cls(
                version=members.version("version"),
                published_at=members.time("published_at"),
                applications=members.each("applications", Application.from_members),
                safeguards=members.each("safeguards", Safeguard.from_members),
            )
        except RegisterRefused:
            raise
        except DocumentRefused as refusal:
            raise RegisterRefused(str(refusal)) from None

    def find(self, slug: str) -> Application | None:
        return self._by_slug.get(slug)

    def search_name(self, text: str) -> Application | None:
        """Find the row with exactly this slug or name, whatever its capitals."""
        wanted = text.strip()
        return self._by_slug.get(wanted.lower()) or self._by_name.get(wanted.casefold())

    def match_url(self, url: str) -> Application | None:
        """Find the row that the page's host belongs to; the longest domain entry wins."""
        address = Address.parse(url)
        return self.match_address(address) if address else None

    def match_address(self, address: Address) -> Application | None:
        host = address.host
        while host:
            if row := self._by_domain.get(host):
                return row
            host = host.partition(".")[2]
        return None

    def match_program(self, name: str, platform: str | None = None) -> Application | None:
        """Find the row of a bundle id or executable on `macos`, `windows`, `linux` or, None, any.

        Where platforms disagree about a name, an excluded row is preferred.
        """
        match platform:
            case "macos":
                return self._by_bundle_id.get(name.lower())
            case "windows":
                return self._by_windows_executable.get(name.lower())
            case "linux":
                return self._by_linux_executable.get(name)
            case None:
                rows = self._match_any_platform(name)
                return next((row for row in rows if row.excluded), next(iter(rows), None))
        return None

    def match_application(self, identifier: str) -> tuple[Application, ...]:
        """Find every row that a slug, bundle id or executable may stand for."""
        # As written in the register it takes one look; other capitals are rare.
        return self._rows_by_identifier.get(identifier) or self._match_any(identifier)

    def _match_any(self, identifier: str) -> tuple[Application, ...]:
        rows = self._match_any_platform(identifier)
        row = self._by_slug.get(identifier)
        return rows if row is None else (row, *(other for other in rows if other is not row))

    def _match_any_platform(self, name: str) -> tuple[Application, ...]:
        folded = name.lower()
        rows = (
            self._by_bundle_id.get(folded),
            self._by_windows_executable.get(folded),
            self._by_linux_executable.get(name),
        )
        return tuple({row.slug: row for row in rows if row is not None}.values())

    def _index(
        self, identifiers: Callable[[Application], Iterable[str]]
    ) -> Mapping[str, Application]:
        rows: dict[str, Application] = {}
        for row in self.applications:
            for identifier in identifiers(row):
                if rows.setdefault(identifier, row) is not row:
                    raise RegisterRefused(f"{identifier} belongs to two rows")
        return rows


def _check_schema(members: Members) -> None:
    if members.text("schema") != "register/1":
        raise RegisterRefused("schema")


def _check_row(row: Application) -> None:
    for domain in row.domains:
        if not _HOST.fullmatch(domain):
            raise RegisterRefused(f"{row.slug}: domain {domain}")
    if never := next(filter(is_never_collected, row.kinds), None):
        raise RegisterRefused(f"{row.slug}: {never} is never collected")


def normal_host(host: str) -> str | None:
    """Return lower case, A-labels, no trailing dot; None for what is not clearly a host name."""
    name = host.lower().removesuffix(".")
    if not name.isascii():
        try:
            ascii_name = name.encode("idna").decode("ascii")
            # Names that change on the way back (sharp s, full width) are other names to a browser.
            if ascii_name.encode("ascii").decode("idna") != name:
                return None
        except UnicodeError:
            return None
        name = ascii_name
    return name if _HOST.fullmatch(name) else None
