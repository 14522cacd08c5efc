"""Pure decisions about people: what an address, a name or a chain of managers may look like."""

import re
import unicodedata
from collections.abc import Mapping

from consent_agent.protocol import counterparties

# A language, then optionally a script and a region: en, en-GB, zh-Hant-TW. Source: BCP 47, 2.1.
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")

# A country, or a country and one of its states. Source: ISO 3166-1 alpha-2 and ISO 3166-2.
JURISDICTION_CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")

# Control, format (bidirectional overrides, zero width), surrogate, private, unassigned; separators.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and signs that are drawn as nothing: fillers of Hangul, the empty pattern of Braille.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def normalise_email(address: str) -> str:
    """Return the one form of an address under which everybody is known, on devices as well."""
    return counterparties.normalise_email(address)


def invisible_character(text: str) -> str | None:
    """Return the first character that a reader can't see, as U+202E, or None."""
    for character in text:
        if unicodedata.category(character) in INVISIBLE or character in BLANK:
            return f"U+{ord(character):04X}"
    return None


def is_jurisdiction_code(text: str) -> bool:
    return JURISDICTION_CODE.fullmatch(text) is not None


def country_of(code: str) -> str:
    """Return the country of a state's code, and a country's code as it is."""
    return code.split("-", 1)[0]


def is_locale(text: str) -> bool:
    return len(text) <= 12 and LOCALE.fullmatch(text) is not None


def manager_cycles(manager_of: Mapping[str, str | None]) -> list[list[str]]:
    """Return every cycle in the chains of managers, each once and from its smallest number on.

    `manager_of` names the manager of each employee number. A number that is no key has no manager.
    """
    cycles = []
    done: set[str] = set()
    for start in manager_of:
        chain: dict[str, int] = {}
        current: str | None = start
        while current is not None and current not in done and current not in chain:
            chain[current] = len(chain)
            current = manager_of.get(current)
        if current is not None and current in chain:
            cycles.append(_from_smallest(list(chain)[chain[current] :]))
        done.update(chain)
    return cycles


def _from_smallest(cycle: list[str]) -> list[str]:
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]
