"""Who gets what at every address, generated from the URL configuration.

Each address has a row; a new one without a row fails. Every row is tried by everybody of the cast,
with GET and with POST, on every object that its address can name.
"""

from dataclasses import dataclass, field
from uuid import UUID

import pytest
from allauth.account.internal.flows.login import record_authentication
from django.db import transaction
from django.http import HttpRequest
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.urls.converters import IntConverter
from django.utils import timezone

from exemptions.actions import decisions, delegations, drafts, routes, submission
from exemptions.models import Verdict
from exemptions.queries import own
from exemptions.rules import StepPlan
from tests.exemption_fixtures import BATTERY, ORDINARY, SENSITIVE, fresh

NOBODY = UUID(int=0)
EVERYBODY = frozenset(
    {
        "mira",
        "noor",
        "jonas",
        "stand_in",
        "other_manager",
        "hr",
        "other_hr",
        "legal",
        "it",
        "owner",
        "auditor",
    }
)
REVIEWERS = frozenset({"jonas", "stand_in", "other_manager", "hr", "other_hr", "legal", "it"})
READS_ROUTES = frozenset({"owner", "legal", "auditor"})
WRITES = frozenset({"owner"})
IT = frozenset({"it"})

# Who may open which request as a reviewer. `hr` is the requester of "of_hr".
CASES = {
    "ordinary": {"jonas", "stand_in"},
    "at_hr": {"jonas", "stand_in", "hr", "other_hr"},
    "at_it": {"jonas", "stand_in", "it"},
    "confidential": {"hr", "other_hr"},
    "of_hr": {"other_hr"},
    "foreign": {"other_manager"},
    "declined": {"jonas", "stand_in"},
}
# Whose request it is.
OWN = {name: {"mira"} for name in CASES} | {"of_hr": {"hr"}, "foreign": {"stand_in"}}
DRAFTS = {"draft": {"mira"}}
# What was sent is no draft any more: its form leads to its page.
SENT = dict.fromkeys(CASES, 302)


@dataclass(frozen=True)
class Row:
    """What an address answers: to those in `through`, and to everybody else.

    `through` names people, or for each object the people. 405 means that the method is none of the
    address's; then it is the answer to everybody.
    """

    get: int = 405
    post: int = 405
    through: frozenset[str] | dict[str, set[str]] = EVERYBODY
    otherwise: int = 404
    except_on: dict[str, int] = field(default_factory=dict)


