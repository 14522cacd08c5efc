"""The agent API with what nobody thought of: the real server, held against its OpenAPI document.

Schemathesis makes requests from the document, right and wrong ones; another generator makes bodies
that no document can describe: broken JSON, members twice, NaN, deep nesting, other media types. No
answer may be a server error, and each must be one that the document names, in the form it gives.

Few cases in the normal run. FUZZ_CASES is how many Schemathesis makes at least; `make fuzz` has it
make 5,000, and the other generators half as many again.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from consent_agent.protocol.jws import decode_base64url, public_key_jwk, sign
from consent_app.devices.actions import issue_enrolment_code, sign_ceilings
from consent_app.people.queries import system_user
from consent_app.register.actions import load_register
from portal.lib.keys import create_keys
from portal.management.commands.prepare_database import grant_serving_role
from tests.browser.live_portal import LivePortal, serving_role_url
from tests.device_fixtures import Enrolled, enrol, new_key

CASES = int(os.environ.get("FUZZ_CASES", "200"))
OPERATIONS = 9
# An operation that has few different requests is asked no oftener, so the others are by a half.
EXAMPLES = max(1, CASES * 3 // 2 // (2 * OPERATIONS))
DEVICES = max(20, CASES // 60)
# A document's own answers, in the form it gives them.
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
WRITES = ("enrolments", "acknowledgements", "pauses", "ledger")
LONGEST_WAIT = re.compile(r"wait=\d+")

pytestmark = pytest.mark.timeout(3600 if CASES > 1000 else 300)
schemathesis_settings = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def portal(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[LivePortal]:
    """Start the portal with the role that serves requests; addresses are told by a proxy."""
    with django_db_blocker.unblock():
        grant_serving_role(urlsplit(os.environ["TEST_PORTAL_ROLE_URL"]).username or "portal")
        folder = tmp_path_factory.mktemp("portal")
        portal = LivePortal(folder, database_url=serving_role_url(), BEHIND_PROXY="yes")
        portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def devices(transactional_db, portal, settings, make_employee) -> list[Enrolled]:
    """Return devices that the running portal knows; one alone would soon be told to slow down."""
    settings.KEYS_DIR = portal.folder / "keys"
    create_keys(settings.KEYS_DIR)
    make_employee("Nobody")
    load_register(by=system_user(), portal_host="127.0.0.1")
    person = make_employee()
    sign_ceilings(by=system_user())
    return [enrol(person) for _ in range(DEVICES)]


class Judge:
    """Sends requests and looks at the answers; `seen` counts them by operation and status."""

    def __init__(self, portal: LivePortal, devices: list[Enrolled]) -> None:
        self.portal = portal
        self.devices = devices
        self.seen: Counter[tuple[str, int]] = Counter()
        self.schema = schemathesis.openapi.from_url(f"{portal.url}/agent/v1/openapi.json")
        self.operations = [found.ok() for found in self.schema.get_all_operations()]
        self.client = httpx.Client(base_url=portal.url, timeout=30)

    @property
    def device(self) -> Enrolled:
        """Return the device whose turn it is, another after each answer."""
        return self.devices[self.seen.total() % len(self.devices)]

    def operation(self, path: str) -> Any:
        return next(one for one in self.operations if one.path == f"/agent/v1/{path}")

    def headers(self, *, with_token: bool = True) -> dict[str, str]:
        """Return what every request has: an address of its own, since attempts are counted."""
        number = self.seen.total()
        headers = {"X-Forwarded-For": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}
        if with_token:
            headers["Authorization"] = f"Bearer {self.device.token}"
        return headers

    def check_case(self, case: Any, *, with_token: bool) -> None:
        """Send what Schemathesis made."""
        if "Prefer" in case.headers:
            # Holding an answer takes the time that it says, and finds nothing.
            case.headers["Prefer"] = LONGEST_WAIT.sub("wait=0", case.headers["Prefer"])
        if not with_token:
            case.headers.pop("Authorization", None)
        answer = case.call(base_url=self.portal.url, headers=self.headers(with_token=with_token))
        self.seen[case.operation.label, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    def check_body(self, path: str, body: bytes, media_type: str, **headers: str) -> int:
        """Send a body as it is, and return the status."""
        operation = self.operation(path)
        sent = self.headers() | {"Content-Type": media_type} | headers
        answer = self.client.post(f"/agent/v1/{path}", content=body, headers=sent)
        self.seen[operation.label, answer.status_code] += 1
        operation.Case(media_type="application/json").validate_response(answer, checks=CHECKS)
        return answer.status_code


@pytest.fixture
def judge(portal, devices) -> Iterator[Judge]:
    judge = Judge(portal, devices)
    yield judge
    judge.client.close()
    print(*sorted(judge.seen.items()), sep="\n")
    log = portal.log()
    assert "Traceback" not in log, log[log.index("Traceback") :][:4000]


def test_every_operation_answers_as_the_document_says(judge):
    assert len(judge.operations) >= OPERATIONS

    for operation, mode in product(judge.operations, GenerationMode):
        if mode == GenerationMode.NEGATIVE and not _can_be_wrong(operation):
            continue

        @schemathesis_settings
        @given(operation.as_strategy(generation_mode=mode), st.sampled_from([True, True, False]))
        def check(case, with_token):
            judge.check_case(case, with_token=with_token)

        check()

    assert judge.seen.total() >= CASES


def _can_be_wrong(operation: Any) -> bool:
    """Tell whether anything in the document can be broken: a body, or a parameter of the path."""
    return bool(operation.body) or bool(operation.path_parameters)


JSON_TEXT = st.sampled_from(
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"nul",
        b'"text"',
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b'{"minutes": NaN, "idempotency_key": "12345678"}',
        b'{"minutes": Infinity, "idempotency_key": "12345678"}',
        b'{"minutes": 1e999, "idempotency_key": "12345678"}',
        b'{"minutes": 5.0, "idempotency_key": "12345678"}',
        b'{"minutes": true, "idempotency_key": "12345678"}',
        b'{"minutes": 5, "minutes": 6, "idempotency_key": "12345678"}',
        b'{"jws": "a", "jws": "b"}',
        b'{"jws": "\\ud800"}',
        b'{"jws": "\\u0000"}',
        b'{"code": "\\udfff\\ud800"}',
        b'{"__proto__": {}, "jws": "a"}',
        b'{"minutes": ' + b"9" * 5000 + b', "idempotency_key": "12345678"}',
        b"[" * 10_000,
        b"[" * 17 + b"]" * 17,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"a": "' + b"x" * 70_000 + b'"}',
        b"\xff\xfe{\x00}\x00",
        "{}".encode("utf-16"),
        "{}".encode("utf-32"),
        b"%PDF-1.7",
        b"a=1&b=2",
    ]
)
MEDIA_TYPES = st.sampled_from(
    ["application/json"] * 6
    + [
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        "application/json; charset=utf-7",
        "application/json; charset=no-such",
        "APPLICATION/JSON",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "text/plain",
        "text/json;;;",
        "",
    ]
)


def test_no_body_breaks_an_endpoint(judge):
    @settings(schemathesis_settings, max_examples=max(20, CASES // 4))
    @given(
        path=st.sampled_from(WRITES),
        body=JSON_TEXT | st.binary(max_size=200) | _almost_json(),
        media_type=MEDIA_TYPES,
        encoding=st.sampled_from([None, None, None, "gzip", "identity", "br"]),
    )
    def check(path, body, media_type, encoding):
        headers = {"Content-Encoding": encoding} if encoding else {}
        assert judge.check_body(path, body, media_type, **headers) >= 400

    check()


def _almost_json() -> SearchStrategy[bytes]:
    """Make JSON of the members that some endpoint has, with values that none expects."""
    names = ["minutes", "idempotency_key", "jws", "code", "reports", "cost", "hostname", "other"]
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    )
    objects = st.dictionaries(st.sampled_from(names), values, min_size=1).filter(_is_no_pause)
    return objects.map(lambda members: json.dumps(members).encode("utf-8", "surrogatepass"))


def _is_no_pause(members: dict[str, Any]) -> bool:
    """Leave out the reports that are right: nothing reported, nothing counted."""
    return not set(members) <= {"reports", "cost"}


def test_signed_words_are_taken_or_refused(judge, portal):
    members = [*json.loads(_payload(judge.device.acknowledgement())), "extra"]
    odd = st.sampled_from(
        [None, True, 0, -1, 1.5, 2**53, 2**63, 2**70, "", "x", [], {}, "9999-12-31T23:59:59Z",
         "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "sha256:" + "0" * 64, "\u202e"]
    )  # fmt: skip

    @settings(schemathesis_settings, max_examples=max(20, CASES // 4))
    @given(
        changes=st.dictionaries(st.sampled_from(members), odd, max_size=2),
        is_its_own=st.sampled_from([True, True, True, False]),
        typ=st.sampled_from(["acknowledgement+jws"] * 3 + ["freshness+jws"]),
        cut=st.none() | st.integers(0, 200),
        sequence=st.integers(1, 5),
    )
    def check(changes, is_its_own, typ, cut, sequence):
        device = judge.device
        good = json.loads(_payload(device.acknowledgement()))
        payload = {**good, "sequence": sequence, **changes}
        key = device.key if is_its_own else new_key()
        try:
            jws = sign(payload, typ=typ, key=key)
        except ValueError:  # no canonical form: no device could sign it
            return
        text = jws if cut is None else jws[:cut] + jws[cut + 1 :]
        status = judge.check_body(
            "acknowledgements", json.dumps({"jws": text}).encode(), "application/json"
        )
        is_whole = cut is None or cut >= len(jws)
        if status == 202:
            assert is_whole and is_its_own and typ == "acknowledgement+jws"  # noqa: PT018

    check()
    assert judge.seen["POST /agent/v1/acknowledgements", 202] > 0


def _payload(jws: str) -> bytes:
    return decode_base64url(jws.split(".")[1])


def test_codes_let_in_once(judge):
    person = judge.device.device.employee

    for number in range(max(5, CASES // 100)):
        body = {
            "code": issue_enrolment_code(employee=person, by=person),
            "public_key": public_key_jwk(new_key().private.public_key()),
            "hostname": f"LAPTOP-{number}",
            "platform": "linux",
            "agent_version": "1.0",
        }
        sent = [json.dumps(body).encode(), json.dumps(body | {"hostname": "OTHER"}).encode()]
        statuses = [judge.check_body("enrolments", one, "application/json") for one in sent]
        assert statuses == [201, 409]
