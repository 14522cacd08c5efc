"""Pure decisions about entries: what legal may put on the list, and what covers an address."""

from dataclasses import dataclass

from consent_agent.protocol.counterparties import domains_of, normalise_entry
from consent_app.people.roles import Role

KEEPS_THE_LIST = Role.LEGAL_REVIEWER
MOST_LINES = 5_000


@dataclass(frozen=True, slots=True)
class Lines:
    """What a pasted text holds: entries, each once, and a sentence for each wrong line."""

    entries: tuple[str, ...]
    problems: tuple[str, ...]


def read_lines(text: str) -> Lines:
    """Read one address (mira@example.eu) or domain (@example.eu) a line; empty lines don't count.

    Source: docs/policy.md, section 11.
    """
    entries: dict[str, None] = {}
    problems = []
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        return Lines((), (f"There are {len(lines):,} lines; {MOST_LINES:,} at once are the most.",))
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        entry = normalise_entry(line)
        if entry is None:
            problems.append(f"Line {number}: “{line.strip()[:80]}” is no address and no domain.")
        else:
            entries[entry] = None
    return Lines(tuple(entries), tuple(problems))


def normalise_address(text: str) -> str | None:
    """Return the form in which an address is known; None for what is none, a domain for one."""
    entry = normalise_entry(text)
    return None if entry is None or entry.startswith("@") else entry


def covering_entries(address: str) -> list[str]:
    """Return every entry that protects a normalised address: its own, its domain, those above."""
    return [address, *domains_of(address)]


def mailbox_of(address: str) -> str:
    """Return the address without what follows a plus: mira+news@ is read where mira@ is."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
