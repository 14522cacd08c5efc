"""Reads what somebody typed as a subject that rules can decide on, and shows it back safely.

The same subject as a device would make of it: an address, or an application with a window's title.
What was typed is matched against the register and never opened, fetched or stored.
"""

import re
from pathlib import PureWindowsPath

from consent_agent.protocol.decision import Subject
from consent_agent.protocol.matching import Register
from consent_app.people.rules import invisible_character

# A host and what may follow it, without a scheme: mail.example.com, [::1]:8000, example.com/path.
_BARE_ADDRESS = re.compile(
    r"(?:\[[^\s\]]*\]|[^\s/?#@]*\.[^\s/?#@]*|localhost)(?::\d*)?(?:[/?#].*)?"
)
# What programs put between a title's parts: "Inbox - Gmail", "Notes | Slack".
_SEPARATOR = re.compile(r" [-\u2013\u2014|] ")  # hyphen, en dash, em dash, bar


def read_subject(text: str, register: Register) -> Subject:
    """Return what `text` stands for: an application, else an address, else a window's title."""
    wanted = text.strip()
    if "://" in wanted:
        return Subject(url=wanted)
    if row := register.search_name(wanted):
        return Subject(application=row.slug)
    if register.match_application(wanted):
        return Subject(application=wanted)
    if register.match_application(program := PureWindowsPath(wanted).name):
        return Subject(application=program)
    if _BARE_ADDRESS.fullmatch(wanted):
        return Subject(url=f"https://{wanted}")
    return _read_title(wanted, register)


def last_part(text: str) -> str:
    """Return what stands last in a title, usually the application."""
    return _SEPARATOR.split(text.strip())[-1]


def visible(text: str) -> str:
    """Return `text` with every character that can't be seen, or turns others round, spelled out."""
    return "".join(
        f"[{code}]" if (code := invisible_character(character)) else character for character in text
    )


def visible_lines(text: str) -> str:
    """Return the same of a text that may have several lines."""
    return "\n".join(visible(line) for line in text.replace("\t", "    ").split("\n"))


def _read_title(title: str, register: Register) -> Subject:
    *_, last = parts = _SEPARATOR.split(title)
    row = register.search_name(last) if len(parts) > 1 else None
    return Subject(application=row.slug if row else None, window_title=title)
