"""What each message says in the inbox, where it leads, and whether its mail can be switched off.

Every event that is owed has an entry here and its mail in `templates/emails/`. Add both together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

from django.db.models import TextChoices
from django.utils.formats import date_format


class Kind(TextChoices):
    """What a message is about; mail is chosen by kind."""

    DEVICES = "devices", "My devices"
    FLEET = "fleet", "Devices of others"
    ACCOUNT = "account", "My account"
    REQUESTS = "requests", "My requests"
    DATA = "data", "My data"
    REVIEW = "review", "Requests I decide"
    PROGRAMME = "programme", "The programme"


class _Known(dict[str, object]):
    """The context of a message; what it lacks is said to be unknown, and breaks no page."""

    def __missing__(self, key: str) -> str:
        return "(unknown)"


def in_words(context: Mapping[str, object]) -> dict[str, object]:
    """Return a context as people read it: the days in it, named `…_on`, in words."""
    return {name: _day(value) if name.endswith("_on") else value for name, value in context.items()}


def _day(value: object) -> str:
    return date_format(date.fromisoformat(str(value)), "l j F Y")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event.

    `when` completes "You get a message when …". `sentence` is filled from the message's context;
    None keeps the message out of the inbox. `place` is the name of the address where something
    can be done, `place_label` what it is called there; `place_arguments` name what in the context
    fills that address.
    """

    kind: Kind
    when: str
    sentence: str | None
    place: str = ""
    place_arguments: tuple[str, ...] = ()
    place_label: str = ""
    can_stop_mail: bool = False

    def sentence_for(self, context: Mapping[str, object]) -> str:
        return (self.sentence or "").format_map(_Known(in_words(context)))


_of_mine = partial(
    Entry,
    kind=Kind.REQUESTS,
    place="my-request",
    place_arguments=("request",),
    place_label="My request",
)
_of_a_case = partial(
    Entry,
    kind=Kind.REVIEW,
    place="review-case",
    place_arguments=("request",),
    place_label="The request",
)
_of_the_queue = partial(Entry, kind=Kind.REVIEW, place="review", place_label="Review")
_of_delegations = partial(
    Entry, kind=Kind.REVIEW, place="review-away", place_label="When I decide for others"
)
_of_routes = partial(Entry, kind=Kind.REVIEW, place="routes", place_label="Routes")
_of_drafts = partial(
    Entry, kind=Kind.PROGRAMME, place="register-review", place_label="The next version"
)
_of_orders = partial(
    Entry,
    kind=Kind.DATA,
    place="forget-order",
    place_arguments=("order",),
    place_label="Forget",
)
_of_stops = partial(Entry, kind=Kind.PROGRAMME, place="stops", place_label="Stops")