ROWS = {
    # One's own account
    "account_reauthenticate": Row(get=200, post=422),
    "account_change_password": Row(get=200, post=422),
    "account_set_password": Row(get=302, post=302),
    # One's own state, devices and messages
    "home": Row(get=200),
    "pause-start": Row(post=422),
    "pause-end": Row(post=422),
    "devices": Row(get=200),
    "device-code": Row(post=200),
    "device-code-used": Row(get=204),
    "device-remove": Row(post=302, through=frozenset({"mira"})),
    "device-accept": Row(post=302, through=frozenset({"mira"})),
    "device-refuse": Row(post=302, through=frozenset({"mira"})),
    # Devices of everybody: to whoever is no IT administrator they do not exist
    "fleet": Row(get=200, through=IT),
    "fleet-lag": Row(get=200, through=IT),
    "fleet-device": Row(get=200, through=IT),
    "fleet-chosen": Row(get=200, through=IT),
    "fleet-remove": Row(post=400, through=IT),
    "fleet-again": Row(post=400, through=IT),
    "rollouts": Row(get=200, post=422, through=IT),
    "service": Row(get=200, through=IT),
    "rollout-end": Row(post=404, through=frozenset()),
    "preferences": Row(get=200, post=422),
    "preference-application": Row(post=422),
    "quiet-time-add": Row(post=422),
    "quiet-time-end": Row(post=404, through=frozenset()),
    "inbox": Row(get=200),
    "inbox-read-all": Row(post=400),
    "inbox-read": Row(post=404, through=frozenset()),
    "inbox-preferences": Row(get=200, post=302),
    # The notice of where one works; nobody of the cast works where there is a free choice
    "notice": Row(get=200),
    "notice-served": Row(post=409),
    "notice-read": Row(post=409),
    "notice-acknowledge": Row(post=409),
    "notice-version": Row(get=200),
    "notice-poster": Row(get=404, through=frozenset()),
    "choice": Row(get=404, post=404, through=frozenset()),
    "choice-record": Row(get=404, through=frozenset()),
    "register": Row(get=200),
    "register-try": Row(get=200, post=422),
    # One's own orders to forget, and who has to obey them
    "forget": Row(get=200, post=422),
    "forget-confirm": Row(post=422),
    "forget-order": Row(get=404, through=frozenset()),
    "forget-certificate": Row(get=404, through=frozenset()),
    "data-stores": Row(get=200, through=READS_ROUTES | {"it"}, otherwise=403),
    # One's own requests: a draft has its pages, a request that was sent has others
    "my-requests": Row(get=200),
    "request-new": Row(get=200, post=422),
    "request-scope": Row(get=200, post=422, through=OWN | DRAFTS, except_on=SENT),
    "request-period": Row(get=200, post=422, through=OWN | DRAFTS, except_on=SENT),
    "request-statement": Row(get=200, post=422, through=OWN | DRAFTS, except_on=SENT),
    "request-files": Row(post=422, through=OWN | DRAFTS, except_on=SENT),
    "request-file-remove": Row(post=302, through=OWN | DRAFTS),
    "request-check": Row(get=200, post=302, through=OWN | DRAFTS, except_on=SENT),
    "request-discard": Row(post=302, through=OWN | DRAFTS),
    "my-request": Row(get=200, through=OWN),
    "request-file": Row(get=200, through=OWN | DRAFTS),
    "request-withdraw": Row(post=302, through=OWN, except_on={"declined": 409}),
    "request-answer": Row(post=422, through=OWN),
    "request-add": Row(post=422, through=OWN),
    "request-appeal": Row(post=422, through=OWN),
    "request-renew": Row(post=409, through=OWN),
    # Requests of others
    "review": Row(get=200, through=REVIEWERS, otherwise=403),
    "review-bulk": Row(get=200, post=422, through=REVIEWERS, otherwise=403),
    "review-away": Row(get=200, post=422, through=REVIEWERS, otherwise=403),
    "review-away-end": Row(post=404, through=frozenset()),
    "review-case": Row(get=200, through=CASES),
    "review-file": Row(get=200, through=CASES),
    "review-decide": Row(post=400, through=CASES),
    "review-ask": Row(post=422, through=CASES),
    "review-message": Row(post=422, through=CASES),
    "review-note": Row(post=422, through=CASES),
    "review-assign": Row(post=422, through=CASES),
    "review-delay": Row(post=422, through=CASES),
    "review-revoke": Row(post=422, through=CASES),
    # The programme
    "programme": Row(get=200, through=READS_ROUTES, otherwise=403),
    "log": Row(get=200, through=frozenset({"auditor"}), otherwise=403),
    "log-checkpoint": Row(get=200, through=frozenset({"auditor"}), otherwise=403),
    # Versions of the register
    "register-versions": Row(get=200),
    "register-version": Row(get=200),
    "register-changes": Row(get=200),
    "register-review": Row(get=200, through=READS_ROUTES, otherwise=403),
    "register-notices": Row(get=404, through=READS_ROUTES, otherwise=403),
    "register-start": Row(post=302, through=frozenset({"owner"}), otherwise=403),
    "register-discard": Row(post=404, through=READS_ROUTES, otherwise=403),
    "register-propose": Row(post=404, through=READS_ROUTES, otherwise=403),
    "register-return": Row(post=404, through=READS_ROUTES, otherwise=403),
    "register-approve": Row(post=404, through=READS_ROUTES, otherwise=403),
    "register-publish": Row(post=404, through=READS_ROUTES, otherwise=403),
    "register-export": Row(get=200),
    "register-export-safeguards": Row(get=200),
    "draft-words": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-kinds": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-notice": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-applications": Row(get=404, through=WRITES, otherwise=403),
    "draft-export": Row(get=404, through=WRITES, otherwise=403),
    "draft-export-safeguards": Row(get=404, through=WRITES, otherwise=403),
    "draft-application-new": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-application": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-application-remove": Row(post=404, through=WRITES, otherwise=403),
    "draft-safeguards": Row(get=404, through=WRITES, otherwise=403),
    "draft-safeguard-new": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-safeguard": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-safeguard-remove": Row(post=404, through=WRITES, otherwise=403),
    "draft-import": Row(get=404, post=404, through=WRITES, otherwise=403),
    "draft-import-apply": Row(post=404, through=WRITES, otherwise=403),
    # Stops of the programme
    "stops": Row(get=200, post=422, through=READS_ROUTES, otherwise=403),
    "stop-restart": Row(get=404, post=404, through=READS_ROUTES, otherwise=403),
    "stop-agree": Row(post=404, through=READS_ROUTES, otherwise=403),
    "stop-decline": Row(post=404, through=READS_ROUTES, otherwise=403),
    # One's own counts
    "my-data": Row(get=200),
    "my-data-csv": Row(get=200),
    "my-data-json": Row(get=200),
    # A copy of everything about oneself
    "access-download": Row(get=200),
    "access-request": Row(post=302),
    "access-file": Row(get=404, through=frozenset()),
    # One's own entries of the log
    "my-records": Row(get=200),
    "my-record-receipt": Row(get=404, through=frozenset()),
    # Incidents
    "incidents": Row(get=200, through=READS_ROUTES, otherwise=403),
    "incident-close": Row(post=404, through=READS_ROUTES, otherwise=403),
    # The list of protected people
    "contacts-protected": Row(get=200, post=422, through=frozenset({"legal"}), otherwise=403),
    "contacts-entry-end": Row(post=404, through=frozenset({"legal"}), otherwise=403),
    # Routes
    "routes": Row(get=200, through=READS_ROUTES, otherwise=403),
    "route-edit": Row(get=200, post=422, through=frozenset({"owner"}), otherwise=403),
    "route-propose": Row(post=409, through=frozenset({"owner"}), otherwise=403),
    "route-approve": Row(post=302, through=frozenset({"legal"}), otherwise=403),
    "route-return": Row(post=302, through=frozenset({"legal"}), otherwise=403),
}


