"""Template tags for the pieces that every page shares. The markup is in `templates/components/`.

States, times, icons and navigation look and read the same everywhere because they come from here.
"""

from datetime import datetime, timedelta
from itertools import batched
from typing import NamedTuple

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


class State(NamedTuple):
    """How a state is shown: `icon` is a file of components/icons, `tone` a data-tone of the CSS."""

    icon: str
    word: str
    tone: str


STATES = {
    "collecting": State("dot", "Collecting", "amber"),
    "paused": State("pause", "Paused", "blue"),
    "exempt": State("shield", "Exempt", "green"),
    "protected": State("shield", "Protected", "green"),
    "not_collecting": State("ring", "Not collecting", "calm"),
    "unacknowledged": State("ring", "Not collecting", "calm"),
    "opted_out": State("ring", "Not collecting", "calm"),
    "out_of_scope": State("ring", "Not collecting", "calm"),
    "no_ceiling": State("ring", "Not collecting", "calm"),
    "stopped": State("ring", "Not collecting", "calm"),
    "out_of_reach": State("dashes", "Out of reach", "grey"),
    "pending": State("clock", "Waiting", "grey"),
    "unknown": State("ring", "Not found", "grey"),
    "revoked": State("cross", "Revoked", "grey"),
    "refused": State("cross", "Refused", "red"),
    "failed": State("warning", "Failed", "red"),
    # Devices as IT knows them: never what their owner decided.
    "in_date": State("check", "In date", "calm"),
    "lagging": State("clock", "Lags behind", "amber"),
    "unconfirmed": State("warning", "Unconfirmed", "red"),
    "waiting": State("clock", "Waits for its owner", "blue"),
    "removed": State("cross", "Removed", "grey"),
    # Requests. A revoked one looks as a revoked device does.
    "draft": State("ring", "Draft", "grey"),
    "in_review": State("clock", "In review", "calm"),
    "information_requested": State("clock", "Waiting for an answer", "blue"),
    "approved": State("check", "Approved", "green"),
    "partly_approved": State("check", "Approved in part", "green"),
    "declined": State("cross", "Declined", "red"),
    "withdrawn": State("ring", "Withdrawn", "grey"),
    "appealed": State("clock", "Appealed", "calm"),
    "upheld": State("cross", "Decision upheld", "red"),
    "overturned": State("check", "Decision overturned", "green"),
    # Changes of the register, and versions that are not published yet.
    "widens": State("warning", "Collects more", "amber"),
    "narrows": State("shield", "Collects less", "green"),
    "words": State("ring", "Other words", "blue"),
    "neither": State("ring", "Collects as much", "grey"),
    "proposed": State("clock", "With legal", "calm"),
    # What their dates make of granted ones.
    "scheduled": State("clock", "Scheduled", "green"),
    "in_force": State("shield", "In force", "green"),
    "ended": State("ring", "Ended", "grey"),
    "overdue": State("warning", "Overdue", "red"),
    "confidential": State("lock", "Confidential", "grey"),
}


# States


@register.inclusion_tag("components/state_badge.html")
def state_badge(state: str, word: str = "") -> dict[str, str]:
    """Show a state as icon and word; `word` replaces the usual one ("Paused until 10:32").

    Raises:
        KeyError: the state has no look yet; add it to STATES.
    """
    look = STATES[state]
    return {"icon": look.icon, "word": word or look.word, "tone": look.tone}


@register.filter
def state_tone(state: str) -> str:
    """Return the data-tone of a state."""
    return STATES[state].tone


