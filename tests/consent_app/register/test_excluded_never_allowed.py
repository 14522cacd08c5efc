"""No ceiling or policy that the portal can build lets an excluded application be captured."""

import json
import uuid
from datetime import timedelta
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.canonical import canonical_json
from consent_agent.protocol.decision import PolicyView, Reason, Subject
from consent_agent.protocol.documents import Ceiling, Deny, DevicePolicy
from consent_agent.protocol.matching import Register
from consent_agent.protocol.members import Members
from consent_app.devices.policy import (
    DeviceFacts,
    RestrictionFact,
    compile_ceiling,
    compile_device_policy,
    deny_entry,
)
from consent_app.register.actions import DATA, portal_itself
from consent_app.register.document import register_document
from consent_app.register.models import Application
from consent_app.register.source import read_source
from tests.conftest import NOON
from tests.consent_app.register.conftest import PORTAL_HOST

KINDS = ("mouse_movement", "mouse_click", "keystrokes")
DIGEST = "sha256:" + "0" * 64


@cache
def shipped() -> Register:
    """Return the register that ships, as its document says it."""
    source = read_source(DATA)
    return Register.from_document(
        register_document(
            number=1,
            published_at=NOON,
            applications=[*source.applications, portal_itself(PORTAL_HOST)],
            safeguards=source.safeguards,
        )
    )


@cache
def excluded_slugs() -> list[str]:
    return sorted(row.slug for row in shipped().applications if row.excluded)


@cache
def excluded_domains() -> list[str]:
    return sorted(name for row in shipped().applications if row.excluded for name in row.domains)


@cache
def excluded_programs() -> list[str]:
    return sorted(
        name
        for row in shipped().applications
        if row.excluded
        for name in (
            row.slug, *row.macos_bundle_ids, *row.windows_executables, *row.linux_executables,
        )
    )  # fmt: skip


moments = st.integers(-90, 90).map(lambda minutes: NOON + timedelta(minutes=minutes))
slugs = st.deferred(lambda: st.sampled_from([row.slug for row in shipped().applications]))


@st.composite
def restrictions(draw) -> RestrictionFact:
    starts_at = draw(moments)
    length = draw(st.none() | st.integers(0, 60))
    return RestrictionFact(
        id=draw(st.uuids()),
        source=draw(st.sampled_from(["pause", "preference", "exemption", "protection"])),
        starts_at=starts_at,
        ends_at=None if length is None else starts_at + timedelta(minutes=length),
        applications=draw(st.none() | st.frozensets(slugs, min_size=1, max_size=3)),
        kinds=draw(st.none() | st.frozensets(st.sampled_from(KINDS), min_size=1)),
    )


@st.composite
def views(draw) -> PolicyView:
    """Build the rules with the portal's own compiler, the widest ones most often."""
    ceiling = compile_ceiling(
        cohort="us-ca",
        collection=draw(st.sampled_from(["allowed", "allowed", "opt_in", "out_of_scope"])),
        register_digest=DIGEST,
        # Even a ceiling that forgot to deny them.
        excluded=draw(st.sampled_from([excluded_slugs(), []])),
    )
    facts = DeviceFacts(
        device=draw(st.uuids()),
        cohort="us-ca",
        collection=draw(st.sampled_from(["allowed", "allowed", "opt_in", "out_of_scope"])),
        is_active=draw(st.sampled_from([True, True, False])),
        acknowledgement_missing=draw(st.sampled_from([False, False, True])),
        opted_in=draw(st.booleans()),
        restrictions=draw(st.frozensets(restrictions(), max_size=3)),
    )
    policy = compile_device_policy(facts, version=1, issued_at=NOON)
    stops = draw(st.lists(restrictions(), max_size=1))
    return PolicyView(
        register=shipped(),
        ceiling=Ceiling.from_payload(
            canonical_json(ceiling | {"version": 1, "issued_at": "2026-11-23T12:00:00Z"})
        ),
        policy=DevicePolicy.from_payload(canonical_json(policy)),
        freshness_deny=[Deny.from_members(Members(deny_entry(stop))) for stop in stops],
    )


@st.composite
def addresses(draw) -> str:
    """Write the address of an excluded application in one of the ways that browsers take."""
    host = draw(st.sampled_from(["", "www.", "eu1.app.", "a-b."])) + draw(
        st.sampled_from(excluded_domains())
    )
    if draw(st.booleans()):
        host = host.upper()
    user = draw(st.sampled_from(["", "slack.com@", "user:slack.com@"]))
    end = draw(st.sampled_from(["", ".", ":443", ":8443"]))
    rest = draw(st.sampled_from(["", "/", "/@slack.com", "?next=https://slack.com/", "#slack.com"]))
    scheme = draw(st.sampled_from(["https", "http", "HTTPS"]))
    return f"{scheme}://{user}{host}{end}{rest}"