ENTRIES: Mapping[str, Entry] = {
    "register_proposed": _of_drafts(
        when="a version of the register waits for your approval",
        sentence="A version of the register waits for approval by legal.",
        can_stop_mail=True,
    ),
    "register_returned": _of_drafts(
        when="a version of the register that you proposed comes back",
        sentence="The version of the register that you proposed came back, with a reason.",
        can_stop_mail=True,
    ),
    "register_approved": _of_drafts(
        when="a version of the register that you proposed is approved",
        sentence="Legal approved the version of the register that you proposed.",
        can_stop_mail=True,
    ),
    "register_published": Entry(
        kind=Kind.PROGRAMME,
        when="what is collected changes",
        sentence="What is collected changes from {from_on} on. See what is new, field by field.",
        place="register-changes",
        place_label="What changed",
        can_stop_mail=True,
    ),
    "programme_stopped": _of_stops(
        when="somebody else stops the programme or a part of it",
        sentence="Collection was stopped by one of you. Starting it again takes two.",
    ),
    "restart_asked": _of_stops(
        when="somebody asks that what was stopped begins again",
        sentence="Somebody asks that what was stopped begins again. It takes a second person.",
    ),
    "incident_opened": Entry(
        kind=Kind.PROGRAMME,
        when="a device reports something that the register does not list",
        sentence="A device reported something that the register does not list. Find out why.",
        place="incidents",
        place_label="Incidents",
    ),
    # Which time and which applications stands on the order's own page, and nowhere else.
    "erasure_completed": _of_orders(
        when="what you wanted forgotten is gone everywhere",
        sentence="What you wanted forgotten is gone everywhere. The certificate is there.",
    ),
    "erasure_closed": _of_orders(
        when="an order to forget ends without the word of a device",
        sentence=(
            "What you wanted forgotten was erased by every program. "
            "A device can't confirm it any more."
        ),
    ),
    "erasure_overdue": _of_orders(
        when="somebody is late to forget what you wanted forgotten",
        sentence="Somebody who has to confirm what you wanted forgotten is late.",
    ),
    "store_overdue": Entry(
        kind=Kind.PROGRAMME,
        when="a program that holds recordings has not erased in time",
        sentence="{store} has not confirmed in time that it erased recordings.",
        place="data-stores",
        place_label="Who holds recordings",
    ),
    "pause_ending": Entry(
        kind=Kind.DEVICES,
        when="a pause of yours is about to end",
        sentence="Your pause ends at {ends}. Collection resumes then.",
        place="home",
        place_label="Home",
        can_stop_mail=True,
    ),
    "device_enrolled": Entry(
        kind=Kind.DEVICES,
        when="a device is added to yours",
        sentence="{hostname} was added to your devices. If it was not you, remove it now.",
        place="devices",
        place_label="My devices",
    ),
    "device_removed": Entry(
        kind=Kind.DEVICES,
        when="a device of yours is removed",
        sentence=(
            "{hostname} was removed from your devices. "
            "It stops collecting as soon as it hears of that, and by itself if it does not."
        ),
        place="devices",
        place_label="My devices",
        can_stop_mail=True,
    ),
    "device_waiting": Entry(
        kind=Kind.DEVICES,
        when="IT enrols a device under your name",
        sentence=(
            "{hostname} was enrolled under your name. "
            "It collects nothing until you say that it is yours."
        ),
        place="devices",
        place_label="My devices",
    ),
    # May be the only sign that somebody else is at it.
    "device_removed_by_it": Entry(
        kind=Kind.DEVICES,
        when="IT removes a device of yours",
        sentence=(
            "An IT administrator removed {hostname} from your devices. "
            "It stops collecting as soon as it hears of that, and by itself if it does not."
        ),
        place="devices",
        place_label="My devices",
    ),
    "device_to_enrol_again": Entry(
        kind=Kind.DEVICES,
        when="IT removes a device of yours to enrol it again",
        sentence=(
            "An IT administrator removed {hostname} from your devices to enrol it again. "
            "It collects nothing until you say that it is yours."
        ),
        place="devices",
        place_label="My devices",
    ),
    "device_place": Entry(
        kind=Kind.DEVICES,
        when="the directory says that you work in another place",
        sentence=(
            "The directory says that you work in {place} now. A device that does not know that "
            "yet collects nothing there until you say so on it, with consent-agent moved {cohort}. "
            "You have {hostnames}."
        ),
        place="devices",
        place_label="My devices",
    ),
    "device_refused": Entry(
        kind=Kind.FLEET,
        when="somebody says that a device enrolled by a code of yours is not theirs",
        sentence=(
            "{name} says that {hostname} is not theirs. It was let in by the roll-out "
            "“{label}” and is removed. Find out whose it is."
        ),
        place="rollouts",
        place_label="Roll-out codes",
    ),
    "enrolment_code_reused": Entry(
        kind=Kind.DEVICES,
        when="a code of yours for adding a device is tried a second time",
        sentence=(
            "A code of yours for adding a device was tried a second time. It was refused. "
            "If you do not know of it, look at your devices and tell your IT administrator."
        ),
        place="devices",
        place_label="My devices",
    ),
    "device_contradicts": Entry(
        kind=Kind.DEVICES,
        when="a device of yours says something that can't be true",
        sentence=(
            "{hostname} said something about its policy that can't be true. "
            "The report was refused and is in the log. Tell your IT administrator."
        ),
        place="devices",
        place_label="My devices",
    ),
    "device_two_clients": Entry(
        kind=Kind.DEVICES,
        when="two programs use the identity of a device of yours",
        sentence=(
            "Two programs use the identity of {hostname}. One of them may be a copy. "
            "Remove it and add it again with a new code. Then tell your IT administrator."
        ),
        place="devices",
        place_label="My devices",
    ),
    "account_password_changed": Entry(
        kind=Kind.ACCOUNT,
        when="your password is changed",
        sentence=(
            "Your password for the Consent Portal was changed. "
            "If it was not you, set a new one at once and tell your IT department."
        ),
        place="account_reset_password",
        place_label="Set a new password",
    ),
    "access_ready": Entry(
        kind=Kind.ACCOUNT,
        when="the copy of your data is ready",
        sentence="The copy of everything that is held about you is ready.",
        place="access-download",
        place_label="Download it",
    ),
    "access_failed": Entry(
        kind=Kind.ACCOUNT,
        when="the copy of your data could not be made",
        sentence="The copy of everything that is held about you could not be made. Ask again.",
        place="access-download",
        place_label="Ask again",
    ),
    # Its mail holds a link that sets a password. Whoever sits at an open session must not get it.
    "account_password_reset": Entry(
        kind=Kind.ACCOUNT,
        when="somebody asks for a link to set your password",
        sentence=None,
    ),
    # Of requests, neither inbox nor mail says anything that depends on what is in them: whoever
    # looks over a shoulder or keeps the mails must not learn grounds, scope or names.
    "request_submitted": _of_mine(
        when="a request of yours has been sent",
        sentence="Your request was sent. Its page says who decides and by when.",
        can_stop_mail=True,
    ),
    "request_question": _of_mine(
        when="a reviewer asks you something about your request",
        sentence="A reviewer asks you something about your request. It waits for your answer.",
    ),
    "request_message": _of_mine(
        when="a reviewer writes to you",
        sentence="A reviewer wrote to you about your request.",
        can_stop_mail=True,
    ),
    "request_moved_on": _of_mine(
        when="your request goes on to the next reviewer",
        sentence="Your request is with the next reviewer.",
        can_stop_mail=True,
    ),
    "request_decided": _of_mine(
        when="your request is decided",
        sentence="There is a decision on your request.",
    ),
    "request_delayed": _of_mine(
        when="the legal deadline of your request is extended",
        sentence=(
            "The legal deadline of your request was extended. Its page says until when and why."
        ),
    ),
    "request_protected": _of_mine(
        when="a deadline of your request passes and you are protected",
        sentence="A deadline of your request passed. You are protected until somebody decides.",
    ),
    "appeal_decided": _of_mine(
        when="your appeal is decided",
        sentence="There is a decision on your appeal.",
    ),
    "exemption_expiring": _of_mine(
        when="an exemption of yours is about to end",
        sentence="An exemption of yours ends on {ends_on}. You can renew it until then.",
        can_stop_mail=True,
    ),
    "exemption_review": _of_mine(
        when="an open exemption of yours is to be looked at again",
        sentence=(
            "An exemption of yours is to be looked at again on {review_on}. "
            "It goes on until then and after. Renew it if you still need it."
        ),
        can_stop_mail=True,
    ),
    "exemption_expired": _of_mine(
        when="an exemption of yours has ended",
        sentence="An exemption of yours has ended. It takes nothing away from collection any more.",
    ),
    "exemption_revoked": _of_mine(
        when="an exemption of yours is revoked",
        sentence="An exemption of yours was revoked. Its page says why.",
    ),
    "review_waiting": _of_a_case(
        when="a request waits for you",
        sentence="A request waits for you.",
        can_stop_mail=True,
    ),
    "review_reminder": _of_a_case(
        when="a request that waits for you is due on the next business day",
        sentence="A request that waits for you is due on the next business day.",
        can_stop_mail=True,
    ),
    "review_escalated": _of_a_case(
        when="a request is overdue and comes to you as well",
        sentence="A request is overdue and now waits for you as well.",
    ),
    "review_answered": _of_a_case(
        when="an answer comes to a question of yours",
        sentence="An answer came to your question about a request.",
        can_stop_mail=True,
    ),
    "review_withdrawn": _of_a_case(
        when="a request that waited for you is withdrawn",
        sentence="A request that you had was withdrawn. Nothing is to be done.",
        can_stop_mail=True,
    ),
    "review_digest": _of_the_queue(
        when="the morning's list of what waits for you is made",
        sentence=(
            "Requests that wait for you: {waiting}. Due by the next business day: "
            "{due_soon}. Overdue: {overdue}."
        ),
        can_stop_mail=True,
    ),
    "delegation_received": _of_delegations(
        when="somebody hands their reviews over to you for a time",
        sentence="{from_name} handed their reviews over to you, from {starts_on} to {ends_on}.",
    ),
    "openings_unusual": Entry(
        kind=Kind.REVIEW,
        when="somebody opens unusually many confidential requests and you are an auditor",
        sentence=(
            "{name} opened many confidential requests in a short time. Further ones were "
            "refused for now. Look into it."
        ),
        place="inbox",
        place_label="Inbox",
    ),
    "route_proposed": _of_routes(
        when="a route waits for your approval",
        sentence="A new version of a route of requests waits for approval by legal.",
        can_stop_mail=True,
    ),
    "route_decided": _of_routes(
        when="a route that you proposed is approved or refused",
        sentence="A version of a route that you proposed was approved or refused.",
        can_stop_mail=True,
    ),
}

SHOWN_IN_INBOX = frozenset(event for event, entry in ENTRIES.items() if entry.sentence)


def kinds_of_choice() -> list[Kind]:
    """Return the kinds that have a mail one can do without."""
    return [kind for kind in Kind if when_mailed(kind, can_stop=True)]


def when_mailed(kind: Kind, *, can_stop: bool) -> list[str]:
    """Return the occasions of a kind: those one can do without, or those one can't."""
    return [
        entry.when
        for entry in ENTRIES.values()
        if entry.kind == kind and entry.can_stop_mail == can_stop
    ]