@register.simple_tag
def state_icon(state: str) -> SafeString:
    """Draw the icon of a state, where the words beside it say the state already."""
    return icon(STATES[state].icon)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw components/icons/<name>.svg, silent to screen readers: words stand beside it."""
    return render_to_string(f"components/icons/{name}.svg")


# Times

RELATIVE = SafeString(" data-relative")  # static/js/ago.js keeps these current


@register.simple_tag
def time(at: datetime | None, form: str = "moment") -> SafeString | str:
    """Show a time in the reader's zone, with the exact one as its title.

    `form` is "moment" (Thursday 26 November 2026, 10:32 PST), "day", "clock" (10:32), "precise"
    (10:02:03.4), "second" (at 10:02:03, with the day unless it is today), "relative" (14 minutes
    ago), "due" (the day until whose end, or until a time on which, there is time: today,
    tomorrow, Thursday 26 November), or "until" (10:32, with the day unless it is near).
    """
    if at is None:
        return ""
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        at.isoformat(timespec="milliseconds"),
        exact_time(local),
        RELATIVE if form == "relative" else "",
        TIME_FORMS[form](local),
    )


@register.simple_tag
def countdown(until: datetime) -> SafeString:
    """Show how long it is until a time, kept current by static/js/countdown.js."""
    local = timezone.localtime(until)
    return format_html(
        '<time datetime="{0}" title="{1}" data-countdown-until="{0}">{2}</time>',
        until.isoformat(timespec="milliseconds"),
        exact_time(local),
        time_left(until),
    )


@register.filter
def time_left(until: datetime) -> str:
    """Return "14 minutes left", "40 seconds left" or "0 seconds left", never a negative time."""
    seconds = max(0, round((until - timezone.now()).total_seconds()))
    amount, unit = (seconds, "second") if seconds < 60 else (round(seconds / 60), "minute")
    return f"{_counted(amount, unit)} left"


@register.filter
def relative_time(at: datetime) -> str:
    """Return "just now", "14 minutes ago", "in 2 hours", "3 days ago"."""
    seconds = (at - timezone.now()).total_seconds()
    distance = abs(seconds)
    if distance < 10:
        return "just now" if seconds <= 0 else "in a moment"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if distance >= size:
            words = _counted(int(distance // size), unit)
            return f"{words} ago" if seconds < 0 else f"in {words}"
    return "now"


def zone_name(local: datetime) -> str:
    """Return "PST", or "UTC-03:00" for the zones that have no letters."""
    name = local.tzname() or ""
    return name if name.isalpha() else f"UTC{local:%:z}"


def exact_time(local: datetime) -> str:
    return f"{date_format(local, 'l j F Y, H:i:s')} {zone_name(local)}"


def _moment(local: datetime) -> str:
    return f"{date_format(local, 'l j F Y, H:i')} {zone_name(local)}"


def _day(local: datetime) -> str:
    return date_format(local, "l j F Y")


def _due(local: datetime) -> str:
    # A day ends as the next one begins.
    last, today = (local - timedelta(microseconds=1)).date(), timezone.localdate()
    words = {-1: "yesterday", 0: "today", 1: "tomorrow"}.get((last - today).days)
    form = "l j F" if last.year == today.year else "l j F Y"
    return words or date_format(last, form)


def _clock(local: datetime) -> str:
    return f"{local:%H:%M}"


def _until(local: datetime) -> str:
    if local - timezone.now() < timedelta(hours=24):
        return _clock(local)
    return f"{date_format(local, 'l j F Y')}, {local:%H:%M}"


def _precise(local: datetime) -> str:
    return f"{local:%H:%M:%S}.{local.microsecond // 100_000}"


def _second(local: datetime) -> str:
    if local.date() == timezone.localdate():
        return f"at {local:%H:%M:%S}"
    return f"on {date_format(local, 'j F Y')} at {local:%H:%M:%S}"


TIME_FORMS = {
    "moment": _moment,
    "day": _day,
    "due": _due,
    "clock": _clock,
    "until": _until,
    "precise": _precise,
    "second": _second,
    "relative": relative_time,
}


def _counted(amount: int, unit: str) -> str:
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


# Codes


@register.filter
def groups_of_four(code: str) -> list[str]:
    """Split a code for reading aloud and typing, whether it has separators or not: ABCD EFGH."""
    characters = [character for character in code if character.isalnum()]
    return ["".join(group) for group in batched(characters, 4)]


# Names


@register.filter
def whole_names(sentence: str) -> SafeString:
    """Keep hyphenated names such as LAPTOP-1 on one line where the line is long enough."""
    words = (
        format_html('<span class="whole">{}</span>', word) if "-" in word else word
        for word in sentence.split(" ")
    )
    return format_html_join(" ", "{}", ((word,) for word in words))


# The frame of the page


@register.inclusion_tag("components/navigation.html", takes_context=True)
def navigation(context: Context) -> dict[str, object]:
    """List the reader's sections; the one the reader is in is marked."""
    request = context.get("request")
    path = request.path if isinstance(request, HttpRequest) else ""
    items = [
        (address, label, _current(path, address), waiting)
        for name, label, waiting in (context.get("sections") or [])
        if (address := _address(name))
    ]
    return {"items": items}


@register.inclusion_tag("components/account_menu.html", takes_context=True)
def account_menu(context: Context) -> dict[str, object]:
    """Show who is signed in; nothing on pages made without a request (errors, say)."""
    user = context.get("user")
    person = user if user is not None and user.is_authenticated else None
    return {"person": person, "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("components/footer_links.html")
def footer_links() -> dict[str, object]:
    """List the pages behind the pages: what anybody may check."""
    names = (
        ("register", "What is collected"),
        ("contacts", "If you take no part"),
        ("jwks", "Signing keys"),
        ("agent-openapi", "Device API"),
    )
    return {"links": [(address, label) for name, label in names if (address := _address(name))]}


def _current(path: str, address: str) -> str:
    """Return the aria-current of a link to `address` on the page `path`."""
    if path == address:
        return "page"
    return "true" if address != "/" and path.startswith(address) else ""


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