@given(view=views(), url=addresses(), kind=st.sampled_from(KINDS), at=moments)
def test_no_address_of_an_excluded_application_is_allowed(view, url, kind, at):
    assert not view.decide(Subject(url=url), kind=kind, at=at).allowed


@given(view=views(), kind=st.sampled_from(KINDS), at=moments, data=st.data())
def test_no_excluded_program_is_allowed(view, kind, at, data):
    name = data.draw(st.sampled_from(excluded_programs()))

    assert not view.decide(Subject(application=name), kind=kind, at=at).allowed


@given(view=views(), url=addresses(), kind=st.sampled_from(KINDS), at=moments)
def test_no_excluded_page_is_allowed_in_a_captured_browser(view, url, kind, at):
    subject = Subject(application="google-chrome", url=url)

    assert not view.decide(subject, kind=kind, at=at).allowed


def test_every_excluded_row_says_so_under_the_widest_rules():
    view = widest()

    for row in shipped().applications:
        if row.excluded:
            for url in (f"https://{domain}/" for domain in row.domains):
                verdict = view.decide(Subject(url=url), kind="keystrokes", at=NOON)
                assert (verdict.reason, verdict.rule) == (Reason.EXCLUDED, row.slug)


def test_every_captured_row_is_allowed_under_the_widest_rules():
    """Otherwise the properties above would hold of rules that allow nothing at all."""
    view = widest()
    refused = [
        row.slug
        for row in shipped().applications
        if not row.excluded
        and not view.decide(Subject(application=row.slug), kind="keystrokes", at=NOON).allowed
    ]

    assert refused == []


# Registers that owners might write: what is excluded lies beneath what is collected, and above it.

names = st.lists(st.sampled_from(["a", "b", "hr"]), min_size=0, max_size=3).map(
    lambda labels: ".".join([*labels, "example.com"])
)


@st.composite
def written(draw) -> list[Application]:
    """Write rows whose addresses nest in one another and whose programs share beginnings."""
    hosts = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    rows = []
    for number, host in enumerate(hosts):
        is_excluded = draw(st.booleans())
        rows.append(
            Application(
                slug=f"app-{number}", name=host, vendor="v", category="documents_notes",
                domains=[host], linux_executables=[f"app{number}"],
                windows_executables=[f"App{number}.exe"], communication=False, sensitivity="none",
                excluded=is_excluded, reason="private" if is_excluded else "",
                kinds=[] if is_excluded else list(KINDS),
            )
        )  # fmt: skip
    return rows


def row_for(host: str, rows: list[Application]) -> Application | None:
    """Return the row of the longest address that `host` is or lies beneath."""
    above = [row for row in rows if host == row.domains[0] or host.endswith(f".{row.domains[0]}")]
    return max(above, key=lambda row: len(row.domains[0]), default=None)


@given(rows=written(), host=names, kind=st.sampled_from(KINDS), data=st.data())
def test_whatever_register_is_written_what_it_excludes_is_not_allowed(rows, host, kind, data):
    register = Register.from_document(
        register_document(number=2, published_at=NOON, applications=rows, safeguards=[])
    )
    row = row_for(host, rows)
    program = data.draw(st.none() | st.sampled_from(rows))
    name = program and data.draw(
        st.sampled_from([program.slug, *program.linux_executables, *program.windows_executables])
    )

    verdict = widest(register).decide(
        Subject(application=name, url=f"https://{host}/"), kind=kind, at=NOON
    )

    is_excluded = row is None or row.excluded or (program is not None and program.excluded)
    assert verdict.allowed == (not is_excluded)


def widest(register: Register | None = None) -> PolicyView:
    register = register or shipped()
    ceiling = compile_ceiling(
        cohort="us-ca",
        collection="allowed",
        register_digest=DIGEST,
        excluded=[row.slug for row in register.applications if row.excluded],
    )
    policy = compile_device_policy(
        DeviceFacts(device=uuid.UUID(int=1), cohort="us-ca", collection="allowed"),
        version=1,
        issued_at=NOON,
    )
    issued = {"version": 1, "issued_at": "2026-11-23T12:00:00Z"}
    return PolicyView(
        register=register,
        ceiling=Ceiling.from_payload(json.dumps(ceiling | issued).encode()),
        policy=DevicePolicy.from_payload(json.dumps(policy).encode()),
    )