def patterns(resolver):
    for pattern in resolver.url_patterns:
        yield from [pattern] if isinstance(pattern, URLPattern) else patterns(pattern)


SIGNED_IN = {
    pattern.name: pattern
    for pattern in patterns(get_resolver("portal.urls"))
    if getattr(pattern.callback, "login_required", True)
}


@pytest.fixture
def people(organisation, make_employee, frozen_time):
    """Return the cast by name; `stand_in` decides for Jonas while he is away."""
    boss = make_employee("Ada Boss")
    stand_in = make_employee("Sam Stand-In", line_manager=boss)
    now = timezone.now()
    delegations.start_delegation(
        person=organisation.jonas, by=organisation.jonas, delegate=stand_in,
        starts_at=now, ends_at=now + timezone.timedelta(days=9), reason="Holiday",
    )  # fmt: skip
    return {
        "mira": organisation.mira,
        "noor": organisation.noor,
        "jonas": organisation.jonas,
        "stand_in": stand_in,
        "other_manager": boss,
        "hr": organisation.hr[0],
        "other_hr": organisation.hr[1],
        "legal": organisation.legal[0],
        "it": organisation.it[0],
        "owner": organisation.owner,
        "auditor": organisation.auditor,
    }


@pytest.fixture
def objects(people, make_draft):
    """Return a request in each place that matters, each with a file."""
    mira, jonas = people["mira"], people["jonas"]

    def draft_with_file(requester, **wanted):
        draft = make_draft(requester, **wanted)
        drafts.attach_file(request=draft, name="proof.txt", content=b"It is so.")
        return fresh(draft)

    def make_request(requester, **wanted):
        draft = draft_with_file(requester, **wanted)
        return fresh(submission.submit_request(request=draft, by=requester))

    made = {
        "draft": draft_with_file(mira),
        "ordinary": make_request(mira, first_day=1),
        "at_hr": make_request(mira, first_day=2),
        "at_it": make_request(mira, ground=BATTERY),
        "confidential": make_request(mira, ground=SENSITIVE),
        "of_hr": make_request(people["hr"], ground=SENSITIVE),
        "foreign": make_request(people["stand_in"], ground=ORDINARY),
        "declined": make_request(mira, first_day=4),
    }
    for name in ("at_hr", "at_it"):
        request = made[name]
        decisions.decide(request=request, by=jonas, seen=request.version, verdict=Verdict.APPROVE)
    decisions.decide(
        request=made["declined"], by=jonas, seen=made["declined"].version,
        verdict=Verdict.DECLINE, code="ground_not_met", text="Not covered.",
    )  # fmt: skip
    return {name: fresh(request) for name, request in made.items()}


def signed_in(person) -> Client:
    """Return a browser of somebody who has confirmed their password just now."""
    client = Client(raise_request_exception=True)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    request = HttpRequest()
    request.session = client.session
    record_authentication(request, person, "password", reauthenticated=True)
    request.session.save()
    return client


def test_every_address_has_a_row():
    assert set(SIGNED_IN) == set(ROWS)


def test_every_row_is_tried_with_every_object(objects):
    assert set(CASES) | set(DRAFTS) == set(objects)


@pytest.fixture
def proposed(people, grounds):
    """Return a version of a route that legal has before it."""
    in_force = grounds[ORDINARY].routes.get()
    route = routes.save_route(
        ground=grounds[ORDINARY], by=people["owner"], seen=in_force.drafted_at,
        steps=[StepPlan("hr_reviewer", 1, 5, 2, "")], protects_while_pending=True,
        appeal_reviewer="hr_reviewer", change_note="HR alone decides.",
    )  # fmt: skip
    return routes.propose_route(route=route, by=people["owner"], seen=route.drafted_at)


def test_everybody_of_the_cast_is_tried(people):
    assert set(people) == EVERYBODY


@pytest.mark.timeout(600)
@pytest.mark.parametrize("actor", sorted(EVERYBODY))
def test_every_address_answers_as_its_row_says(actor, people, objects, proposed, laptop, subtests):
    typed = {"seen": proposed.drafted_at.isoformat(), "note": "One step more."}
    known = objects | {"route": proposed, "laptop": laptop}
    client = signed_in(people[actor])
    for name, row in ROWS.items():
        with subtests.test(actor=actor, address=name):
            wanted = expected(row, actor, name, objects)
            seen = {
                (target, method): answer(client, method, address(name, target, known), typed)
                for target, method in wanted
            }
            assert seen == wanted


def targets(name, objects):
    """Return the objects that the address can name, and one that nobody has."""
    if "request_id" not in SIGNED_IN[name].pattern.converters:
        return [""]
    return [*objects, "unknown"]


def address(name, target, objects):
    request = objects.get(target)
    values = {}
    for part, converter in SIGNED_IN[name].pattern.converters.items():
        values[part] = 1 if isinstance(converter, IntConverter) else NOBODY
        if part == "request_id" and request:
            values[part] = request.pk
        if part == "attachment_id" and request:
            values[part] = own.attachments_of(request)[0].pk
        if part == "route_id" and "route" in objects:
            values[part] = objects["route"].pk
        if part == "ground":
            values[part] = SENSITIVE
        if part == "device_id" and "laptop" in objects:
            values[part] = objects["laptop"].device.pk
    return reverse(name, kwargs=values)


def expected(row, actor, name, objects):
    """Return the answers by object and method; a method that is none of the address's, once."""
    wanted = {}
    for target in targets(name, objects):
        through = row.through.get(target, set()) if isinstance(row.through, dict) else row.through
        for method in ("get", "post"):
            passing = getattr(row, method)
            if passing == 405:
                wanted["unknown" if "unknown" in targets(name, objects) else "", method] = 405
            elif actor in through:
                wanted[target, method] = row.except_on.get(target, passing)
            else:
                wanted[target, method] = row.otherwise
    return wanted


def answer(client, method, path, typed):
    """Return the status; what the request changed is undone."""
    with transaction.atomic():
        status = getattr(client, method)(path, typed if method == "post" else {}).status_code
        transaction.set_rollback(True)
    return status
